// What the answers say is left of a quota (RateLimit, X-RateLimit-*), carried on between the answers: every request
// sent takes one away. Until the reset nothing is sent once none is left, and the last tenth is spread evenly over the
// time that remains, so that the end of a quota is a slow-down and not a wall. A reset a few seconds away binds nobody.
//
// Times are seconds of one monotonic clock. Not thread-safe: owned by a Learner, one a scope.
#pragma once

#include <algorithm>
#include <cstdint>

#include "policy/hint.h"
#include "policy/learning_constants.h"
#include "policy/time.h"

namespace backoffd::policy {

class Quota {
 public:
  // Whole seconds are all that servers tell, mostly rounded up: a reset that near costs more to wait for than the
  // refusals that would show the true pace.
  static bool is_coarse(Duration reset) { return seconds(reset) <= learning::kCoarseReset; }

  bool running(double now) const { return reset_ > now && !coarse_; }
  double reset() const { return reset_; }
  double limit() const { return limit_; }
  // The even pace of the whole quota; 0: not known.
  double even_rate() const { return limit_ > 0 && window_ > 0 ? limit_ / window_ : 0; }

  // When the next request may start. `last_send`: when the last one did.
  double next_time(double now, double last_send) const {
    if (!running(now)) return now;
    if (left_ <= 0) return reset_ + learning::kResetMargin;
    if (window_ <= learning::kLeastWindow || left_ >= learning::kReserve * limit_) return now;
    return std::max(now, std::min(reset_ + learning::kResetMargin, last_send + (reset_ - last_send) / (left_ + 1)));
  }

  std::uint64_t sent() {  // one request starts; its number among those that count here
    left_ -= 1;
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
  void read(const Hint& hint, std::uint64_t number, double now) {
    if (number <= before_ || number > number_) number = 0;
    if (number < read_) return;
    read_ = number;
    const double t = seconds(*hint.reset);
    left_ = static_cast<double>(*hint.remaining) - (number == 0 ? 0.0 : static_cast<double>(number_ - number));
    reset_ = now + t;
    coarse_ = is_coarse(*hint.reset);
    if (hint.limit)
      limit_ = static_cast<double>(*hint.limit);
    else
      limit_ = std::max(limit_, static_cast<double>(*hint.remaining));
    window_ = hint.window ? seconds(*hint.window) : std::max(window_, t);
  }

  // Two classes of requests that report the same quota with the same reset use one quota.
  bool same_as(const Hint& hint, double now) const {
    if (!hint.limit || !running(now)) return false;
    const double apart = now + seconds(*hint.reset) - reset_;
    return static_cast<double>(*hint.limit) == limit_ && apart < 2 && apart > -2;
  }

 private:
  double left_ = 0;
  double reset_ = 0;  // 0: nothing known
  bool coarse_ = false;
  double limit_ = 0;
  double window_ = 0;
  std::uint64_t number_ = 0;
  std::uint64_t before_ = 0;  // the last number of the quota that was here before
  std::uint64_t read_ = 0;
};

}  // namespace backoffd::policy
