// The two clocks of the product as types, so that they cannot be mixed up. policy/ never reads a clock: `now` is
// always an argument, and tests run in virtual time.
#pragma once

#include <chrono>

namespace backoffd::policy {

using Duration = std::chrono::nanoseconds;

// Monotonic time: what every wait, deadline and rate is reckoned in. The tag has no now(); proxy/net/loop.h reads it.
struct MonoClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonoClock, Duration>;
  static constexpr bool is_steady = true;
};
using MonoTime = MonoClock::time_point;

// Civil time: only for what leaves the process (HTTP-dates, state files, logs).
using WallTime = std::chrono::sys_time<Duration>;

// "Not before something else happens": later than every real time, and safe to compare and to take the minimum of.
inline constexpr MonoTime kNever = MonoTime::max();

constexpr double seconds(Duration d) { return std::chrono::duration<double>(d).count(); }

// Nearest nanosecond. REQUIRES: |s| < 9e9 (285 years), finite.
constexpr Duration from_seconds(double s) { return Duration(static_cast<Duration::rep>(s * 1e9)); }

}  // namespace backoffd::policy
