// What long blocks teach: how long to hold before the first test of the next one, and whether they are bans of one
// length, after which the bucket is full again, or windows that end at their own time.
//
// Told apart by two blocks in a row: bans last equally long however long it took to run into them; of windows the time
// from one end to the next is the same. A ban is expensive, so after one the pace is taken from what is certain: a pace
// r that was refused after T seconds, with a bucket of b, had a limit of at least r - b/T; and b is at most what was
// accepted in the shortest time that a block ever took to come.
//
// Times are seconds of one monotonic clock. Not thread-safe: owned by a Learner.
#pragma once

#include <cstdint>
#include <limits>

namespace backoffd::policy {

class Bans {
 public:
  // Before the first test of an event that says nothing of its length.
  double first_hold() const;
  void test_failed(double hold);
  void short_block();  // an early test was accepted: no ban

  // A long block is over. `hold`: the silent wait that ended it, 0 where its length was told; `lost`: seconds without
  // sending; `refused`: when the request was sent that began it; `resumed`: when the test was that ended it;
  // `accepted`: since the learner began.
  void long_block(double hold, double lost, double refused, double resumed, std::uint64_t accepted);
  bool of_one_length() const { return of_one_length_; }
  // REQUIRES: long_block() was called for it. `since`: when `rate` was first sent at.
  double least_limit(double rate, double since) const;

  void begin(double now) { free_since_ = now; }  // the first request is sent
  double seconds() const { return worked_; }     // the hold that ended the last silent one; 0: none
  void restore(double seconds) { worked_ = seconds; }

 private:
  double worked_ = 0;      // the hold that ended the last silent ban ...
  double failed_ = 0;      // ... and the longest that did not
  double free_since_ = 0;  // sending again
  std::uint64_t accepted_before_ = 0;
  double least_burst_ = std::numeric_limits<double>::max();
  double lost_ = 0, clear_ = 0;  // of the block before the last
  double refused_ = 0, was_free_since_ = 0;
  bool of_one_length_ = false;
};

}  // namespace backoffd::policy
