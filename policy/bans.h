// What long blocks teach of the next one: how long to hold before its first test. Early pokes may extend a ban.
// What pace keeps clear of them is told by Allowance.
//
// Times are seconds. Not thread-safe: owned by a Learner.
#pragma once

namespace backoffd::policy {

class Bans {
 public:
  // Before the first test of an event that says nothing of its length.
  double first_hold() const;
  void test_failed(double hold);
  void short_block();            // an early test was accepted: no ban
  void long_block(double hold);  // one is over; `hold`: the silent wait that ended it, 0 where its length was told

  double seconds() const { return worked_; }  // the hold that ended the last silent one; 0: none
  void restore(double seconds) { worked_ = seconds; }

 private:
  double worked_ = 0;  // the hold that ended the last silent ban ...
  double failed_ = 0;  // ... and the longest that did not
};

}  // namespace backoffd::policy
