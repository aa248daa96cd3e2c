// Is it the number of requests at once that a provider limits, and at how many? Told from refusals that come when many
// are in flight and do not when few are; then held, and raised by one now and then to see whether it still is so.
//
// Own figure: in flight at the time of sending, the request itself included. Times are seconds of one monotonic clock.
// Not thread-safe: owned by a Learner.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>

namespace backoffd::policy {

class ConcurrencyFinder {
 public:
  static constexpr int kMost = 64;  // more at once are counted as this many

  // Answers of steady sending only: right after a pause in-flight and tokens rise together and cannot be told apart.
  void accepted(int in_flight);
  void refused(int in_flight);

  // The cut that tells refused from accepted best, by Youden's J = P(more in flight | refused) - P(... | accepted);
  // none where it does not tell them apart well enough.
  std::optional<int> separable() const;

  int cap() const { return cap_; }  // 0: none found
  bool allows(int in_flight) const { return cap_ == 0 || in_flight < cap_; }

  void found(int cap, double now);
  void forget();

  // Raises the cap by one when it has been clean for long enough.
  void tick(double now, double latency);

  // A limit event begins with the refusal of a request sent with that many in flight. True: it was the raised cap that
  // was refused, and nothing else is to be concluded from it.
  bool explains(int in_flight, double now);

 private:
  using Histogram = std::array<std::uint16_t, kMost + 1>;
  Histogram accepted_{};
  Histogram refused_{};
  int since_halved_ = 0;
  int cap_ = 0;
  int good_ = 0;  // the cap that held; cap_ == good_ + 1 while one more is tried
  int fails_ = 0;
  int refusals_below_ = 0;  // at or below the cap that held: was it no cap after all?
  double next_raise_ = std::numeric_limits<double>::infinity();
};

}  // namespace backoffd::policy
