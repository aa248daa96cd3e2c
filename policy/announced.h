// What answers of one scope name without saying what is left of it: a rate of a short window, one of a long window, and
// how many requests may be under way at once. Each binds by itself, where it is named, and is forgotten by itself.
//
// Times are seconds of one monotonic clock. Not thread-safe: owned by a Learner, one a scope.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "policy/announced_rate.h"
#include "policy/hint.h"
#include "policy/learning_constants.h"
#include "policy/time.h"

namespace backoffd::policy {

class Announced {
 public:
  // An answer that could have named them.
  void read(const Hint& hint, double now) {
    const auto read = [now](AnnouncedRate& rate, const std::optional<HintRate>& told) {
      if (told)
        rate.told(static_cast<double>(told->requests), seconds(told->window), now);
      else
        rate.untold(now);
    };
    read(burst_, hint.burst);
    read(sustained_, hint.sustained);
    if (hint.concurrency) {
      const auto at_once = static_cast<std::int32_t>(std::min<std::int64_t>(*hint.concurrency, 1 << 20));
      if (at_once != at_once_) at_once_since_ = static_cast<float>(now);
      at_once_ = at_once;
      at_once_told_ = static_cast<float>(now);
    } else if (now - at_once_told_ > learning::kAnnouncedLeast) {
      at_once_ = 0;
    }
  }

  bool known() const { return burst_.known() || sustained_.known() || at_once_ > 0; }
  int at_once() const { return at_once_; }  // 0: none is known
  double at_once_since() const { return at_once_since_; }

  double next_time(double now) const { return std::max(burst_.next_time(now), sustained_.next_time(now)); }
  void sent(double now) {
    burst_.sent(now);
    sustained_.sent(now);
  }
  // Of the two, the one that holds requests to less now.
  const AnnouncedRate& tighter(double now) const {
    return sustained_.pace(now) < burst_.pace(now) ? sustained_ : burst_;
  }
  double pace(double now) const { return tighter(now).pace(now); }

 private:
  AnnouncedRate burst_;      // of a window that is paced
  AnnouncedRate sustained_;  // of one that is counted
  std::int32_t at_once_ = 0;
  float at_once_told_ = 0;
  float at_once_since_ = 0;
};

}  // namespace backoffd::policy
