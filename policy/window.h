// A rate that holds exactly: never more than COUNT starts in any half-open interval of WINDOW, in bounded memory.
//
// Request n may start once request n - COUNT is a whole window old; that is the definition of the limit turned round,
// so it needs the start times of the last COUNT requests and nothing else. Up to kMarks of them are kept one by one.
// A larger COUNT keeps the time of every stride-th request only, and takes the next later mark for request n - COUNT:
// the limit still is never passed, and at most stride - 1 requests of a window (1/kMarks of COUNT) are left unused.
// A token bucket would be smaller, but lets 2 * COUNT - 1 through in a window; halving its burst would refuse bursts
// that the operator wrote down as allowed.
//
// A provider counts a request when it arrives, we when it starts: of two that start a window apart the later one may
// arrive on a quicker way, and be refused by a limit that was written down exactly as the provider has it. So a window
// is kept a little longer than written: by half a percent, at most 50 ms.
//
// Not thread-safe: owned by a Throttle, behind the engine's mutex.
#pragma once

#include <cstdint>
#include <vector>

#include "policy/rate.h"
#include "policy/time.h"

namespace backoffd::policy {

class Window {
 public:
  static constexpr int kMarks = 64;

  // How much longer than written it is kept, for what may differ between the ways to the provider.
  static constexpr double kMarginShare = 0.005;
  static constexpr Duration kMarginMost = std::chrono::milliseconds(50);
  static Duration margin(Duration window);

  // `marks` bounds the memory: that many start times. REQUIRES: marks >= 2.
  explicit Window(const Rate& rate, int marks = kMarks);

  // When the next request may start: now, or later. Constant time.
  MonoTime next_time(MonoTime now) const;

  // A request starts. REQUIRES: next_time(now) == now, unless the caller means to go over; now never goes back.
  void take(MonoTime now);

  double per_second() const { return per_second_; }  // as written, without the margin

 private:
  // A start time in half the memory of a MonoTime: ticks since `base_`, which follows. It stands for no time before the
  // start, and for none later than that by a hundred-millionth of the length.
  using Mark = std::uint32_t;
  Mark mark(MonoTime now);

  double per_second_;
  std::int64_t count_;   // whole requests ...
  Duration length_;      // ... in this long; a fraction of a request is carried by the length ("0.5/s": 1 in 2 s)
  std::int64_t stride_;  // every stride-th start is marked
  std::int64_t taken_ = 0;
  Duration tick_{1};
  MonoTime base_{};
  std::vector<Mark> marks_;  // ring: mark k (start of request k * stride) at k % size
};

// Several windows that must all hold ("50/SECOND" and "10000/HOUR").
class Windows {
 public:
  Windows() = default;
  Windows(const std::vector<Rate>& rates, int marks_each);

  static constexpr int kNone = -1;
  // Leaves window `skip` out (learning may pace above the configured rate where max_rate says so).
  MonoTime next_time(MonoTime now, int skip = kNone) const;
  void take(MonoTime now);

  bool empty() const { return windows_.empty(); }
  int size() const { return static_cast<int>(windows_.size()); }
  // The window that allows the most per second (the burst limit), and the one that allows the least (what a long queue
  // drains at). kNone / 0 when empty.
  int fastest() const;
  double fastest_rate() const;
  double slowest_rate() const;

 private:
  std::vector<Window> windows_;
};

}  // namespace backoffd::policy
