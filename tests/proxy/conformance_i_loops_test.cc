// The proxy never calls itself.
#include <gtest/gtest.h>

#include "tests/support/play.h"

namespace backoffd::test {
namespace {

using namespace std::string_literals;

struct Own {
  const char* id;
  std::string host;  // a spelling of the address the proxy listens on
};
class ConformanceOwnAddress : public testing::TestWithParam<Own> {};

// Two connections are accepted, this client's own.
TEST_P(ConformanceOwnAddress, IsNeverDialled) {
  RunningProxy proxy([](ProxySettings& s) {
    s.policy.retry.max_attempts = 1;
    s.proxy.egress.allow = {"0.0.0.0/0", "::/0", "*"};
  });
  const std::string authority = GetParam().host + ":" + std::to_string(proxy.port());
  for (const std::string& line : {"GET http://" + authority + "/", "CONNECT " + authority}) {
    const std::string response = proxy.exchange(line + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_GE(status_of(response), 400) << response;
    EXPECT_TRUE(is_complete_response(response)) << response;
  }
  EXPECT_EQ(2u, proxy.counted([](const proxy::Counters& c) { return c.client_connections.get(); }));
}

const std::vector<Own> kOwn = {
    {"I01-I02", "127.0.0.1"},
    {"I01-I02-name", "localhost"},
    {"I01-I02-capitals", "LOCALHOST"},
    {"I01-I02-root", "localhost."},
    {"I01-I02-dot", "127.0.0.1."},
    {"I01-I02-any", "0.0.0.0"},
    {"I01-I02-any6", "[::]"},
    {"I01-I02-mapped", "[::ffff:127.0.0.1]"},
    {"I01-I02-short", "127.1"},
    {"I01-I02-zero", "0"},
    {"I01-I02-hex", "0x7f.0.0.1"},
    {"I01-I02-octal", "0177.0.0.1"},
    {"I01-I02-number", "2130706433"},
    {"I01-I02-hex-number", "0x7f000001"},
    {"I01-I02-nat64", "[64:ff9b::7f00:1]"},
};
INSTANTIATE_TEST_SUITE_P(I, ConformanceOwnAddress, testing::ValuesIn(kOwn), RowName());

TEST(ConformanceLoops, I01_I02_TheRefusalSaysSo) {
  RunningProxy proxy;
  const std::string authority = "127.0.0.1:" + std::to_string(proxy.port());
  for (const std::string& line : {"GET http://" + authority + "/", "CONNECT " + authority}) {
    const std::string response = proxy.exchange(line + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(403, status_of(response)) << response;
    EXPECT_TRUE(body_of(response).starts_with("destination_refused: ")) << response;
    EXPECT_NE(std::string::npos, field_of(response, "Proxy-Status").find("error=destination_ip_prohibited"))
        << response;
  }
}

TEST(ConformanceLoops, I03_OriginFormAtTheProxysPortDoesNotLoop) {
  RunningProxy proxy;
  const std::string own = "127.0.0.1:" + std::to_string(proxy.port());
  EXPECT_EQ(400, status_of(proxy.exchange("GET / HTTP/1.1\r\nHost: " + own + "\r\n\r\n")));
  EXPECT_EQ(1u, proxy.counted([](const proxy::Counters& c) { return c.client_connections.get(); }));
}

TEST(ConformanceLoops, ARequestThatComesBackIsKnownByItsVia) {
  Play play;
  const std::string via = "Via: " + field_of(play.request_for("GET http://{}/ HTTP/1.1\r\nHost: {}\r\n\r\n"), "Via");
  for (const std::string& back : {via + ", 1.1 other", "Via: 1.0 other\r\n" + via}) {
    const std::string response = play.get("/", back + "\r\n");
    EXPECT_EQ(508, status_of(response)) << response;
    EXPECT_TRUE(is_complete_response(response));
  }
  EXPECT_EQ(1u, play.requests().size());
}

}  // namespace
}  // namespace backoffd::test
