// One key's evidence -> how much its limit is reduced, and the way back.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/time.h"

namespace backoffd::policy {

enum class LearnerState { unknown, normal, reducing, recovering, paused, exhausted };
inline constexpr std::array<std::string_view, 6> kLearnerStateNames = {"unknown",    "normal", "reducing",
                                                                       "recovering", "paused", "exhausted"};
constexpr std::string_view name(LearnerState state) { return kLearnerStateNames[static_cast<std::size_t>(state)]; }

// The figures of POLICY 8 for one key.
struct LearnerStatus {
  LearnerState state = LearnerState::unknown;
  int consecutive_429s = 0;           // +1 on each throttle answer, 0 on a success
  double reduction_pct = 0;           // 100 * (1 - effective/configured limit), never negative
  double recovery_time_estimate = 0;  // seconds, from the Retry-After samples; 0 without any
  MonoTime paused_until{};            // paused or exhausted until then
  MonoTime changed{};                 // the last change ...
  std::string reason;                 // ... and why, in words
};

// What a restart keeps of a key.
struct LearnedKey {
  std::string key;
  double reduction_pct = 0;
  double base_rate = 0;                // requests/s the reduction is taken from where no limit is configured; 0: none
  std::vector<double> recovery_times;  // seconds, the last 50 Retry-After samples
};

}  // namespace backoffd::policy
