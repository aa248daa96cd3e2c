#include "admin/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <ctime>
#include <optional>

#include "policy/text.h"

namespace backoffd::admin {
namespace {

using policy::Duration;

template <class T>
struct Unit {
  std::string_view name;
  T size;
};

constexpr std::array<Unit<Duration>, 5> kDurations = {{{"ms", std::chrono::milliseconds(1)},
                                                       {"s", std::chrono::seconds(1)},
                                                       {"m", std::chrono::minutes(1)},
                                                       {"h", std::chrono::hours(1)},
                                                       {"d", std::chrono::hours(24)}}};
constexpr Duration kLongest = std::chrono::hours(24 * 36525);

constexpr std::array<Unit<std::uint64_t>, 4> kSizes = {
    {{"B", 1}, {"KiB", 1ULL << 10}, {"MiB", 1ULL << 20}, {"GiB", 1ULL << 30}}};

template <class Units>
auto find(const Units& units, std::string_view name) -> decltype(&units[0]) {
  for (const auto& unit : units) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

policy::Error wrong(std::string_view text, std::string_view what) {
  return {"", '"' + std::string(text) + "\": " + std::string(what)};
}

}  // namespace

policy::Result<Duration> parse_duration(std::string_view text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const bool starts_with_digit = !text.empty() && policy::is_digit(text.front());
  const auto [rest, fault] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (!starts_with_digit || fault != std::errc()) return wrong(text, "expected a duration such as \"30s\"");
  const std::string_view unit_name(rest, static_cast<std::size_t>(end - rest));
  const auto* unit = find(kDurations, unit_name);
  if (!unit) {
    return wrong(text, unit_name.empty() ? "needs a unit, such as \"30s\"" : "unknown unit; expected ms, s, m, h or d");
  }
  const double nanoseconds = number * static_cast<double>(unit->size.count());
  if (nanoseconds > static_cast<double>(kLongest.count())) return wrong(text, "longer than 100 years");
  const Duration duration(std::llround(nanoseconds));
  if (duration == Duration::zero() && number > 0) return wrong(text, "shorter than a nanosecond");
  return duration;
}

std::string format_duration(Duration duration) {
  const Unit<Duration>* best = nullptr;
  for (const auto& unit : kDurations) {
    if (unit.name != "d" && duration % unit.size == Duration::zero()) best = &unit;  // 24h says more than 1d
  }
  if (duration == Duration::zero()) return "0s";
  if (best) return std::to_string(duration / best->size) + std::string(best->name);
  std::array<char, 64> text;  // a fraction of a millisecond; shortest text that reads back as the same number
  const double milliseconds = std::chrono::duration<double, std::milli>(duration).count();
  const auto end = std::to_chars(text.data(), text.data() + text.size(), milliseconds, std::chars_format::fixed).ptr;
  return std::string(text.data(), end) + "ms";
}

policy::Result<std::uint64_t> parse_size(std::string_view text) {
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = policy::parse_unsigned(text.substr(0, digits));
  if (!number) return wrong(text, "expected a size such as \"64KiB\"");
  const std::string_view unit_name = text.substr(digits);
  const auto* unit = find(kSizes, unit_name.empty() ? std::string_view("B") : unit_name);
  if (!unit) return wrong(text, "unknown unit; expected B, KiB, MiB or GiB");
  if (*number > UINT64_MAX / unit->size) return wrong(text, "too large");
  return *number * unit->size;
}

std::string format_size(std::uint64_t bytes) {
  const Unit<std::uint64_t>* best = &kSizes[0];
  for (const auto& unit : kSizes) {
    if (bytes != 0 && bytes % unit.size == 0) best = &unit;
  }
  return std::to_string(bytes / best->size) + (best == &kSizes[0] ? "" : std::string(best->name));
}

std::string format_time(policy::WallTime time) {
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

}  // namespace backoffd::admin
