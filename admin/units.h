// Durations, sizes and times as people write them: a number and its unit, so that no figure is ever misread. Pure
// functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "policy/result.h"
#include "policy/time.h"

namespace backoffd::admin {

// "250ms", "30s", "1.5s", "10m", "24h", "7d"; the unit is never left out. At most 100 years, at least one nanosecond
// where it is not zero.
policy::Result<policy::Duration> parse_duration(std::string_view text);
// In the largest unit that leaves no fraction: "90s", "10m", "24h".
std::string format_duration(policy::Duration duration);

// "64KiB", "1MiB", "2GiB", or plain bytes: "4096", "4096B".
policy::Result<std::uint64_t> parse_size(std::string_view text);
std::string format_size(std::uint64_t bytes);

// "2026-11-23T13:40:00Z"
std::string format_time(policy::WallTime time);

}  // namespace backoffd::admin
