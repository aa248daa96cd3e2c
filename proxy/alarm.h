// When a timer is due that one thread arms, and that any thread may need earlier. The due time itself is somebody
// else's (the engine's), and may change between being read and being armed for: no change to an earlier time is lost.
#pragma once

#include <atomic>

#include "policy/time.h"

namespace backoffd::proxy {

class Alarm {
 public:
  // After the due time has become `due`. Any thread. True: the arming thread must be told to settle().
  bool needs_arming(policy::MonoTime due) {
    if (due == policy::kNever) return false;
    const Rep wanted = due.time_since_epoch().count();
    // Read by writing: in the one order of all writes to armed_for_ this one is either behind that of settle(), and
    // sees its time, or before it, and then settle() reads the due time again after this caller changed it.
    Rep armed = armed_for_.fetch_add(0, std::memory_order_acq_rel);
    while (wanted < armed) {
      if (armed_for_.compare_exchange_weak(armed, wanted, std::memory_order_acq_rel)) return true;
    }
    return false;
  }

  // The time to arm the timer for, as `next_due()` tells it. The arming thread's.
  template <class NextDue>
  policy::MonoTime settle(const NextDue& next_due) {
    for (;;) {
      const policy::MonoTime due = next_due();
      armed_for_.exchange(due.time_since_epoch().count(), std::memory_order_acq_rel);
      if (next_due() >= due) return due;
    }
  }

 private:
  using Rep = policy::MonoTime::rep;
  std::atomic<Rep> armed_for_{policy::kNever.time_since_epoch().count()};  // or the arming thread was told to
};

}  // namespace backoffd::proxy
