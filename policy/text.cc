#include "policy/text.h"

#include <algorithm>
#include <limits>

namespace backoffd::policy {
namespace {

constexpr bool is_space(char c) { return c == ' ' || c == '\t'; }

constexpr bool is_tchar(char c) {
  return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

template <class Same>
bool glob(std::string_view pattern, std::string_view text, Same same) {
  std::size_t p = 0, t = 0;
  std::size_t star = std::string_view::npos;  // the last star met ...
  std::size_t star_text = 0;                  // ... and where the text it does not cover begins
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_text = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || same(pattern[p], text[t]))) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 7> kLongDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                       "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Eats a date from the left. After the first thing that is not as expected, ok() stays false.
class DateCursor {
 public:
  explicit DateCursor(std::string_view text) : rest_(text) {}

  bool ok() const { return ok_; }
  bool done() const { return ok_ && rest_.empty(); }

  void literal(std::string_view expected) {
    ok_ = ok_ && rest_.starts_with(expected);
    if (ok_) rest_.remove_prefix(expected.size());
  }

  template <std::size_t N>
  unsigned name(const std::array<std::string_view, N>& names) {
    for (unsigned i = 0; ok_ && i < N; ++i) {
      if (!rest_.starts_with(names[i])) continue;
      rest_.remove_prefix(names[i].size());
      return i;
    }
    ok_ = false;
    return 0;
  }

  unsigned number(std::size_t digits) {
    const auto value = parse_unsigned(rest_.substr(0, digits));
    ok_ = ok_ && rest_.size() >= digits && value;
    if (!ok_) return 0;
    rest_.remove_prefix(digits);
    return static_cast<unsigned>(*value);
  }

  // asctime's day: two digits, or a space and one.
  unsigned padded_number() {
    if (!rest_.starts_with(' ')) return number(2);
    literal(" ");
    return number(1);
  }

  void time() {
    hour_ = number(2);
    literal(":");
    minute_ = number(2);
    literal(":");
    second_ = number(2);
  }

  bool has(char c) {
    if (!ok_ || !rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // ISO 8601: hours and minutes, then seconds or not, then a fraction or not, rounded up.
  void iso_time() {
    hour_ = number(2);
    literal(":");
    minute_ = number(2);
    if (!has(':')) return;
    second_ = number(2);
    if (!has('.')) return;
    const std::size_t end = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    ok_ = ok_ && end > 0;
    round_up_ = rest_.substr(0, end).find_first_not_of('0') != std::string_view::npos;
    rest_.remove_prefix(end);
  }

  // Z, or how far the clock that was read is ahead of it.
  std::chrono::minutes iso_offset() {
    if (has('Z')) return std::chrono::minutes(0);
    const bool behind = has('-');
    if (!behind) literal("+");
    const unsigned hours = number(2);
    literal(":");
    const unsigned minutes = number(2);
    ok_ = ok_ && hours < 24 && minutes < 60;
    const auto offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
    return behind ? -offset : offset;
  }

  std::optional<std::chrono::sys_seconds> at(unsigned year, unsigned month, unsigned day) const {
    const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(year)), std::chrono::month(month + 1),
                                           std::chrono::day(day));
    if (!done() || !date.ok() || hour_ > 23 || minute_ > 59 || second_ > 60) return std::nullopt;
    return std::chrono::sys_days(date) + std::chrono::hours(hour_) + std::chrono::minutes(minute_) +
           std::chrono::seconds(second_ + (round_up_ ? 1 : 0));
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
  unsigned hour_ = 0, minute_ = 0, second_ = 0;
  bool round_up_ = false;
};

std::optional<std::chrono::sys_seconds> parse_imf_fixdate(std::string_view text) {
  DateCursor c(text);
  c.name(kDays);
  c.literal(", ");
  const unsigned day = c.number(2);
  c.literal(" ");
  const unsigned month = c.name(kMonths);
  c.literal(" ");
  const unsigned year = c.number(4);
  c.literal(" ");
  c.time();
  c.literal(" GMT");
  return c.at(year, month, day);
}

std::optional<std::chrono::sys_seconds> parse_rfc850_date(std::string_view text, std::chrono::sys_seconds now) {
  DateCursor c(text);
  c.name(kLongDays);
  c.literal(", ");
  const unsigned day = c.number(2);
  c.literal("-");
  const unsigned month = c.name(kMonths);
  c.literal("-");
  const unsigned two_digits = c.number(2);
  c.literal(" ");
  c.time();
  c.literal(" GMT");

  const auto midnight = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day today(midnight);
  // The latest year with these two digits that is at most 50 after this one; in the 50th the rest of the date decides.
  const int latest = static_cast<int>(today.year()) + 50;
  const unsigned year = static_cast<unsigned>(latest - (latest - static_cast<int>(two_digits)) % 100);
  const auto limit = std::chrono::sys_days(today + std::chrono::years(50)) + (now - midnight);
  const auto date = c.at(year, month, day);
  // 29 February may exist in one of the two centuries only: a date that is none here is tried there as well.
  if (!date || *date > limit) return c.at(year - 100, month, day);
  return date;
}

std::optional<std::chrono::sys_seconds> parse_asctime_date(std::string_view text) {
  DateCursor c(text);
  c.name(kDays);
  c.literal(" ");
  const unsigned month = c.name(kMonths);
  c.literal(" ");
  const unsigned day = c.padded_number();
  c.literal(" ");
  c.time();
  c.literal(" ");
  const unsigned year = c.number(4);
  return c.at(year, month, day);
}

void put(char*& out, std::string_view text) { out = std::copy(text.begin(), text.end(), out); }

void put(char*& out, unsigned value, int digits) {
  for (int i = digits; i-- > 0; value /= 10) out[i] = static_cast<char>('0' + value % 10);
  out += digits;
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    // Letters differ from their other case in one bit; only then does it matter whether it is a letter.
    const int differ = a[i] ^ b[i];
    if (differ != 0 && (differ != 0x20 || to_lower(a[i]) != to_lower(b[i]))) return false;
  }
  return true;
}

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && equals_ignoring_case(text.substr(0, prefix.size()), prefix);
}

bool ends_with_ignoring_case(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && equals_ignoring_case(text.substr(text.size() - suffix.size()), suffix);
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool is_token(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_tchar); }

std::optional<std::string_view> ListReader::next() {
  while (!rest_.empty()) {
    bool quoted = false;
    std::size_t end = 0;
    for (; end < rest_.size() && (quoted || rest_[end] != separator_); ++end) {
      if (rest_[end] == '"') quoted = !quoted;
      if (quoted && rest_[end] == '\\' && end + 1 < rest_.size()) ++end;
    }
    const std::string_view element = trim(rest_.substr(0, end));
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    if (!element.empty()) return element;
  }
  return std::nullopt;
}

std::optional<std::string_view> unquote(std::string_view text) {
  if (text.size() < 2 || text.front() != '"') return std::nullopt;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      if (i + 1 != text.size()) return std::nullopt;
      return text.substr(1, text.size() - 2);
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> parse_unsigned(std::string_view text) {
  if (text.empty()) return std::nullopt;
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (kMax - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

bool glob_match(std::string_view pattern, std::string_view text) {
  return glob(pattern, text, [](char a, char b) { return a == b; });
}

bool glob_match_ignoring_case(std::string_view pattern, std::string_view text) {
  return glob(pattern, text, [](char a, char b) { return to_lower(a) == to_lower(b); });
}

std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text, std::chrono::sys_seconds now) {
  constexpr std::size_t kLongest = std::string_view("Wednesday, 06-Nov-94 08:49:37 GMT").size();
  if (text.size() > kLongest) return std::nullopt;
  if (const auto date = parse_imf_fixdate(text)) return date;
  if (const auto date = parse_rfc850_date(text, now)) return date;
  return parse_asctime_date(text);
}

std::optional<std::chrono::sys_seconds> parse_iso_date(std::string_view text) {
  DateCursor c(text);
  const unsigned year = c.number(4);
  c.literal("-");
  const unsigned month = c.number(2);
  c.literal("-");
  const unsigned day = c.number(2);
  if (!c.has('T')) c.literal("t");
  c.iso_time();
  const auto offset = c.iso_offset();
  if (month == 0) return std::nullopt;
  const auto time = c.at(year, month - 1, day);
  if (!time) return std::nullopt;
  return *time - offset;
}

HttpDate format_http_date(std::chrono::sys_seconds time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  HttpDate result;
  char* out = result.data();
  put(out, kDays[std::chrono::weekday(day).c_encoding()]);
  put(out, ", ");
  put(out, static_cast<unsigned>(date.day()), 2);
  put(out, " ");
  put(out, kMonths[static_cast<unsigned>(date.month()) - 1]);
  put(out, " ");
  put(out, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  put(out, " ");
  put(out, static_cast<unsigned>(clock.hours().count()), 2);
  put(out, ":");
  put(out, static_cast<unsigned>(clock.minutes().count()), 2);
  put(out, ":");
  put(out, static_cast<unsigned>(clock.seconds().count()), 2);
  put(out, " GMT");
  return result;
}

}  // namespace backoffd::policy
