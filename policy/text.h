// The small grammar that decisions read: tokens, lists, numbers, globs, dates. Pure functions over views: nothing
// here allocates, and all take time linear in their input, whatever it is (glob_match: in pattern times text).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace backoffd::policy {

// ASCII only: bytes above 0x7f are no letters, whatever the locale says.
constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool equals_ignoring_case(std::string_view a, std::string_view b);
bool starts_with_ignoring_case(std::string_view text, std::string_view prefix);
bool ends_with_ignoring_case(std::string_view text, std::string_view suffix);

// Without the spaces and tabs around it (OWS, RFC 9110 5.6.3).
std::string_view trim(std::string_view text);

// token of RFC 9110 5.6.2: one or more tchar.
bool is_token(std::string_view text);

// The elements of a list (RFC 9110 5.6.1), or with ';' the parts of a parameterised value (5.6.6): trimmed, empty ones
// left out, separators within quoted strings (5.6.4) are text. An unterminated quoted string reaches to the end.
class ListReader {
 public:
  explicit ListReader(std::string_view text, char separator = ',') : rest_(text), separator_(separator) {}
  std::optional<std::string_view> next();  // none: the list is over

 private:
  std::string_view rest_;
  char separator_;
};

// The inside of a whole quoted string, its backslash escapes left as they are; none for anything else.
std::optional<std::string_view> unquote(std::string_view text);

// Digits and nothing else, at least one; none when it does not fit.
std::optional<std::uint64_t> parse_unsigned(std::string_view text);

// `*` stands for any text, also none, `?` for any one byte; all else for itself. At most |pattern| * |text| steps and
// no recursion: after a mismatch only the last star is tried again, which is enough.
bool glob_match(std::string_view pattern, std::string_view text);
bool glob_match_ignoring_case(std::string_view pattern, std::string_view text);

// HTTP-date in its three forms (RFC 9110 5.6.7): IMF-fixdate, rfc850-date, asctime-date. Case-sensitive, as the grammar
// is; the day's name must be one but is not checked against the date. A two-digit year that would be more than 50 years
// after `now` means the century before (REQUIRES: now is in 1970 or later). Second 60 is the next minute's 0.
std::optional<std::chrono::sys_seconds> parse_http_date(std::string_view text, std::chrono::sys_seconds now);

// ISO 8601 as APIs write it (RFC 3339 5.6, and the same without seconds): "2026-11-23T13:00:07Z", also with a fraction,
// which is rounded up to a second, or an offset "+01:00" in place of the Z.
std::optional<std::chrono::sys_seconds> parse_iso_date(std::string_view text);

// "Sun, 06 Nov 1994 08:49:37 GMT". REQUIRES: the year is 0..9999.
using HttpDate = std::array<char, 29>;
HttpDate format_http_date(std::chrono::sys_seconds time);

}  // namespace backoffd::policy
