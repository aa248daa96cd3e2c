// Runs a loop in the test's own thread until something is so.
#pragma once

#include <event2/event.h>

#include "proxy/net/loop.h"

namespace backoffd::test {

// False when it is still not so after a bound that only a hanging loop reaches.
template <class Condition>
bool run_until(proxy::Loop& loop, Condition condition) {
  bool late = false;
  proxy::Timer bound(
      loop, [](void* flag) { *static_cast<bool*>(flag) = true; }, &late);
  bound.arm(std::chrono::seconds(60));
  while (!condition() && !late) event_base_loop(loop.base(), EVLOOP_ONCE);
  return condition();
}

}  // namespace backoffd::test
