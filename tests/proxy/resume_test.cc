// POLICY 5 on the wire: a download that breaks off is continued unseen, or ends as a broken one that the client sees.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "tests/support/turns.h"

namespace backoffd::test {
namespace {

using policy::Reason;
using std::chrono::milliseconds;

constexpr std::string_view kGet = "GET http://{}/a.pdf HTTP/1.1\r\nHost: {}\r\n\r\n";
constexpr std::string_view kTag = "ETag: \"one\"\r\n";

// Bytes that tell where they belong.
std::string entity(std::size_t size) {
  std::string text;
  text.reserve(size + 8);
  for (std::size_t i = 0; text.size() < size; ++i) text += std::to_string(i) + ",";
  return text.substr(0, size);
}

std::string head(std::string_view status, std::string_view fields, std::size_t length) {
  return "HTTP/1.1 " + std::string(status) + "\r\n" + std::string(fields) +
         "Content-Length: " + std::to_string(length) + "\r\n\r\n";
}

// The whole entity is announced, its first `given` bytes are sent.
std::string broken(const std::string& body, std::size_t given, std::string_view fields = kTag) {
  return head("200 OK", fields, body.size()) + body.substr(0, given);
}

std::string content_range(std::size_t first, std::size_t total) {
  return "Content-Range: bytes " + std::to_string(first) + '-' + std::to_string(total - 1) + '/' +
         std::to_string(total) + "\r\n";
}

// The rest from `first` on, of which `given` bytes are sent.
std::string rest(const std::string& body, std::size_t first, std::string_view fields = kTag,
                 std::size_t given = std::string::npos) {
  return head("206 Partial Content", content_range(first, body.size()) + std::string(fields), body.size() - first) +
         body.substr(first, given);
}

std::string chunk(std::string_view data) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  return size + std::string(data) + "\r\n";
}

std::string chunked(std::string_view status, std::string_view fields, std::string_view data) {
  return "HTTP/1.1 " + std::string(status) + "\r\n" + std::string(fields) + "Transfer-Encoding: chunked\r\n\r\n" +
         chunk(data);
}

class Download : public Turns {
 public:
  explicit Download(std::vector<Turn> turns, const Change& change = {})
      : Turns(std::move(turns), all_of({contextual(), change ? change : [](ProxySettings&) {}})) {}

  std::string response(std::string_view octets = kGet) const {
    Peer peer = client(octets);
    return peer.read_response();
  }
  // Everything up to the end of the connection.
  std::string all(std::string_view octets = kGet) const {
    Peer peer = client(octets);
    return peer.read_all();
  }
};

void expect_continued(Download& play, const std::string& response, const std::string& body, int requests = 2) {
  EXPECT_EQ(200, status_of(response));
  EXPECT_TRUE(body == body_of(response)) << body_of(response).size() << " bytes of " << body.size();
  EXPECT_TRUE(is_complete_response(response));
  EXPECT_EQ(requests, static_cast<int>(play.requests().size()));
  EXPECT_LE(1u, play.proxy().counted([](const auto& c) { return c.resumed_bodies.get(); }));
  EXPECT_NE(std::string::npos, play.log_lines().find(" verdict=resume "));
}

// The client has a head and too few bytes, and its connection has ended.
void expect_broken(Download& play, const std::string& response, int requests = 1,
                   std::string_view verdict = "broken_body") {
  EXPECT_EQ(200, status_of(response)) << response;
  EXPECT_FALSE(is_complete_response(response));
  EXPECT_EQ(requests, static_cast<int>(play.requests().size()));
  EXPECT_EQ(1u, play.proxy().counted([](const auto& c) { return c.broken_bodies.get(); }));
  EXPECT_NE(std::string::npos, play.log_lines().find(" verdict=" + std::string(verdict) + ' ')) << play.log_lines();
  EXPECT_TRUE(all_is_free(play.proxy()));
}

// --- continued ---

TEST(Resume, ABodyThatEndsShortIsContinuedUnseen) {
  const std::string body = entity(1000);
  Download play({closes_after(broken(body, 400)), closes_after(rest(body, 400))});
  expect_continued(play, play.response(), body);
  EXPECT_TRUE(has_line(play.requests()[1], "Range: bytes=400-")) << play.requests()[1];
  EXPECT_TRUE(has_line(play.requests()[1], "If-Range: \"one\"")) << play.requests()[1];
  EXPECT_NE(std::string::npos, play.log_lines().find(" resumed_at=400 "));
}

TEST(Resume, AResetIsABreakLikeAnyOther) {
  const std::string body = entity(1000);
  Download play({resets_after(broken(body, 400)), closes_after(rest(body, 400))});
  Peer client = play.client(kGet);
  const std::string response = client.read_response();
  EXPECT_TRUE(body == body_of(response));
  EXPECT_TRUE(is_complete_response(response));
  EXPECT_EQ(2u, play.requests().size());
}

TEST(Resume, ABodyThatBreaksBeforeItsFirstByteIsAskedForFromTheStart) {
  const std::string body = entity(1000);
  Download play({closes_after(broken(body, 0)), closes_after(rest(body, 0))});
  expect_continued(play, play.response(), body);
}

TEST(Resume, AChunkedBodyWithoutItsLastChunkIsContinued) {
  const std::string body = entity(1000);
  Download play(
      {closes_after(chunked("200 OK", kTag, body.substr(0, 300))),
       closes_after(chunked("206 Partial Content", content_range(300, 1000) + std::string(kTag), body.substr(300)) +
                    "0\r\n\r\n")});
  expect_continued(play, play.response(), body);
}

TEST(Resume, AChunkedBodyIsContinuedByOneWithALength) {
  const std::string body = entity(1000);
  Download play({closes_after(chunked("200 OK", kTag, body.substr(0, 300))), closes_after(rest(body, 300))});
  expect_continued(play, play.response(), body);
}

TEST(Resume, SilenceWithinABodyIsABreak) {
  const std::string body = entity(1000);
  Download play({stalls_after(broken(body, 400)), closes_after(rest(body, 400))}, stall(200));
  expect_continued(play, play.response(), body);
}

TEST(Resume, SeveralBreaksAreContinuedOneAfterTheOther) {
  const std::string body = entity(1000);
  Download play({closes_after(broken(body, 200)), closes_after(rest(body, 200, kTag, 100)),
                 closes_after(rest(body, 300, kTag, 1)), closes_after(rest(body, 301))});
  expect_continued(play, play.response(), body, 4);
}

TEST(Resume, AFailedAttemptToContinueIsTriedAgain) {
  const std::string body = entity(1000);
  Download play(
      {closes_after(broken(body, 400)), closes_after(""), closes_after(failure(503)), closes_after(rest(body, 400))});
  expect_continued(play, play.response(), body, 4);
}

TEST(Resume, AModificationDateIsAValidatorWhenItIsOlderThanTheAnswer) {
  const std::string body = entity(1000);
  const std::string dates = "Date: Sun, 06 Nov 1994 08:49:38 GMT\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
  Download play({closes_after(broken(body, 400, dates)), closes_after(rest(body, 400, dates))});
  expect_continued(play, play.response(), body);
  EXPECT_TRUE(has_line(play.requests()[1], "If-Range: Sun, 06 Nov 1994 08:49:37 GMT")) << play.requests()[1];
}

TEST(Resume, AWholeAnswerOfTheSameEntityIsContinuedBehindWhatIsThere) {
  const std::string body = entity(1000);
  Download play({closes_after(broken(body, 400)), closes_after(ok(body, kTag))});
  expect_continued(play, play.response(), body);
}

TEST(Resume, AWholeAnswerMayBreakWhileItsBeginningIsDropped) {
  const std::string body = entity(1000);
  Download play({closes_after(broken(body, 400)), closes_after(broken(body, 200)), closes_after(rest(body, 400))});
  expect_continued(play, play.response(), body, 3);
}

TEST(Resume, TheClientsOwnRangeIsContinuedWithinIt) {
  const std::string body = entity(1000);
  const std::string range = "Content-Range: bytes 100-599/1000\r\n" + std::string(kTag);
  const std::string tail = "Content-Range: bytes 150-599/1000\r\n" + std::string(kTag);
  Download play({closes_after(head("206 Partial Content", range, 500) + body.substr(100, 50)),
                 closes_after(head("206 Partial Content", tail, 450) + body.substr(150, 450))});
  const std::string response =
      play.response("GET http://{}/a.pdf HTTP/1.1\r\nHost: {}\r\nRange: bytes=100-599\r\nIf-Range: \"old\"\r\n\r\n");
  EXPECT_EQ(206, status_of(response));
  EXPECT_EQ(body.substr(100, 500), body_of(response));
  ASSERT_EQ(2u, play.requests().size());
  EXPECT_TRUE(has_line(play.requests()[1], "Range: bytes=150-599")) << play.requests()[1];
  EXPECT_EQ(1, count_of(play.requests()[1], "If-Range:"));
}

TEST(Resume, WhatIsFetchedAgainIsNotCountedAsSpared) {
  const std::string body = entity(1000);
  const auto spared = [](Download& play) {
    return play.proxy().counted([](const auto& c) { return c.resumed_bytes.get(); });
  };
  Download by_range({closes_after(broken(body, 400)), closes_after(rest(body, 400))});
  expect_continued(by_range, by_range.response(), body);
  EXPECT_EQ(400u, spared(by_range));

  Download whole({closes_after(broken(body, 400)), closes_after(ok(body, kTag))});
  expect_continued(whole, whole.response(), body);
  EXPECT_EQ(0u, spared(whole));

  const std::string part = "Content-Range: bytes 100-999/1000\r\n" + std::string(kTag);
  Download whole_for_part(
      {closes_after(head("206 Partial Content", part, 900) + body.substr(100, 50)), closes_after(ok(body, kTag))});
  EXPECT_EQ(body.substr(100),
            body_of(whole_for_part.response("GET http://{}/a.pdf HTTP/1.1\r\nHost: {}\r\nRange: bytes=100-\r\n\r\n")));
  EXPECT_EQ(0u, spared(whole_for_part));
}

TEST(Resume, TheClientsConnectionIsKeptAfterAContinuedBody) {
  const std::string body = entity(1000);
  Download play({closes_after(broken(body, 400)), gives(rest(body, 400)), gives(ok("next"))});
  Peer client = play.client(kGet);
  EXPECT_EQ(body, body_of(client.read_response()));
  client.send(play.fill(kGet));
  EXPECT_EQ("next", body_of(client.read_response()));
}

// --- bodies long enough to be spliced ---

const std::string& long_entity() {
  static const std::string body = entity(6 << 20);
  return body;
}

// Whatever happens behind the commit point, there is one head.
TEST(Resume, AClientThatSendsNoMoreGetsNothingElseInTheMiddle) {
  const std::string body = entity(1000);
  Download play({closes_after(broken(body, 400)), closes_after(""), closes_after(rest(body, 400))});
  Peer client = play.client(kGet);
  client.end_write();
  const std::string response = client.read_all();
  EXPECT_TRUE(body == body_of(response)) << response;
  EXPECT_EQ(1, count_of(response, "HTTP/1.1 "));
}

TEST(Resume, AnUpgradeThatWasAnsweredOtherwiseIsNotAskedForAgain) {
  const std::string body = entity(1000);
  const std::string switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
  Download play({closes_after(broken(body, 400)), closes_after(switching)});
  const std::string response =
      play.all("GET http://{}/a.pdf HTTP/1.1\r\nHost: {}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_EQ(1, count_of(response, "HTTP/1.1 "));
  expect_broken(play, response, 2);
  EXPECT_EQ("", field_of(play.requests()[1], "Upgrade"));
}

TEST(Resume, AClientThatOwesItsBodyGetsNoSecondHead) {
  const std::string body = entity(1000);
  Turns play(std::vector<Play::Script>{[&](Upstream& origin, Peer& peer) {
                                         origin.saw(peer.read_head());
                                         peer.send(broken(body, 400));
                                       },
                                       [](Upstream& origin, Peer& peer) {
                                         origin.saw(peer.read_head());
                                         peer.read_all();
                                       }},
             all_of({contextual(), head_within(100)}));
  Peer client = play.client("GET http://{}/a.pdf HTTP/1.1\r\nHost: {}\r\nContent-Length: 4\r\n\r\nb");
  EXPECT_EQ(1, count_of(client.read_all(), "HTTP/1.1 "));
  EXPECT_NE(std::string::npos, play.log_lines().find(" verdict=client_body_timeout ")) << play.log_lines();
  EXPECT_EQ(2u, play.requests().size());
}

TEST(Resume, ALongBodyIsContinuedWhereverItEndsShort) {
  const std::string& body = long_entity();
  for (const std::size_t at :
       {std::size_t{1000}, std::size_t{700 << 10}, (std::size_t{3} << 20) + 17, body.size() - 1}) {
    Download play({closes_after(broken(body, at)), closes_after(rest(body, at))});
    expect_continued(play, play.response(), body);
  }
}

TEST(Resume, ALongBodyIsContinuedAfterAReset) {
  const std::string& body = long_entity();
  // What was received when the reset came may be less than what was sent: the origin answers the range it is asked for.
  RunningProxy proxy(contextual());
  Upstream origin({[&](Peer& peer) {
    const std::string request = peer.read_head();
    const std::size_t range = request.find("Range: bytes=");
    if (range != std::string::npos) {
      peer.send(rest(body, std::strtoull(request.c_str() + range + 13, nullptr, 10)));
      return;
    }
    peer.send(broken(body, 3 << 20));
    const linger at_close = {1, 0};
    setsockopt(peer.fd(), SOL_SOCKET, SO_LINGER, &at_close, sizeof at_close);
  }});
  EXPECT_TRUE(body == body_of(proxy.get(origin.url("/a.pdf"))));
  EXPECT_EQ(2, origin.connections());
}

TEST(Resume, ALongBodyIsContinuedAfterSilence) {
  const std::string& body = long_entity();
  Download play({stalls_after(broken(body, 3 << 20)), closes_after(rest(body, 3 << 20))}, stall(300));
  expect_continued(play, play.response(), body);
}

TEST(Resume, ALongBodyIsContinuedToAClientThatReadsLate) {
  const std::string& body = long_entity();
  constexpr std::size_t kBreak = 700 << 10;
  Download play({stalls_after(broken(body, kBreak)), gives(rest(body, kBreak)), gives(ok("next"))}, stall(300));
  Peer client = play.client(kGet);
  client.read_head();
  const std::string first = client.read_exactly(650 << 10);
  EXPECT_TRUE(play.origin().wait_for_requests(2));
  EXPECT_TRUE(body == first + client.read_exactly(body.size() - first.size()));
  client.send(play.fill(kGet));
  EXPECT_EQ("next", body_of(client.read_response()));
}

// --- not continued: the client sees a broken body ---

void expect_not_continued(const std::string& first, const std::string& second, int requests = 2) {
  Download play({closes_after(first), closes_after(second)}, attempts(2));
  expect_broken(play, play.all(), requests);
}

TEST(Resume, AnotherOffsetTotalOrEntityDoesNotContinue) {
  const std::string body = entity(1000), other = entity(1001);
  const std::string first = broken(body, 400);
  expect_not_continued(first, rest(body, 399));
  expect_not_continued(first, rest(body, 401));
  expect_not_continued(first, rest(other, 400));
  expect_not_continued(first, rest(body, 400, "ETag: \"two\"\r\n"));
  expect_not_continued(first, rest(body, 400, "ETag: W/\"one\"\r\n"));
  expect_not_continued(first, rest(body, 400, ""));
  expect_not_continued(first, rest(body, 400, "ETag: \"one\"\r\nContent-Encoding: gzip\r\n"));
  expect_not_continued(first, ok(body, "ETag: \"two\"\r\n"));
  expect_not_continued(first, ok(body));
  expect_not_continued(first, failure(416));
  expect_not_continued(first, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
}

TEST(Resume, WithoutAStrongValidatorABreakIsFinal) {
  const std::string body = entity(1000), date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
  expect_not_continued(broken(body, 400, ""), rest(body, 400), 1);
  expect_not_continued(broken(body, 400, "ETag: W/\"one\"\r\n"), rest(body, 400), 1);
  expect_not_continued(broken(body, 400, date + "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), rest(body, 400),
                       1);
}

TEST(Resume, WhenNoAttemptIsLeftTheBodyIsBroken) {
  const std::string body = entity(1000);
  Download play({closes_after(broken(body, 400)), closes_after("")}, attempts(3));
  const std::string response = play.all();
  EXPECT_EQ(body.substr(0, 400), body_of(response));
  expect_broken(play, response, 3, "attempts");
  EXPECT_EQ(1u, play.verdicts(Reason::attempts));
}

TEST(Resume, ARefusedContinuationSaysWhichRuleRefusedIt) {
  const std::string body = entity(1000);
  // What else is asked for than the rest, and the wait for it, do not fit the time there is.
  Download play({closes_after(broken(body, 400)), gives(failure(503, "Retry-After: 900\r\n"))});
  expect_broken(play, play.all(), 2, "deadline");
  EXPECT_EQ(1u, play.verdicts(Reason::deadline));
}

TEST(Resume, AContinuationThatGetsNoTurnSaysSo) {
  const std::string body = entity(1000);
  Download play({closes_after(broken(body, 400)), gives(ok("other"))},
                all_of({rate("1/10SECOND"),
                        [](ProxySettings& s) { s.policy.default_limits.queue.max_wait = milliseconds(50); }}));
  expect_broken(play, play.all(), 1, "queue_timeout");
  EXPECT_EQ(1u, play.verdicts(Reason::queue_timeout));
}

TEST(Resume, ABrokenChunkedBodyHasNoLastChunk) {
  Download play({closes_after(chunked("200 OK", "", "half"))});
  const std::string response = play.all();
  EXPECT_EQ("half", body_of(response));
  EXPECT_EQ(std::string::npos, response.find("\r\n0\r\n"));
  expect_broken(play, response);
}

TEST(Resume, AMalformedChunkIsABreak) {
  Download play({closes_after(chunked("200 OK", "", "half") + "zz\r\n")});
  const std::string response = play.all();
  EXPECT_EQ(std::string::npos, response.find("\r\n0\r\n"));
  expect_broken(play, response);
}

TEST(Resume, AnHttp10ClientSeesAResetForABrokenChunkedBody) {
  Download play({closes_after(chunked("200 OK", "", "half"))});
  Peer client = play.client("GET http://{}/a.pdf HTTP/1.0\r\n\r\n");
  client.read_all();
  EXPECT_TRUE(client.was_reset());
}

TEST(Resume, ABodyThatEndsWithItsConnectionIsWhole) {
  Download play({closes_after("HTTP/1.1 200 OK\r\nETag: \"one\"\r\n\r\nall there is")});
  const std::string response = play.response();
  EXPECT_EQ("all there is", body_of(response));
  EXPECT_TRUE(is_complete_response(response)) << response;
  EXPECT_EQ(1u, play.requests().size());
}

TEST(Resume, ABodyThatEndsWithItsConnectionAndIsResetIsBroken) {
  Download play({resets_after("HTTP/1.1 200 OK\r\nETag: \"one\"\r\n\r\nhalf")});
  expect_broken(play, play.all());
}

TEST(Resume, OnlyDownloadsAreContinued) {
  const std::string body = entity(1000);
  Download play({closes_after(broken(body, 400)), closes_after(rest(body, 400))});
  expect_broken(play, play.all("GET http://{}/a.pdf HTTP/1.1\r\nHost: {}\r\nBackoffd-Operation: extract\r\n\r\n"));
}

TEST(Resume, TheStandardPolicyNeverContinues) {
  const std::string body = entity(1000);
  Turns play({closes_after(broken(body, 400)), closes_after(rest(body, 400))});
  Peer client = play.client(kGet);
  EXPECT_EQ(body.substr(0, 400), body_of(client.read_all()));
  EXPECT_EQ(1u, play.requests().size());
  EXPECT_EQ(1u, play.verdicts(Reason::committed));
}

TEST(Resume, AStallInALongBodyEndsItWithoutAContinuation) {
  Turns play({stalls_after(broken(long_entity(), 3 << 20))}, stall(300));
  Peer client = play.client(kGet);
  EXPECT_EQ(std::size_t{3} << 20, body_of(client.read_all()).size());
  EXPECT_TRUE(all_is_free(play.proxy()));
  EXPECT_TRUE(eventually(
      [&] { return play.proxy().counted([](const auto& c) { return c.open_client_connections.get(); }) == 0; }));
}

TEST(Resume, AClientThatLeavesBeforeTheContinuationFreesEverything) {
  const std::string body = entity(1000);
  Download play({closes_after(broken(body, 400))}, [](ProxySettings& s) {
    s.policy.retry.base_delay = std::chrono::seconds(20);
    s.policy.retry.max_delay = std::chrono::seconds(600);
  });
  Peer client = play.client(kGet);
  client.read_until("\r\n\r\n");
  EXPECT_TRUE(eventually([&] { return play.verdicts(Reason::resume) == 1; }));
  client.reset();
  EXPECT_TRUE(all_is_free(play.proxy()));
}

}  // namespace
}  // namespace backoffd::test
