#include "policy/hint_value.h"

#include <algorithm>
#include <array>

#include "policy/text.h"

namespace backoffd::policy {
namespace {

constexpr std::int64_t kLargestCount = 999'999'999'999'999;
constexpr std::int64_t kLeastUnixSeconds = 1'000'000'000;           // at most this many are seconds left ...
constexpr std::int64_t kLeastUnixMilliseconds = 1'000'000'000'000;  // ... and at most this many a Unix time in seconds
using SystemTime = std::chrono::sys_time<std::chrono::milliseconds>;

// Splits "12.34" into its digits before and after the point; false: not a number.
bool split_decimal(std::string_view text, std::string_view& whole, std::string_view& fraction) {
  const auto point = text.find('.');
  whole = text.substr(0, point);
  fraction = {};
  if (point == std::string_view::npos) return true;
  fraction = text.substr(point + 1);
  return !fraction.empty() && std::all_of(fraction.begin(), fraction.end(), is_digit);
}

// A started millisecond counts as a whole one: a wait is never shortened.
std::int64_t milliseconds_of(std::string_view fraction) {
  std::int64_t ms = 0;
  for (std::size_t i = 0; i < 3; ++i) ms = 10 * ms + (i < fraction.size() ? fraction[i] - '0' : 0);
  return fraction.find_first_not_of('0', 3) == std::string_view::npos ? ms : ms + 1;
}

SystemTime origin(const ResponseFacts& response) {
  const auto received = std::chrono::floor<std::chrono::milliseconds>(response.received);
  for (const FieldView& field : response.fields) {
    if (!equals_ignoring_case(field.name, "date")) continue;
    const auto date = parse_http_date(trim(field.value), std::chrono::floor<std::chrono::seconds>(received));
    // A Date far from our own clock is as wrong as an absurd hint.
    if (date && *date > received - kLongestHint && *date < received + kLongestHint) return *date;
  }
  return received;
}

TimeLeft until(SystemTime when, const ResponseFacts& response) {
  const auto left = when - origin(response);
  if (left > kLongestHint || left < -kLongestHint) return {{}, false};
  return {left > left.zero() ? std::optional<Duration>(left) : std::nullopt, true};
}

}  // namespace

std::optional<std::int64_t> parse_count(std::string_view text, std::int64_t least) {
  const auto value = parse_unsigned(text);
  if (!value || *value > kLargestCount || static_cast<std::int64_t>(*value) < least) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

std::optional<std::int64_t> parse_decimal_count(std::string_view text, std::int64_t least) {
  std::string_view whole, fraction;
  return split_decimal(text, whole, fraction) ? parse_count(whole, least) : std::nullopt;
}

std::optional<Duration> parse_span(std::string_view text) {
  const auto value = parse_count(text, 1);
  if (!value || *value > std::chrono::seconds(kLongestHint).count()) return std::nullopt;
  return std::chrono::seconds(*value);
}

std::optional<Duration> parse_interval(std::string_view text) {
  struct Unit {
    char letter;
    std::int64_t seconds;
  };
  constexpr std::array<Unit, 4> kUnits = {{{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}}};
  std::int64_t scale = 1;
  for (const Unit& unit : kUnits) {
    if (text.empty() || to_lower(text.back()) != unit.letter) continue;
    scale = unit.seconds;
    text.remove_suffix(1);
    break;
  }
  const auto count = parse_span(trim(text));
  if (!count || *count > Duration(kLongestHint) / scale) return std::nullopt;
  return *count * scale;
}

TimeLeft time_left(std::string_view text, TimeForms forms, const ResponseFacts& response) {
  std::string_view whole, fraction;
  const bool any = forms == TimeForms::any;
  const bool is_number = split_decimal(text, whole, fraction) && (any || fraction.empty());
  if (const auto value = is_number ? parse_count(whole, 0) : std::nullopt) {
    const std::chrono::milliseconds precise(*value * 1000 + milliseconds_of(fraction));
    if (any && *value > kLeastUnixMilliseconds) return until(SystemTime(std::chrono::milliseconds(*value)), response);
    if (any && *value > kLeastUnixSeconds) return until(SystemTime(precise), response);
    if (precise > kLongestHint) return {{}, false};
    return {precise > precise.zero() ? std::optional<Duration>(precise) : std::nullopt, true};
  }
  const auto received = std::chrono::floor<std::chrono::seconds>(response.received);
  if (const auto date = parse_http_date(text, received)) return until(*date, response);
  if (const auto date = any ? parse_iso_date(text) : std::nullopt) return until(*date, response);
  return {{}, false};
}

}  // namespace backoffd::policy
