// What a provider really accepts, measured from its answers: the basis of every cut that is not a guess.
// Times are seconds of one monotonic clock. Not thread-safe: owned by a Learner.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace backoffd::policy {

class Measure {
 public:
  void accepted(double now);
  // Nothing waits: what is accepted from here on is what the clients asked for, not what the provider allows.
  void idle(double now) { last_idle_ = now; }
  double last_idle() const { return last_idle_; }
  std::uint64_t total() const { return total_; }

  // A limit event ended: the provider's bucket was empty a moment ago.
  void event_ended(double now);

  // The limit: from one empty bucket to another exactly as much was accepted as the limit allows; without two of those
  // the accepted rate of the last clamp(30/pace, 5, 120) seconds. None when too little was seen or a queue was empty.
  std::optional<double> limit(double now, double pace, double first_send) const;

  // Accepted requests per second in the `width` seconds before `at`; none below 5 of them.
  std::optional<double> rate_before(double at, double width, double first_send) const;

 private:
  struct Mark {
    double at = 0;
    std::uint64_t total = 0;
  };
  // Accept times in milliseconds modulo 2^32: differences of up to 49 days are right, and half the memory of doubles.
  static std::uint32_t millis(double t) { return static_cast<std::uint32_t>(static_cast<std::uint64_t>(t * 1e3)); }

  double last_idle_ = -1e18;
  std::uint64_t total_ = 0;
  std::array<Mark, 4> events_{};  // ring of the last ends of events
  std::uint32_t event_count_ = 0;
  std::array<std::uint32_t, 128> accepts_{};  // ring of the last accept times
};

}  // namespace backoffd::policy
