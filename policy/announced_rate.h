// A rate that answers name without saying what is left of it (X-Rate-Limit-Limit of Crossref, RateLimit-Policy alone):
// so many requests in a window. A short window is a pace; of a long one the requests are counted, and only once they
// are used up is it the pace of what comes back. It is believed as long as answers name it, and a while more.
//
// Times are seconds of one monotonic clock. Not thread-safe: owned by a Learner, two a scope.
#pragma once

#include <algorithm>
#include <limits>

#include "policy/hint.h"
#include "policy/learning_constants.h"
#include "policy/time.h"

namespace backoffd::policy {

class AnnouncedRate {
 public:
  // REQUIRES: requests > 0, window > 0.
  void told(double requests, double window, double now) {
    if (static_cast<float>(requests) != requests_ || static_cast<float>(window) != window_)
      since_ = static_cast<float>(now);
    requests_ = static_cast<float>(requests);
    window_ = static_cast<float>(window);
    believed_until_ = static_cast<float>(
        now + std::clamp(learning::kAnnouncedWindows * window, learning::kAnnouncedLeast, learning::kAnnouncedMost));
  }
  // An answer that could have named it did not.
  void untold(double now) {
    if (now > believed_until_) *this = {};
  }

  bool known() const { return requests_ > 0; }
  double since() const { return since_; }  // it was told
  double requests() const { return requests_; }
  double window() const { return window_; }

  double next_time(double now) const { return std::max(now, next_); }
  void sent(double now) {
    if (known()) next_ = std::max(next_, now - behind()) + 1 / rate();
  }

  // The pace that it holds requests to now; infinity: none.
  double pace(double now) const {
    const bool holds = known() && (is_pace() || next_ > now);
    return holds ? rate() : std::numeric_limits<double>::infinity();
  }

 private:
  bool is_pace() const { return window_ <= seconds(kBurstWindow); }
  double rate() const { return std::max(learning::kFloor, static_cast<double>(requests_) / window_); }
  // Seconds that sending may lie behind and catch up.
  double behind() const { return is_pace() ? std::min(1 / rate(), learning::kCatchUp) : (requests_ - 1) / rate(); }

  float requests_ = 0;  // 0: none is known
  float window_ = 0;
  float since_ = 0;
  float believed_until_ = 0;
  double next_ = 0;  // earliest next start
};

}  // namespace backoffd::policy
