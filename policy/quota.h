// What the answers say is left of a quota (RateLimit, X-RateLimit-*), carried on between the answers: every request
// sent takes one away. Until the reset nothing is sent once none is left, and the last tenth is spread evenly over the
// time that remains, so that the end of a quota is a slow-down and not a wall. A reset a few seconds away binds nobody.
//
// Times are seconds of one monotonic clock. Not thread-safe: owned by a Learner, one a scope.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>

#include "policy/hint.h"
#include "policy/learning_constants.h"
#include "policy/time.h"

namespace backoffd::policy {

class Quota {
 public:
  struct Bounds {
    double believed;  // seconds: a reset further away is taken for this
    double for_long;  // ... and one further away than this is no pause but an exhaustion
  };

  // Whole seconds are all that servers tell, mostly rounded up: a reset that near costs more to wait for than the
  // refusals that would show the true pace. Not so where the window is told and is much longer: the quota has room for
  // what comes back meanwhile, and nothing is lost.
  static bool is_coarse(Duration reset, std::optional<Duration> window) {
    return seconds(reset) <= learning::kCoarseReset && !(window && *window >= 2 * reset);
  }

  bool running(double now) const { return reset_ > now && !coarse_; }
  double left() const { return std::max(0.0F, left_); }
  double reset() const { return reset_; }
  double limit() const { return limit_; }

  // None is left: nothing is sent until blocked_until(), which is its reset, or earlier where that is too far away to
  // be believed: then one request asks again.
  bool used_up(double now) const { return running(now) && left_ <= 0 && now < blocked_until_; }
  double blocked_until() const { return blocked_until_; }
  bool for_long(double now) const { return used_up(now) && for_long_; }
  // When it began to hold requests back, or to hold them back otherwise.
  double since() const { return since_; }

  // The pace that it holds requests to now, while its last tenth is spread; infinity: none.
  double pace(double now) const {
    return spread(now) ? std::max(learning::kFloor, left_ / (reset_ - now)) : std::numeric_limits<double>::infinity();
  }

  // When the next request may start. `last_send`: when the last one did.
  double next_time(double now, double last_send) const {
    if (used_up(now)) return blocked_until_;
    if (!spread(now)) return now;
    const double even = std::min(1 / learning::kFloor, (reset_ - last_send) / (left_ + 1));
    return std::max(now, std::min(reset_ + learning::kResetMargin, last_send + even));
  }

  std::uint64_t sent(double now) {  // one request starts; its number among those that count here
    left_ -= 1;
    if (left_ <= 0 && running(now)) {  // until its answer says more
      blocked_until_ = std::min(reset_ + learning::kResetMargin, now + learning::kQuotaTestEvery);
      for_long_ = false;
    }
    look(now);
    return ++number_;
  }

  // Another quota takes this one's place. Numbers go on, so that answers to requests of the old one are told apart.
  void begin_anew() {
    const std::uint64_t number = number_;
    *this = {};
    number_ = before_ = number;
  }

  // An answer to request `number` (0, or one of another quota: it was sent before this one was known). Answers overtake
  // each other: only one to a later request than the last that was believed is news. REQUIRES: hint.remaining and
  // hint.reset are set.
  void read(const Hint& hint, std::uint64_t number, const Bounds& bounds, double now) {
    if (number <= before_ || number > number_) number = 0;
    if (number < read_) return;
    read_ = number;
    // Whoever asks to come back at a time means that one.
    const Duration wait = hint.remaining == 0 && hint.retry_after ? *hint.retry_after : *hint.reset;
    const double t = seconds(wait);
    left_ = static_cast<float>(*hint.remaining) - (number == 0 ? 0.0F : static_cast<float>(number_ - number));
    reset_ = now + t;
    blocked_until_ = now + std::min(t + learning::kResetMargin, bounds.believed);
    for_long_ = std::min(t, bounds.believed) > bounds.for_long;
    coarse_ = is_coarse(wait, hint.window);
    if (hint.limit)
      limit_ = static_cast<float>(*hint.limit);
    else
      limit_ = std::max(limit_, static_cast<float>(*hint.remaining));
    window_ = hint.window ? static_cast<float>(seconds(*hint.window)) : std::max(window_, static_cast<float>(t));
    look(now);
  }

  // Two classes of requests that report the same quota with the same reset use one quota.
  bool same_as(const Hint& hint, double now) const {
    if (!hint.limit || !running(now)) return false;
    const double apart = now + seconds(*hint.reset) - reset_;
    return static_cast<float>(*hint.limit) == limit_ && apart < 2 && apart > -2;
  }

 private:
  enum class Holds : std::uint8_t { nobody, spread, all };

  void look(double now) {
    const Holds holds = used_up(now) ? Holds::all : spread(now) ? Holds::spread : Holds::nobody;
    if (holds != holds_) since_ = static_cast<float>(now);
    holds_ = holds;
  }
  bool spread(double now) const {
    return running(now) && left_ > 0 && window_ > learning::kLeastWindow && left_ < learning::kReserve * limit_;
  }

  // As small as may be: there are several of a key, and thousands of keys.
  double reset_ = 0;  // 0: nothing known
  double blocked_until_ = 0;
  float since_ = 0;
  float left_ = 0;
  float limit_ = 0;
  float window_ = 0;
  std::uint64_t number_ : 60 = 0;
  Holds holds_ : 2 = Holds::nobody;
  bool coarse_ : 1 = false;
  bool for_long_ : 1 = false;
  std::uint64_t before_ = 0;  // the last number of the quota that was here before
  std::uint64_t read_ = 0;
};

}  // namespace backoffd::policy
