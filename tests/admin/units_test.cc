#include "admin/units.h"

#include <gtest/gtest.h>

#include "admin/address.h"

namespace backoffd::admin {
namespace {

using namespace std::chrono_literals;

TEST(Duration, EveryUnitIsRead) {
  const std::pair<const char*, policy::Duration> cases[] = {{"0s", 0s},       {"250ms", 250ms},    {"30s", 30s},
                                                            {"1.5s", 1500ms}, {"10m", 10min},      {"24h", 24h},
                                                            {"7d", 168h},     {"0.001ms", 1000ns}, {"0ms", 0s}};
  for (const auto& [text, duration] : cases) {
    const auto read = parse_duration(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(*read, duration) << text;
  }
}

TEST(Duration, WhatCouldBeMisreadIsRefused) {
  for (const char* text : {"", "30", "s", "-1s", "+1s", " 1s", "1s ", "1 s", "1S", "1sec", "1m30s", "1e3s", "inf",
                           "nan", "0x1s", ".5s", "1us", "99999999999999999999d", "0.0000000001ms"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Duration, WhatIsWrittenReadsBackAsTheSame) {
  for (const policy::Duration d : {policy::Duration(0s), policy::Duration(90s), policy::Duration(24h),
                                   policy::Duration(500ms), policy::Duration(1500ms), policy::Duration(1234567ns)}) {
    EXPECT_EQ(*parse_duration(format_duration(d)), d) << format_duration(d);
  }
  EXPECT_EQ(format_duration(24h), "24h");
  EXPECT_EQ(format_duration(90s), "90s");
  EXPECT_EQ(format_duration(48h), "48h");
}

TEST(Size, EveryUnitIsRead) {
  const std::pair<const char*, std::uint64_t> cases[] = {{"0", 0},         {"4096", 4096},    {"10B", 10},
                                                         {"64KiB", 65536}, {"1MiB", 1 << 20}, {"2GiB", 2ULL << 30}};
  for (const auto& [text, size] : cases) {
    const auto read = parse_size(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(*read, size) << text;
    EXPECT_EQ(*parse_size(format_size(size)), size);
  }
}

TEST(Size, WhatCouldBeMisreadIsRefused) {
  for (const char* text : {"", "KiB", "1KB", "1k", "1.5MiB", "-1", "1 MiB", "18446744073709551616", "99999999999GiB"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
}

TEST(Listen, SpellingsThatPeopleUse) {
  EXPECT_EQ(parse_listen("127.0.0.1:8080")->text(), "127.0.0.1:8080");
  EXPECT_EQ(parse_listen("localhost:0")->text(), "127.0.0.1:0");
  EXPECT_EQ(parse_listen("*:80")->text(), "0.0.0.0:80");
  EXPECT_EQ(parse_listen("[0:0::1]:80")->text(), "[::1]:80");
  for (const char* text : {"", "8080", ":8080", "::1:80", "[127.0.0.1]:80", "1.2.3.4:65536", "1.2.3.4:", "host:80"}) {
    EXPECT_FALSE(parse_listen(text)) << text;
  }
}

TEST(Listen, MappedAndWildcardAddressesAreNoLoopback) {
  const auto loopback = [](const char* text) { return is_loopback(parse_listen(text)->address); };
  EXPECT_TRUE(loopback("127.8.9.1:1"));
  EXPECT_TRUE(loopback("[::1]:1"));
  EXPECT_TRUE(loopback("[::ffff:127.0.0.1]:1"));
  EXPECT_FALSE(loopback("0.0.0.0:1"));
  EXPECT_FALSE(loopback("[::]:1"));
  EXPECT_FALSE(loopback("192.168.0.1:1"));
}

TEST(Destination, RangesAndGlobs) {
  for (const char* text : {"10.0.0.0/8", "192.0.2.1", "fd00::/8", "::1", "*.example.org", "a_b-c.example", "*"}) {
    EXPECT_EQ(check_destination(text), "") << text;
  }
  for (const char* text : {"", "10.0.0.1/8", "10.0.0.0/33", "http://x", "a b", "x:80", "user@x"}) {
    EXPECT_NE(check_destination(text), "") << text;
  }
}

}  // namespace
}  // namespace backoffd::admin
