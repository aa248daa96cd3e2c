// Responses: how they are framed, how they break, what is none.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/support/play.h"

namespace backoffd::test {
namespace {

using namespace std::string_literals;

const std::string kOk = "HTTP/1.1 200 OK\r\n";
const std::string kChunked = kOk + "Transfer-Encoding: chunked\r\n\r\n";
const std::string kGet11 = "GET http://{}/ HTTP/1.1\r\nHost: {}\r\n\r\n";
const std::string kGet10 = "GET http://{}/ HTTP/1.0\r\n\r\n";

void one_attempt(ProxySettings& s) { s.policy.retry.max_attempts = 1; }

// --- responses that arrive ---

struct Passed {
  const char* id;
  std::string origin;
  std::string line;  // of the client's response
  std::string body;
  std::string request = kGet11;
};
class ConformanceResponses : public testing::TestWithParam<Passed> {};

TEST_P(ConformanceResponses, Pass) {
  const Passed& row = GetParam();
  Play play({says(row.origin)});
  Peer client = play.client(row.request);
  const std::string response = client.read_response();
  EXPECT_EQ(row.line, first_line(response));
  EXPECT_EQ(row.body, body_of(response)) << response;
  if (row.request == kGet10) {
    EXPECT_EQ("", field_of(response, "Transfer-Encoding"));
    EXPECT_TRUE(client.ended());
    EXPECT_FALSE(client.was_reset());
  } else {
    EXPECT_TRUE(is_complete_response(response)) << response;
  }
}

const std::string kAll = "HTTP/1.1 200 OK";
const std::vector<Passed> kPassed = {
    {"E01", kChunked + "1;x=y\r\na\r\n00003\r\nbcd\r\nA\r\n0123456789\r\n0\r\n\r\n", kAll, "abcd0123456789"},
    {"E02", kChunked + "1\r\na\r\n3\r\nbcd\r\n0\r\n\r\n", kAll, "abcd", kGet10},
    {"E03", kOk + "\r\na\r\n\r\n\0b"s, kAll, "a\r\n\r\n\0b"s},
    {"E03-1.0-client", kOk + "\r\nabc", kAll, "abc", kGet10},
    {"E04", "HTTP/1.0 200 OK\r\n\r\nabc", kAll, "abc"},
    {"E04-empty", "HTTP/1.0 200 OK\r\n\r\n", kAll, ""},
    {"E25-299", answer("299 Fine, mostly", "", "x"), "HTTP/1.1 299 Fine, mostly", "x"},
    {"E25-499", answer("499 ", "", "x"), "HTTP/1.1 499 ", "x"},
    {"E25-599", answer("599 \xc3\xbc", "", "x"), "HTTP/1.1 599 \xc3\xbc", "x"},
    {"E25-999", answer("999 Denied", "", "x"), "HTTP/1.1 999 Denied", "x"},
    {"E26", answer("200", "", "x"), "HTTP/1.1 200 ", "x"},
    {"E27", kChunked + "3\r\nabc\r\n0\r\nX-T: 1\r\nSet-Cookie: a\r\n\r\n", kAll, "abc"},
    {"E27-1.0-client", kChunked + "3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n", kAll, "abc", kGet10},
};
INSTANTIATE_TEST_SUITE_P(E, ConformanceResponses, testing::ValuesIn(kPassed), RowName());

TEST(ConformanceResponses, E27_TrailersAreNeverMergedIntoTheHead) {
  const std::string response = Play(kChunked + "3\r\nabc\r\n0\r\nX-T: 1\r\nSet-Cookie: a\r\n\r\n").get();
  EXPECT_EQ("", field_of(response, "X-T")) << response;
  EXPECT_EQ(std::string::npos, response.find("Set-Cookie")) << response;
}

// Responses without a body leave their connections usable on both sides.
struct Bodiless {
  const char* id;
  const char* method;
  std::string origin;
  std::string length;  // the client's Content-Length
};
class ConformanceBodiless : public testing::TestWithParam<Bodiless> {};

TEST_P(ConformanceBodiless, LeavesBothConnectionsUsable) {
  const Bodiless& row = GetParam();
  Play play(row.origin);
  Peer client = play.proxy().connect();
  for (int i = 0; i < 2; ++i) {
    client.send(play.fill(row.method + " http://{}/ HTTP/1.1\r\nHost: {}\r\n\r\n"s));
    const std::string response = client.read_response(true);
    EXPECT_EQ(row.origin.substr(0, 12), response.substr(0, 12));
    EXPECT_EQ(row.length, field_of(response, "Content-Length")) << response;
    EXPECT_EQ("", field_of(response, "Transfer-Encoding")) << response;
  }
  EXPECT_EQ(2u, play.requests().size());
  EXPECT_EQ(1, play.origin().connections());
}

const std::vector<Bodiless> kBodiless = {
    {"E08", "HEAD", kOk + "Content-Length: 1234\r\n\r\n", "1234"},
    {"E08-none", "HEAD", kOk + "\r\n", ""},
    {"E09", "HEAD", kOk + "Transfer-Encoding: chunked\r\n\r\n", ""},
    {"E10", "GET", "HTTP/1.1 204 No Content\r\n\r\n", ""},
    {"E10-length", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", ""},
    {"E10-coding", "GET", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", ""},
};
INSTANTIATE_TEST_SUITE_P(E, ConformanceBodiless, testing::ValuesIn(kBodiless), RowName());

// Bytes that nobody asked for come with a response: the next request goes on a new connection and gets its own.
struct Stray {
  const char* id;
  std::string origin;
};
class ConformanceStray : public testing::TestWithParam<Stray> {};

TEST_P(ConformanceStray, BytesAreNeverTheNextResponse) {
  const std::string evil = ok("evil");
  Play play({says(GetParam().origin + evil), serves(ok("good"))});
  Peer client = play.client(kGet11);
  EXPECT_EQ(std::string::npos, client.read_response().find("evil"));
  client.send(play.fill(kGet11));
  EXPECT_EQ("good", body_of(client.read_response()));
  EXPECT_EQ(2, play.origin().connections());
}

const std::vector<Stray> kStray = {
    {"E11-204", "HTTP/1.1 204 No Content\r\n\r\n"},
    {"E11-304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"},
    {"E12-length", ok("x")},
    {"E12-chunked", kChunked + "1\r\nx\r\n0\r\n\r\n"},
};
INSTANTIATE_TEST_SUITE_P(E, ConformanceStray, testing::ValuesIn(kStray), RowName());

TEST(ConformanceStray, E13_AResponseOnAnIdleConnectionIsNeverUsed) {
  std::atomic<bool> idle = false;
  Play play({[&](Upstream& origin, Peer& peer) {
               origin.saw(peer.read_request());
               peer.send(ok("first"));
               while (!idle) std::this_thread::yield();
               peer.send(ok("evil"));
               origin.saw("and the proxy closes: " + peer.read_all());
             },
             serves(ok("good"))});
  EXPECT_EQ("first", body_of(play.get()));
  idle = true;
  ASSERT_TRUE(play.origin().wait_for_requests(2));
  EXPECT_EQ("and the proxy closes: ", play.requests()[1]);
  EXPECT_EQ("good", body_of(play.get()));
}

// --- responses that break ---

class ConformanceBroken : public testing::TestWithParam<Passed> {};

TEST_P(ConformanceBroken, IsSeenByTheClient) {
  Play play({says(GetParam().origin)});
  Peer client = play.client(GetParam().request);
  const std::string response = client.read_all();
  if (GetParam().request == kGet10) {
    EXPECT_TRUE(client.was_reset()) << response;
  } else {
    EXPECT_FALSE(is_complete_response(response)) << response;
  }
  EXPECT_EQ(std::string::npos, response.find("evil")) << response;
  EXPECT_TRUE(client.ended());
}

const std::vector<Passed> kBroken = {
    {"E05", kOk + "Content-Length: 10\r\n\r\nabc", "", ""},
    {"E06", kChunked + "3\r\nabc\r\n", "", ""},
    {"E06-in-chunk", kChunked + "5\r\nabc", "", ""},
    {"E06-in-last", kChunked + "3\r\nabc\r\n0\r\n", "", ""},
    {"E06-1.0-client", kChunked + "3\r\nabc\r\n", "", "", kGet10},
    {"E17-0x", kChunked + "0x3\r\nabc\r\n0\r\n\r\n", "", ""},
    {"E17-minus", kChunked + "-3\r\nabc\r\n0\r\n\r\n", "", ""},
    {"E17-nocrlf", kChunked + "3\r\nabc0\r\n\r\n", "", ""},
    {"E17-overflow", kChunked + "10000000000000003\r\nabc\r\n0\r\n\r\n", "", ""},
    {"E17-second", kChunked + "1\r\na\r\nx\r\nevil\r\n0\r\n\r\n", "", ""},
    {"E17-1.0-client", kChunked + "1\r\na\r\nx\r\nevil\r\n0\r\n\r\n", "", "", kGet10},
};
INSTANTIATE_TEST_SUITE_P(E, ConformanceBroken, testing::ValuesIn(kBroken), RowName());

TEST(ConformanceBroken, E07_AResetInMidBodyIsSeenByTheClient) {
  for (const std::string& head : {kOk + "Content-Length: 10\r\n\r\n", kChunked + "5\r\n", kOk + "\r\n"}) {
    std::atomic<bool> read = false;
    Play play({[&](Upstream&, Peer& peer) {
      peer.read_request();
      peer.send(head + "abc");
      while (!read) std::this_thread::yield();
      peer.reset();
    }});
    Peer client = play.client(kGet11);
    std::string response = client.read_until("abc");
    read = true;
    response += client.read_all();
    EXPECT_EQ(200, status_of(response));
    EXPECT_FALSE(is_complete_response(response)) << response;
  }
}

// --- what is no response ---

class ConformanceNoResponse : public testing::TestWithParam<Stray> {};

TEST_P(ConformanceNoResponse, Makes502) {
  Play play({says(GetParam().origin)});
  const std::string response = play.get();
  EXPECT_EQ(502, status_of(response)) << response;
  EXPECT_TRUE(is_complete_response(response)) << response;
  EXPECT_EQ(std::string::npos, response.find("evil")) << response;
  EXPECT_NE(0u, play.requests().size());
}

const std::vector<Stray> kNoResponse = {
    {"E14", kOk + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n4\r\nevil\r\n0\r\n\r\n"},
    {"E15-alpha", kOk + "Content-Length: 4a\r\n\r\nevil"},
    {"E15-list", kOk + "Content-Length: 4, 5\r\n\r\nevil"},
    {"E15-negative", kOk + "Content-Length: -4\r\n\r\nevil"},
    {"E15-overflow", kOk + "Content-Length: 18446744073709551620\r\n\r\nevil"},
    {"E15-plus", kOk + "Content-Length: +4\r\n\r\nevil"},
    {"E15-two-different", kOk + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nevil"},
    {"E15-empty", kOk + "Content-Length:\r\n\r\nevil"},
    {"E16", kOk + "Transfer-Encoding: gzip\r\n\r\nevil"},
    {"E16-gzip-chunked", kOk + "Transfer-Encoding: gzip, chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n"},
    {"E18-0.9", "evil\n"},
    {"E18-empty", "\r\n\r\n"},
    {"E18-garbage", "\x16\x03\x01\x02\x00\x01 evil\r\n\r\n"s},
    {"E18-http2", "HTTP/2.0 200 OK\r\nContent-Length: 4\r\n\r\nevil"},
    {"E18-status-2-digit", "HTTP/1.1 20 OK\r\nContent-Length: 4\r\n\r\nevil"},
    {"E18-status-text", "HTTP/1.1 abc OK\r\nContent-Length: 4\r\n\r\nevil"},
    {"E24", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: evil\r\n\r\nevil"},
    {"E34-before-blank", kOk + "Content-Length: 4\r\n"},
    {"E34-half-blank", kOk + "Content-Length: 4\r\n\r"},
    {"E34-in-field", kOk + "Content-Len"},
    {"E34-status-line", "HTTP/1.1 20"},
    {"E34-nothing", ""},
};
INSTANTIATE_TEST_SUITE_P(E, ConformanceNoResponse, testing::ValuesIn(kNoResponse), RowName());

TEST(ConformanceNoResponse, E19_E20_NoConnectionAndNoNameMake502) {
  std::uint16_t port = 0;
  listen_on_free_port(port).reset();
  RunningProxy proxy(one_attempt);
  for (const std::string& url : {"http://127.0.0.1:" + std::to_string(port) + "/", "http://name.invalid/"s}) {
    const std::string response = proxy.get(url);
    EXPECT_EQ(502, status_of(response)) << response;
    EXPECT_TRUE(is_complete_response(response)) << response;
    EXPECT_NE("", body_of(response));
  }
}

TEST(ConformanceNoResponse, E35_AnOriginThatNeverAnswersMakes504AndHarmsNobody) {
  Play play({hears("/mute"), serves(ok("other"))}, [](ProxySettings& s) {
    one_attempt(s);
    s.proxy.timeouts.response_head = std::chrono::milliseconds(300);
  });
  Peer waiting = play.client("GET http://{}/mute HTTP/1.1\r\nHost: {}\r\n\r\n");
  ASSERT_TRUE(play.origin().wait_for_requests(1));
  EXPECT_EQ("other", body_of(play.get()));
  const std::string response = waiting.read_response();
  EXPECT_EQ(504, status_of(response)) << response;
  EXPECT_TRUE(is_complete_response(response)) << response;
}

// --- interim responses ---

TEST(ConformanceInterim, E21_E22_AllReachTheClientBeforeTheFinalOne) {
  const std::string hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";
  Play play(hints + hints + "HTTP/1.1 199 What\r\n\r\n" + ok("final"));
  Peer client = play.client(kGet11);
  for (const char* status : {"103", "103", "199"}) {
    const std::string head = client.read_head();
    EXPECT_EQ("HTTP/1.1 "s + status, head.substr(0, 12));
    EXPECT_EQ(status == "103"s, has_line(head, "Link: </a.css>; rel=preload")) << head;
  }
  EXPECT_EQ("final", body_of(client.read_response()));
}

TEST(ConformanceInterim, E23_NoneIsSentToAnHttp10Client) {
  const std::string response =
      Play("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + ok("final")).exchange(kGet10);
  EXPECT_TRUE(response.starts_with("HTTP/1.1 200 OK\r\n")) << response;
  EXPECT_EQ("final", body_of(response));
}

TEST(ConformanceInterim, E32_AFloodOfThemIsBounded) {
  Play play({[](Upstream& origin, Peer& peer) {
              origin.saw(peer.read_request());
              while (peer.send("HTTP/1.1 103 Early Hints\r\n\r\n")) continue;
            }},
            one_attempt);
  const std::string response = play.get();
  EXPECT_EQ(502, status_of(response));
  EXPECT_LE(count_of(response, "HTTP/1.1 103 "), 100);
}

// --- streaming ---

TEST(ConformanceStreaming, E28_TheFirstBytesArriveWhileTheOriginIsStillSending) {
  for (const std::string& head : {kOk + "Content-Length: 6\r\n\r\n", kOk + "\r\n"}) {
    std::atomic<bool> read = false;
    Play play({[&](Upstream&, Peer& peer) {
      peer.read_request();
      peer.send(head + "abc");
      while (!read) std::this_thread::yield();
      peer.send("def");
    }});
    Peer client = play.client(kGet11);
    const std::string first = client.read_until("abc");
    EXPECT_TRUE(first.ends_with("abc")) << first;
    read = true;
    EXPECT_NE(std::string::npos, client.read_until("def").find("def"));
  }
}

TEST(ConformanceStreaming, E29_64MBArriveWhole) {
  const std::string body = much(64 << 20);
  Play play(ok(body));
  const std::string response = play.get();
  EXPECT_TRUE(response.ends_with(body));
  EXPECT_TRUE(is_complete_response(response));
}

// How much one end takes when nobody reads at the other one.
std::size_t taken(Peer& peer, const std::string& head) {
  const std::string piece(64 << 10, 'x');
  std::size_t sent = 0;
  peer.set_patience(500);
  peer.send(head);
  while (sent < (48 << 20) && peer.send(piece)) sent += piece.size();
  return sent;
}

TEST(ConformanceStreaming, E30_AClientThatDoesNotReadStopsTheOrigin) {
  std::atomic<std::size_t> sent = 0;
  Play play({[&](Upstream& origin, Peer& peer) {
    peer.read_request();
    sent = taken(peer, kOk + "Content-Length: 1000000000\r\n\r\n");
    origin.saw("stopped");
  }});
  Peer client = play.client(kGet11);
  ASSERT_TRUE(play.origin().wait_for_requests(1));
  EXPECT_GT(sent, 0u);
  EXPECT_LT(sent, std::size_t{48} << 20);
}

TEST(ConformanceStreaming, E31_AnOriginThatDoesNotReadStopsTheClient) {
  std::atomic<bool> over = false;
  Play play({[&](Upstream&, Peer&) {
    while (!over) std::this_thread::yield();
  }});
  Peer client = play.proxy().connect();
  const std::size_t sent =
      taken(client, play.fill("PUT http://{}/ HTTP/1.1\r\nHost: {}\r\nContent-Length: 1000000000\r\n\r\n"));
  over = true;
  EXPECT_GT(sent, 0u);
  EXPECT_LT(sent, std::size_t{48} << 20);
}

TEST(ConformanceStreaming, E33_TheOriginIsAlwaysAsked) {
  Play play(ok("fresh", "Cache-Control: public, max-age=600\r\nETag: \"x\"\r\n"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ("fresh", body_of(play.get()));
  EXPECT_EQ(3u, play.requests().size());
}

}  // namespace
}  // namespace backoffd::test
