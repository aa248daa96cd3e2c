#include "admin/words.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace backoffd::admin {
namespace {

using json::Value;

constexpr const char* kNone = "-";

std::string rounded(const char* format, double number) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, number);
  return text.data();
}

}  // namespace

const Value& at(const Value& root, std::initializer_list<std::string_view> path) {
  static const Value none;
  const Value* value = &root;
  for (const std::string_view name : path) {
    value = value->find(name);
    if (!value) return none;
  }
  return *value;
}

std::string text_of(const Value& value) { return value.string() ? *value.string() : kNone; }

double number_of(const Value& value) { return value.is_number() ? value.number() : 0; }

bool is_true(const Value& value) { return value.boolean() && *value.boolean(); }

std::string figure(const Value& value, std::string_view unit) {
  return value.is_number() ? rounded("%.4g", value.number()).append(unit) : kNone;
}

std::string count(const Value& value) {
  if (!value.is_number()) return kNone;
  std::string out = rounded("%.0f", value.number());
  const std::size_t first = out.starts_with('-') ? 1 : 0;
  for (std::size_t i = out.size(); i > first + 3;) out.insert(i -= 3, 1, ',');
  return out;
}

std::string share(const Value& value) { return value.is_number() ? rounded("%.2f %%", 100 * value.number()) : kNone; }

std::string bytes_in_words(const Value& value) {
  constexpr std::array<const char*, 5> kUnits = {"%.0f B", "%.1f KiB", "%.1f MiB", "%.1f GiB", "%.1f TiB"};
  if (!value.is_number()) return kNone;
  double size = value.number();
  std::size_t unit = 0;
  for (; size >= 1024 && unit + 1 < kUnits.size(); ++unit) size /= 1024;
  return rounded(kUnits[unit], size);
}

std::string span(double seconds) {
  if (seconds <= 0) return "0 s";
  if (seconds < 0.9995) return rounded("%.3g ms", seconds * 1000);
  if (seconds < 9.995) return rounded("%.2f s", seconds);
  if (seconds < 59.5) return rounded("%.0f s", seconds);
  const auto all = std::llround(seconds / 60);
  const auto two = [](long long large, const char* of_large, long long small, const char* of_small) {
    std::string out = std::to_string(large) + of_large;
    return small == 0 ? out : out + " " + std::to_string(small) + of_small;
  };
  if (all < 60) return std::to_string(all) + " min";
  if (all < 2880) return two(all / 60, " h", all % 60, " min");
  return two(all / 1440, " d", all % 1440 / 60, " h");
}

std::string span(const Value& seconds) { return seconds.is_number() ? span(seconds.number()) : kNone; }

std::string counted(const Value& value, std::string_view noun) {
  return count(value) + " " + std::string(noun) + (number_of(value) == 1 ? "" : "s");
}

}  // namespace backoffd::admin
