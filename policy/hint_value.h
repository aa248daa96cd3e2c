// The figures that hints are made of: counts, spans and times as servers write them (POLICY 6). A value that is none,
// negative or absurd is told from one that is sound but tells nothing, because only the first is counted.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "policy/facts.h"
#include "policy/time.h"

namespace backoffd::policy {

inline constexpr auto kLongestHint = std::chrono::hours(24 * 366);  // more than a year is a mistake

// Digits alone, at least `least`, at most an Integer of structured fields (RFC 9651 3.3.1).
std::optional<std::int64_t> parse_count(std::string_view text, std::int64_t least);

// The same with a decimal fraction that counts for nothing: "596.0" requests are left (Reddit).
std::optional<std::int64_t> parse_decimal_count(std::string_view text, std::int64_t least);

// Whole seconds, > 0.
std::optional<Duration> parse_span(std::string_view text);

// "1s", "5m", "2h", "1d", "60"; > 0.
std::optional<Duration> parse_interval(std::string_view text);

enum class TimeForms {
  standard,  // delta-seconds or HTTP-date (RFC 9110 10.2.3)
  any,       // also a fraction, Unix time in seconds (over 10^9) or milliseconds (over 10^12), an ISO 8601 date
};

struct TimeLeft {
  std::optional<Duration> left;  // > 0
  bool sound = true;             // sound and nothing left: now or past, which tells nothing
};

// How long from that response until the time it names. Dates are taken against the response's own Date where it has a
// sane one, else against `response.received`.
TimeLeft time_left(std::string_view text, TimeForms forms, const ResponseFacts& response);

}  // namespace backoffd::policy
