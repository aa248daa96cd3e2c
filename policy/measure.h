// What a provider really accepts, measured from its answers: the basis of every cut that is not a guess.
// Times are seconds of one monotonic clock. Not thread-safe: owned by a Learner.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>

#include "policy/learning_constants.h"

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
  // In ticks of 2 ms, from one accepted request to the next: a quarter of the memory of their times. Of gaps that are
  // too long for that the last is kept, a block maybe; further back than another one nobody asks.
  using Gap = std::uint16_t;
  static constexpr double kTick = 2e-3;
  static constexpr Gap kLongGap = std::numeric_limits<Gap>::max();
  static_assert(kLongGap * kTick > learning::kMeasureMostSeconds);
  static std::int64_t ticks(double t) { return static_cast<std::int64_t>(t / kTick); }

  double last_idle_ = -1e18;
  std::uint64_t total_ = 0;
  std::array<Mark, 4> events_{};  // ring of the last ends of events
  std::uint32_t event_count_ = 0;
  std::int64_t last_accept_ = 0;       // ticks
  std::int64_t long_gap_ = 0;          // ticks ...
  std::uint64_t long_gap_before_ = 0;  // ... before this one of all accepted requests
  std::array<Gap, 128> gaps_{};        // ring: before each of the last accepted requests
};

}  // namespace backoffd::policy
