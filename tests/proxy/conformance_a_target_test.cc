// Request line and target: what goes out as it is, what is rewritten, what never leaves.
#include <gtest/gtest.h>

#include "tests/support/play.h"
#include "tests/support/running_proxy.h"
#include "tests/support/turns.h"
#include "tests/support/upstream.h"

namespace backoffd::test {
namespace {

// A request line that is forwarded: what the client writes, and what the origin reads. Host is right.
struct Forwarded {
  const char* id;
  const char* client;
  const char* origin;
  const char* fields = "";     // the client's
  const char* line = nullptr;  // of the origin's head
};

class ConformanceTarget : public testing::TestWithParam<Forwarded> {};

TEST_P(ConformanceTarget, IsForwarded) {
  const Forwarded& row = GetParam();
  Play play;
  const std::string request = play.request_for(std::string(row.client) + "\r\nHost: {}\r\n" + row.fields + "\r\n");
  EXPECT_EQ(row.origin, first_line(request));
  if (row.line != nullptr) {
    EXPECT_TRUE(has_line(request, row.line)) << request;
  } else {
    EXPECT_EQ("", field_of(request, "Max-Forwards"));
  }
}

constexpr Forwarded kForwarded[] = {
    {"A01", "GET http://{}/a/b?q=1 HTTP/1.1", "GET /a/b?q=1 HTTP/1.1"},
    {"A02", "GET http://{} HTTP/1.1", "GET / HTTP/1.1"},
    {"A03", "GET http://{}?a=b&c HTTP/1.1", "GET /?a=b&c HTTP/1.1"},
    {"A04", "GET http://{}/A/../b/./%2F%2e%7e//;x=1,+~'!?a=%20&b=/?@:;c&d=~ HTTP/1.1",
     "GET /A/../b/./%2F%2e%7e//;x=1,+~'!?a=%20&b=/?@:;c&d=~ HTTP/1.1"},
    {"A05", "OPTIONS http://{} HTTP/1.1", "OPTIONS * HTTP/1.1"},
    {"A06", "OPTIONS http://{}/p HTTP/1.1", "OPTIONS /p HTTP/1.1"},
    {"A06-slash", "OPTIONS http://{}/ HTTP/1.1", "OPTIONS / HTTP/1.1"},
    {"A06-query", "OPTIONS http://{}?q HTTP/1.1", "OPTIONS /?q HTTP/1.1"},
    {"A08-DELETE", "DELETE http://{}/x HTTP/1.1", "DELETE /x HTTP/1.1"},
    {"A08-PATCH", "PATCH http://{}/x HTTP/1.1", "PATCH /x HTTP/1.1"},
    {"A08-PROPFIND", "PROPFIND http://{}/x HTTP/1.1", "PROPFIND /x HTTP/1.1"},
    {"A08-PUT", "PUT http://{}/x HTTP/1.1", "PUT /x HTTP/1.1"},
    {"A08-QUERY", "QUERY http://{}/x HTTP/1.1", "QUERY /x HTTP/1.1"},
    {"A09", "get http://{}/x HTTP/1.1", "get /x HTTP/1.1"},
    {"A10", "M-SEARCH!~ http://{}/x HTTP/1.1", "M-SEARCH!~ /x HTTP/1.1"},
    {"A12", "OPTIONS http://{}/x HTTP/1.1", "OPTIONS /x HTTP/1.1", "Max-Forwards: 5\r\n", "Max-Forwards: 4"},
    {"A12-TRACE", "TRACE http://{}/x HTTP/1.1", "TRACE /x HTTP/1.1", "Max-Forwards: 10\r\n", "Max-Forwards: 9"},
    {"A15", "OPTIONS http://{}/x HTTP/1.1", "OPTIONS /x HTTP/1.1"},
    {"A15-GET", "GET http://{}/x HTTP/1.1", "GET /x HTTP/1.1", "Max-Forwards: 3\r\n", "Max-Forwards: 3"},
    {"A15-GET-zero", "GET http://{}/x HTTP/1.1", "GET /x HTTP/1.1", "Max-Forwards: 0\r\n", "Max-Forwards: 0"},
    {"A41", "\r\nGET http://{}/x HTTP/1.1", "GET /x HTTP/1.1"},
    {"A42", "GET HTTP://{}/x HTTP/1.1", "GET /x HTTP/1.1"},
    {"A43-1.0", "GET http://{}/x HTTP/1.0", "GET /x HTTP/1.1"},
    {"A43-1.2", "GET http://{}/x HTTP/1.2", "GET /x HTTP/1.1"},
};
INSTANTIATE_TEST_SUITE_P(A, ConformanceTarget, testing::ValuesIn(kForwarded), RowName());

// A request line that is not. "<NUL>" stands for that octet.
struct Refused {
  const char* id;
  const char* client;
  int status = 400;
};

class ConformanceBadTarget : public testing::TestWithParam<Refused> {};

TEST_P(ConformanceBadTarget, IsRefused) {
  const Refused& row = GetParam();
  Play play;
  std::string line = row.client;
  if (const std::size_t at = line.find("<NUL>"); at != std::string::npos) line.replace(at, 5, 1, '\0');
  expect_refused(play, line + "\r\nHost: {}\r\n\r\n", row.status);
}

constexpr Refused kRefused[] = {
    {"A16", "GET http:///x HTTP/1.1"},
    {"A17", "GET http://:80/x HTTP/1.1"},
    {"A18", "GET http://user:secret@{}/x HTTP/1.1"},
    {"A18-host", "GET http://{}@other.invalid/x HTTP/1.1"},
    {"A19", "GET http://{}/x#y HTTP/1.1"},
    {"A19-authority", "GET http://{}#@other.invalid/ HTTP/1.1"},
    {"A20", "GET http://{}/a b HTTP/1.1"},
    {"A21", "GET\thttp://{}/x\tHTTP/1.1"},
    {"A22", "GET http://{}/x"},
    {"A23", "GET http://{}/x http/1.1"},
    {"A24", "GET http://{}/x HTTP/2.0", 505},
    {"A25", "GET http://{}/x HTTP/1.10"},
    {"A25-major", "GET http://{}/x HTTP/01.1"},
    {"A26", "%&!? garbage"},
    {"A27", "GET http://{}/a<NUL>b HTTP/1.1"},
    {"A28",
     "GET http://{}/a\x01"
     "b HTTP/1.1"},
    {"A28-DEL",
     "GET http://{}/a\x7f"
     "b HTTP/1.1"},
    {"A29", "GET http://{}/a\rb HTTP/1.1"},
    {"A29-end", "GET http://{}/a HTTP/1.1\r"},
    {"A30", "GET http://127.0.0.1:65616/x HTTP/1.1"},
    {"A31", "GET http://127.0.0.1:8o/x HTTP/1.1"},
    {"A31-sign", "GET http://127.0.0.1:+80/x HTTP/1.1"},
    {"A32", "GET http://{}\\@other.invalid/x HTTP/1.1"},
    {"A33", "GET http://127.0.0.1%00.other.invalid/x HTTP/1.1"},
    {"A34", "GET ftp://{}/x HTTP/1.1"},
    {"A34-file", "GET file:///etc/passwd HTTP/1.1"},
    {"A35", "G(T http://{}/x HTTP/1.1"},
    {"A36", "GET /x HTTP/1.1"},
    {"A37", "GET  http://{}/x HTTP/1.1"},
    {"A37-second", "GET http://{}/x  HTTP/1.1"},
    {"A38", "GET {} HTTP/1.1"},
    {"A39", "GET * HTTP/1.1"},
};
INSTANTIATE_TEST_SUITE_P(A, ConformanceBadTarget, testing::ValuesIn(kRefused), RowName());

TEST(ConformanceTarget, A07_ARequestLineOf8000OctetsIsAccepted) {
  Play play;
  const std::string path = "/" + std::string(8000, 'a');
  EXPECT_EQ("GET " + path + " HTTP/1.1",
            first_line(play.request_for("GET http://{}" + path + " HTTP/1.1\r\nHost: {}\r\n\r\n")));
}

TEST(ConformanceTarget, A44_HttpsInAbsoluteFormIsNeverSentInClearText) {
  std::string first;
  Upstream upstream({[&](Peer& peer) { first = peer.read_exactly(6); }});
  RunningProxy proxy([](ProxySettings& settings) { settings.policy.retry.max_attempts = 1; });
  const std::string response = proxy.get("https://" + upstream.authority() + "/secret");
  EXPECT_EQ(502, status_of(response));
  ASSERT_FALSE(first.empty());
  EXPECT_EQ('\x16', first[0]) << "no TLS handshake record";
  EXPECT_EQ(std::string::npos, first.find("secret"));
}

TEST(ConformanceTarget, A40_ATargetOf300kBGets414AndTheProxyLivesOn) {
  Play play;
  expect_refused(play, "GET http://{}/" + std::string(300000, 'a') + " HTTP/1.1\r\nHost: {}\r\n\r\n", 414);
}

TEST(ConformanceTarget, A11_OptionsWithNoForwardsLeftIsAnsweredHere) {
  Play play;
  const std::string response = play.exchange("OPTIONS http://{}/ HTTP/1.1\r\nHost: {}\r\nMax-Forwards: 0\r\n\r\n");
  EXPECT_EQ(200, status_of(response));
  EXPECT_TRUE(is_complete_response(response)) << response;
  EXPECT_NE("", field_of(response, "Allow"));
  EXPECT_EQ(0, play.origin().connections());
}

TEST(ConformanceTarget, A13_A14_TraceWithNoForwardsLeftIsRefusedAndEchoesNothing) {
  Play play;
  const std::string response = play.exchange(
      "TRACE http://{}/ HTTP/1.1\r\nHost: {}\r\nMax-Forwards: 0\r\nCookie: secret\r\n"
      "Authorization: secret\r\nProxy-Authorization: secret\r\n\r\n");
  EXPECT_EQ(405, status_of(response));
  EXPECT_TRUE(is_complete_response(response)) << response;
  EXPECT_EQ(std::string::npos, response.find("secret")) << response;
  EXPECT_EQ(0, play.origin().connections());
}

TEST(ConformanceTarget, A11_A13_WhatIsAnsweredHereIsCheckedAndLoggedLikeTheRest) {
  const std::string last = "Max-Forwards: 0\r\n";
  const std::string two_framings = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
  const struct {
    std::string octets;
    int status;
    const char* logged;
  } kRows[] = {
      {"OPTIONS http://{}/ HTTP/1.1\r\nHost: {}\r\n" + last, 200, " method=OPTIONS "},
      {"OPTIONS * HTTP/1.1\r\nHost: us\r\n" + last, 200, " method=OPTIONS "},
      {"TRACE http://{}/ HTTP/1.1\r\nHost: {}\r\n" + last, 405, " method=TRACE "},
      {"TRACE http://{}/ HTTP/1.1\r\nHost: {}\r\nMax-Forwards: x\r\n", 400, " verdict=bad_max_forwards "},
      {"TRACE http://{}/ HTTP/1.1\r\nHost: {}\r\nMax-Forwards: 1\r\n" + last, 400, " verdict=bad_max_forwards "},
      {"OPTIONS http://{}/ HTTP/1.1\r\n" + last, 400, " verdict=missing_host "},
      {"OPTIONS * HTTP/1.1\r\n" + last, 400, " verdict=missing_host "},
      {"OPTIONS /x HTTP/1.1\r\nHost: us\r\n" + last, 400, " verdict=not_a_proxy_request "},
      {"TRACE http://{}/ HTTP/1.1\r\nHost: {}\r\nHost: {}\r\n" + last, 400, " verdict=bad_host_field "},
      {"OPTIONS http://{}/ HTTP/1.1\r\nHost: {}\r\n" + last + two_framings, 400, " status=400 "},
  };
  for (const auto& row : kRows) {
    Turns play({gives(ok("x"))});
    EXPECT_EQ(row.status, status_of(play.exchange(row.octets + "\r\n"))) << row.octets;
    const std::string log = play.log_lines();
    EXPECT_NE(std::string::npos, log.find(row.logged)) << log;
    EXPECT_EQ(1, count_of(log, "\n")) << log;
    EXPECT_EQ(0, play.origin().connections());
  }
}

TEST(ConformanceTarget, A42_SchemeAndHostMayBeInCapitals) {
  Play play;
  const std::string port = ":" + std::to_string(play.origin().port());
  const std::string request = play.request_for("GET HTTP://LocalHost" + port + "/X HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ("GET /X HTTP/1.1", first_line(request));
  EXPECT_TRUE(has_line(request, "Host: localhost" + port)) << request;
}

TEST(ConformanceTarget, A45_AnIpv6LiteralWorksAndHostKeepsItsBrackets) {
  Play play({serves(ok("six"))}, {}, "::1");
  const std::string request = play.request_for("GET http://{}/x HTTP/1.1\r\nHost: {}\r\n\r\n");
  EXPECT_TRUE(has_line(request, "Host: [::1]:" + std::to_string(play.origin().port()))) << request;
}

// "localhost" is both addresses, whichever of them listens.
TEST(ConformanceTarget, A46_TheOtherAddressOfANameIsTried) {
  for (const char* address : {"127.0.0.1", "::1"}) {
    Play play({serves(ok("here"))}, {}, address);
    const std::string port = std::to_string(play.origin().port());
    EXPECT_EQ("here", body_of(play.exchange("GET http://localhost:" + port + "/ HTTP/1.1\r\nHost: x\r\n\r\n")))
        << address;
  }
}

}  // namespace
}  // namespace backoffd::test
