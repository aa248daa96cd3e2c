#include "admin/key.h"

#include <algorithm>
#include <numeric>

namespace backoffd::admin {
namespace {

constexpr std::size_t kLongestQuote = 80;

// As JSON, which quotes strings and escapes control characters; long values are cut.
std::string quote(const json::Value& value) {
  std::string text = json::write(value);
  if (text.size() > kLongestQuote) text = text.substr(0, kLongestQuote - 3) + "...";
  return text;
}

// Levenshtein's distance, with the exchange of neighbours as one step.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::string_view leaf(std::string_view path) { return path.substr(path.rfind('.') + 1); }

}  // namespace

bool Place::refuse(std::string_view what) const {
  problems.push_back({where, quote(value) + ": " + std::string(what)});
  return false;
}

bool is_below(std::string_view path, std::string_view section) {
  if (!path.starts_with(section)) return false;
  path.remove_prefix(section.size());
  return path.empty() || path.front() == '.' || path.front() == '[';
}

std::string suggestion(std::string_view path, const std::vector<std::string>& known) {
  if (path.size() > 100) return {};  // nobody mistypes that; and the distance is quadratic
  const std::string* best = nullptr;
  std::size_t best_distance = 1 + std::max<std::size_t>(1, leaf(path).size() / 3);
  for (const std::string& key : known) {
    // The right name in the wrong section is nearer than any slip of the finger.
    const std::size_t longer = std::max(key.size(), path.size()) - std::min(key.size(), path.size());
    const std::size_t d = leaf(key) == leaf(path) ? 0 : longer >= best_distance ? longer : distance(path, key);
    if (d < best_distance) {
      best = &key;
      best_distance = d;
    }
  }
  return best ? " (did you mean " + *best + "?)" : "";
}

}  // namespace backoffd::admin
