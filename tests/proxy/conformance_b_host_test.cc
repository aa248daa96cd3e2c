// Host against target (RFC 9112 3.2, 3.2.2).
#include <gtest/gtest.h>

#include "tests/support/play.h"

namespace backoffd::test {
namespace {

struct HostLines {
  const char* id;
  const char* version;
  const char* lines;
};

std::string request_with(const HostLines& row) {
  return std::string("GET http://{}/x HTTP/") + row.version + "\r\n" + row.lines + "\r\n";
}

class ConformanceHost : public testing::TestWithParam<HostLines> {};

TEST_P(ConformanceHost, TheTargetWins) {
  Play play;
  const std::string request = play.request_for(request_with(GetParam()));
  EXPECT_TRUE(has_line(request, play.fill("Host: {}"))) << request;
  EXPECT_EQ(1, count_of(request, "\r\nHost:")) << request;
}

constexpr HostLines kReplaced[] = {
    {"B01", "1.1", "Host: other.example\r\n"},
    {"B07", "1.0", ""},
    {"B08", "1.1", "Host: \r\n"},
};
INSTANTIATE_TEST_SUITE_P(B, ConformanceHost, testing::ValuesIn(kReplaced), RowName());

class ConformanceBadHost : public testing::TestWithParam<HostLines> {};

TEST_P(ConformanceBadHost, Gets400) {
  Play play;
  expect_refused(play, request_with(GetParam()), 400);
}

constexpr HostLines kRefused[] = {
    {"B02", "1.1", ""},
    {"B03", "1.1", "Host: {}\r\nHost: other.example\r\n"},
    {"B04", "1.1", "Host: {}\r\nHost: {}\r\n"},
    {"B04-1.0", "1.0", "Host: {}\r\nHost: {}\r\n"},
    {"B05-space", "1.1", "Host: a b\r\n"},
    {"B05-slash", "1.1", "Host: {}/x\r\n"},
    {"B05-userinfo", "1.1", "Host: a@{}\r\n"},
    {"B05-port", "1.1", "Host: a:b\r\n"},
    {"B06", "1.1", "Host: {}, other.example\r\n"},
};
INSTANTIATE_TEST_SUITE_P(B, ConformanceBadHost, testing::ValuesIn(kRefused), RowName());

}  // namespace
}  // namespace backoffd::test
