#include "policy/text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "policy/random.h"

namespace backoffd::policy {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;
using std::chrono::sys_seconds;

std::vector<std::string> elements(std::string_view text, char separator = ',') {
  std::vector<std::string> all;
  ListReader reader(text, separator);
  while (const auto element = reader.next()) all.emplace_back(*element);
  return all;
}

TEST(Text, ComparesAsciiLettersOnly) {
  EXPECT_TRUE(equals_ignoring_case("Retry-After", "retry-AFTER"));
  EXPECT_FALSE(equals_ignoring_case("Retry-After", "Retry-Afte"));
  EXPECT_FALSE(equals_ignoring_case("[", "{"));  // differ in bit 0x20 but are no letters
  EXPECT_FALSE(equals_ignoring_case("\xc4", "\xe4"));
  EXPECT_TRUE(starts_with_ignoring_case("Multipart/ByteRanges; x", "multipart/byteranges"));
  EXPECT_TRUE(ends_with_ignoring_case("/a/SiteMap.XML", "sitemap.xml"));
  EXPECT_FALSE(ends_with_ignoring_case("xml", "sitemap.xml"));
}

TEST(Text, Tokens) {
  for (const auto* good : {"a", "GET", "x-rate!#$%&'*+-.^_`|~9"}) EXPECT_TRUE(is_token(good)) << good;
  for (const auto* bad : {"", "a b", "a/b", "a,", "\"a\"", "a:", "\x7f", "\xc3\xa4"})
    EXPECT_FALSE(is_token(bad)) << bad;
}

TEST(Text, ListsAreWalkedAroundQuotedStrings) {
  using Strings = std::vector<std::string>;
  EXPECT_EQ(elements(""), Strings{});
  EXPECT_EQ(elements(" , ,\t,"), Strings{});
  EXPECT_EQ(elements("50, 50"), (Strings{"50", "50"}));
  EXPECT_EQ(elements("a , \"b,c\";d=1,e"), (Strings{"a", "\"b,c\";d=1", "e"}));
  EXPECT_EQ(elements("\"a\\\",b\",c"), (Strings{"\"a\\\",b\"", "c"}));
  EXPECT_EQ(elements("\"never closed, x"), (Strings{"\"never closed, x"}));
  EXPECT_EQ(elements("\"ends in a backslash\\"), (Strings{"\"ends in a backslash\\"}));
  EXPECT_EQ(elements("\\,a"), (Strings{"\\", "a"}));  // outside of quotes a backslash is only a character
  EXPECT_EQ(elements("\"x\"; q=1 ;w=2", ';'), (Strings{"\"x\"", "q=1", "w=2"}));
}

TEST(Text, UnquotesWholeStringsOnly) {
  EXPECT_EQ(unquote("\"a b\""), "a b");
  EXPECT_EQ(unquote("\"\""), "");
  EXPECT_EQ(unquote("\"a\\\"b\""), "a\\\"b");
  for (const auto* bad : {"", "\"", "a", "\"a", "a\"", "\"a\"b", "\"a\\\"", "\"a\"\""})
    EXPECT_FALSE(unquote(bad)) << bad;
}

TEST(Text, UnsignedIsStrict) {
  EXPECT_EQ(parse_unsigned("0"), 0u);
  EXPECT_EQ(parse_unsigned("007"), 7u);
  EXPECT_EQ(parse_unsigned("18446744073709551615"), 18446744073709551615u);
  for (const auto* bad : {"", " 1", "1 ", "+1", "-1", "1.0", "0x1", "1e3", "18446744073709551616",
                          "99999999999999999999999999", "\xb2"}) {
    EXPECT_FALSE(parse_unsigned(bad)) << bad;
  }
}

TEST(Text, Globs) {
  EXPECT_TRUE(glob_match("", ""));
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_TRUE(glob_match("**", "abc"));
  EXPECT_TRUE(glob_match("*.crossref.org", "api.crossref.org"));
  EXPECT_FALSE(glob_match("*.crossref.org", "crossref.org"));
  EXPECT_FALSE(glob_match("*.crossref.org", "api.crossref.org.evil.example"));
  EXPECT_TRUE(glob_match("a?c", "abc"));
  EXPECT_FALSE(glob_match("a?c", "ac"));
  EXPECT_TRUE(glob_match("*ab*ab", "abxabab"));
  EXPECT_FALSE(glob_match("Abc", "abc"));
  EXPECT_TRUE(glob_match_ignoring_case("Abc*", "aBCd"));
  EXPECT_FALSE(glob_match("a", "ab"));
  EXPECT_FALSE(glob_match("ab", "a"));
}

// The obvious definition, which blows up on hostile patterns and so is only a model.
bool glob_model(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*') {
    return glob_model(pattern.substr(1), text) || (!text.empty() && glob_model(pattern, text.substr(1)));
  }
  return !text.empty() && (pattern[0] == '?' || pattern[0] == text[0]) && glob_model(pattern.substr(1), text.substr(1));
}

std::string random_text(Random& random, std::string_view alphabet, std::size_t longest) {
  std::string text(random.next() % (longest + 1), ' ');
  for (char& c : text) c = alphabet[random.next() % alphabet.size()];
  return text;
}

TEST(Text, GlobsAgreeWithTheModel) {
  Random random(1);
  for (int i = 0; i < 50'000; ++i) {
    const std::string pattern = random_text(random, "ab*?", 7);
    const std::string text = random_text(random, "ab", 9);
    ASSERT_EQ(glob_match(pattern, text), glob_model(pattern, text)) << pattern << " on " << text;
  }
}

TEST(Text, AHostilePatternEnds) {
  std::string pattern;
  for (int i = 0; i < 50; ++i) pattern += "a*";
  EXPECT_FALSE(glob_match(pattern + "b", std::string(10'000, 'a')));
}

constexpr sys_seconds kNow = sys_days(2026y / 11 / 23) + 13h;

TEST(HttpDate, TheThreeFormsMeanTheSame) {
  const sys_seconds expected = sys_days(1994y / 11 / 6) + 8h + 49min + 37s;
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT", kNow), expected);
  EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT", kNow), expected);
  EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994", kNow), expected);
  EXPECT_EQ(parse_http_date("Sun Nov 06 08:49:37 1994", kNow), expected);
}

TEST(HttpDate, TwoDigitYearsAreTheNearestThatIsNotMoreThan50YearsAhead) {
  const auto year_of = [](std::string_view text, sys_seconds now = kNow) {
    const auto date = parse_http_date(text, now);
    return date ? static_cast<int>(std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(*date)).year())
                : 0;
  };
  EXPECT_EQ(year_of("Monday, 23-Nov-26 13:00:00 GMT"), 2026);
  EXPECT_EQ(year_of("Monday, 01-Jan-70 00:00:00 GMT"), 2070);
  EXPECT_EQ(year_of("Monday, 23-Nov-76 13:00:00 GMT"), 2076);  // exactly 50 years
  EXPECT_EQ(year_of("Monday, 23-Nov-76 13:00:01 GMT"), 1976);  // one second more
  EXPECT_EQ(year_of("Monday, 24-Nov-76 00:00:00 GMT"), 1976);
  EXPECT_EQ(year_of("Monday, 01-Jan-77 00:00:00 GMT"), 1977);
  EXPECT_EQ(year_of("Monday, 01-Jan-99 00:00:00 GMT"), 1999);
  EXPECT_EQ(year_of("Monday, 01-Jan-00 00:00:00 GMT"), 2000);
  EXPECT_EQ(year_of("Monday, 01-Jan-40 00:00:00 GMT", sys_days(1994y / 1 / 1)), 2040);
  EXPECT_EQ(year_of("Monday, 01-Jan-45 00:00:00 GMT", sys_days(1994y / 1 / 1)), 1945);
  EXPECT_EQ(year_of("Monday, 29-Feb-00 00:00:00 GMT", sys_days(2080y / 2 / 29)), 2000);  // 2100 is no leap year
}

TEST(HttpDate, LeapSecondsAndLeapDays) {
  EXPECT_EQ(parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT", kNow), sys_days(2017y / 1 / 1));
  EXPECT_EQ(parse_http_date("Thu, 29 Feb 2024 00:00:00 GMT", kNow), sys_days(2024y / 2 / 29));
  EXPECT_FALSE(parse_http_date("Wed, 29 Feb 2023 00:00:00 GMT", kNow));
  EXPECT_EQ(parse_http_date("Fri, 31 Dec 9999 23:59:59 GMT", kNow), sys_days(9999y / 12 / 31) + 24h - 1s);
}

TEST(HttpDate, GarbageIsNone) {
  for (const auto* bad : {
           "",
           "0",
           "now",
           "Sun",
           "Sun,",
           "Sun, 06 Nov 1994",
           "Sun, 06 Nov 1994 08:49:37",
           "Sun, 06 Nov 1994 08:49:37 UTC",
           "Sun, 06 Nov 1994 08:49:37 GMT ",
           " Sun, 06 Nov 1994 08:49:37 GMT",
           "Sun, 6 Nov 1994 08:49:37 GMT",
           "Sun, 06 nov 1994 08:49:37 GMT",
           "sun, 06 Nov 1994 08:49:37 GMT",
           "Xyz, 06 Nov 1994 08:49:37 GMT",
           "Sun, 32 Nov 1994 08:49:37 GMT",
           "Sun, 31 Nov 1994 08:49:37 GMT",
           "Sun, 00 Nov 1994 08:49:37 GMT",
           "Sun, 06 Nov 1994 24:00:00 GMT",
           "Sun, 06 Nov 1994 08:60:37 GMT",
           "Sun, 06 Nov 1994 08:49:61 GMT",
           "Sun, 06 Nov 94 08:49:37 GMT",
           "Sunday, 06-Nov-1994 08:49:37 GMT",
           "Sun, 06-Nov-94 08:49:37 GMT",
           "Sun Nov 6 08:49:37 1994",
           "Sun Nov  6 08:49:37 1994 GMT",
           "Sun, 06 Nov -994 08:49:37 GMT",
           "1994-11-06T08:49:37Z",
       }) {
    EXPECT_FALSE(parse_http_date(bad, kNow)) << bad;
  }
  EXPECT_FALSE(parse_http_date(std::string(65536, '9'), kNow));
  EXPECT_FALSE(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT" + std::string(65536, ' '), kNow));
}

TEST(IsoDate, AsApisWriteIt) {
  const sys_seconds time = sys_days(2026y / 11 / 23) + 13h + 7s;
  for (const auto* text :
       {"2026-11-23T13:00:07Z", "2026-11-23t13:00:07Z", "2026-11-23T13:00:07.000Z", "2026-11-23T13:00:06.001Z",
        "2026-11-23T13:00:07+00:00", "2026-11-23T14:30:07+01:30", "2026-11-22T23:59:07-13:01"}) {
    EXPECT_EQ(parse_iso_date(text), time) << text;
  }
  EXPECT_EQ(parse_iso_date("2026-11-23T13:00Z"), time - 7s);
  EXPECT_EQ(parse_iso_date("2024-02-29T23:59:60Z"), sys_days(2024y / 3 / 1));
  for (const auto* bad :
       {"", "2026-11-23", "2026-11-23T13:00:07", "2026-11-23 13:00:07Z", "2026-11-23T13Z", "2026-11-23T13:00:07.Z",
        "2026-11-23T13:00:07.1", "2026-11-23T13:00:07ZZ", "2026-00-23T13:00:07Z", "2026-13-23T13:00:07Z",
        "2026-02-29T13:00:07Z", "2026-11-23T24:00:00Z", "2026-11-23T13:60:00Z", "2026-11-23T13:00:61Z",
        "2026-11-23T13:00:07+1:00", "2026-11-23T13:00:07+24:00", "2026-11-23T13:00:07+00:60", "26-11-23T13:00:07Z",
        "Mon, 23 Nov 2026 13:00:07 GMT"}) {
    EXPECT_FALSE(parse_iso_date(bad)) << bad;
  }
}

TEST(HttpDate, WhatIsFormattedIsReadBack) {
  const auto text = [](sys_seconds time) {
    const HttpDate date = format_http_date(time);
    return std::string(date.begin(), date.end());
  };
  EXPECT_EQ(text(sys_days(1994y / 11 / 6) + 8h + 49min + 37s), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(text(sys_seconds{}), "Thu, 01 Jan 1970 00:00:00 GMT");
  Random random(2);
  for (int i = 0; i < 10'000; ++i) {
    const sys_seconds time(std::chrono::seconds(static_cast<std::int64_t>(random.uniform(-6e10, 2.5e11))));
    ASSERT_EQ(parse_http_date(text(time), kNow), time) << text(time);
  }
}

TEST(HttpDate, RandomBytesAndBrokenDatesDoNoHarm) {
  Random random(3);
  const std::string_view date = "Sunday, 06-Nov-94 08:49:37 GMT";
  for (int i = 0; i < 20'000; ++i) {
    std::string text(date);
    for (int n = 0; n < 3; ++n) text[random.next() % text.size()] = static_cast<char>(random.next());
    (void)parse_http_date(text, kNow);
    (void)parse_http_date(std::string_view(text).substr(0, random.next() % text.size()), kNow);
    std::string iso("2026-11-23T13:00:07.5+01:00");
    for (int n = 0; n < 2; ++n) iso[random.next() % iso.size()] = static_cast<char>(random.next());
    (void)parse_iso_date(std::string_view(iso).substr(0, random.next() % (iso.size() + 1)));
  }
}

}  // namespace
}  // namespace backoffd::policy
