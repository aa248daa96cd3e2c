#include "policy/rate.h"

#include <array>
#include <cstdio>
#include <optional>

#include "policy/text.h"

namespace backoffd::policy {
namespace {

struct Unit {
  std::string_view name;
  std::string_view letter;
  std::chrono::seconds length;
};
constexpr std::array<Unit, 4> kUnits = {{
    {"SECOND", "s", std::chrono::seconds(1)},
    {"MINUTE", "m", std::chrono::seconds(60)},
    {"HOUR", "h", std::chrono::seconds(3600)},
    {"DAY", "d", std::chrono::seconds(86400)},
}};

constexpr std::uint64_t kMaxCount = 1'000'000'000;
constexpr std::uint64_t kMaxUnits = 1'000'000;
constexpr auto kMaxWindow = std::chrono::hours(24 * 100'000);  // a million days does not fit a Duration

const Unit* find_unit(std::string_view text) {
  for (const Unit& unit : kUnits) {
    if (equals_ignoring_case(text, unit.letter) || equals_ignoring_case(text, unit.name) ||
        (ends_with_ignoring_case(text, "s") && equals_ignoring_case(text.substr(0, text.size() - 1), unit.name))) {
      return &unit;
    }
  }
  return nullptr;
}

Error wrong(std::string_view text, std::string_view what) {
  return Error{"", '"' + std::string(text) + "\": " + std::string(what)};
}

}  // namespace

Result<Rate> Rate::parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return wrong(text, "expected COUNT/UNIT, such as 10/SECOND");
  const auto count = parse_unsigned(text.substr(0, slash));
  if (!count || *count < 1 || *count > kMaxCount) return wrong(text, "count must be an integer from 1 to 1000000000");

  std::string_view per = text.substr(slash + 1);
  const auto digits = std::min(per.find_first_not_of("0123456789"), per.size());
  const auto units = digits == 0 ? std::optional<std::uint64_t>(1) : parse_unsigned(per.substr(0, digits));
  if (!units || *units < 1 || *units > kMaxUnits) return wrong(text, "number of units must be from 1 to 1000000");
  per.remove_prefix(digits);
  const Unit* unit = find_unit(per);
  if (!unit) return wrong(text, "unknown unit; expected SECOND, MINUTE, HOUR or DAY");
  const auto window = unit->length * static_cast<std::int64_t>(*units);
  if (window > kMaxWindow) return wrong(text, "window must be at most 100000 days");
  return Rate(static_cast<double>(*count), window);
}

Rate Rate::per_second(double requests) { return Rate(requests, std::chrono::seconds(1)); }

std::string Rate::text() const {
  const Unit* unit = &kUnits[0];
  for (const Unit& longer : kUnits) {
    if (window_ % longer.length == Duration::zero()) unit = &longer;
  }
  const auto units = window_ / unit->length;
  char count[32];
  std::snprintf(count, sizeof count, "%.12g", count_);
  return count + std::string("/") + (units == 1 ? "" : std::to_string(units)) + std::string(unit->name);
}

}  // namespace backoffd::policy
