// Request bodies on their way: how often one may be sent, on which connection, and who is to blame when it stops.
#include <gtest/gtest.h>

#include "tests/support/turns.h"

namespace backoffd::test {
namespace {

using policy::OutcomeKind;
using policy::Reason;

std::string chunked_put(std::string_view chunks) {
  return "PUT http://{}/ HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(chunks);
}

// --- sent again ---

TEST(Upload, ABodyUpToTheReplayLimitIsSentAgainWhole) {
  const std::string body(4 << 10, 'b');
  Turns play({gives(failure(503)), closes_after(""), gives(ok("x"))}, replay_limit(body.size()));
  EXPECT_EQ(200, status_of(play.exchange(request("PUT", "", body))));
  ASSERT_EQ(3u, play.requests().size());
  for (const std::string& seen : play.requests()) EXPECT_EQ(body, body_of(seen));
}

TEST(Upload, AChunkedBodyIsSentAgainWhole) {
  Turns play({gives(failure(503)), gives(ok("x"))});
  EXPECT_EQ(200, status_of(play.exchange(chunked_put("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"))));
  ASSERT_EQ(2u, play.requests().size());
  for (const std::string& seen : play.requests()) EXPECT_EQ("abcde", body_of(seen));
}

TEST(Upload, ABodyStillOnItsWayIsSentAgainFromItsStart) {
  Turns play({[](Peer&) { return true; }});
  Upstream origin({[](Peer& peer) {
                     peer.read_until("first");
                     peer.send(failure(503));
                     peer.read_all();
                   },
                   [](Peer& peer) {
                     const std::string all = peer.read_until("last");
                     peer.send(ok(body_of(all)));
                   }});
  Peer client = play.proxy().connect();
  client.send("PUT " + origin.url() + " HTTP/1.1\r\nHost: " + origin.authority() +
              "\r\nContent-Length: 9\r\n\r\nfirst");
  EXPECT_TRUE(eventually([&] { return origin.connections() == 2; }));
  client.send("last");
  EXPECT_EQ("firstlast", body_of(client.read_response()));
}

TEST(Upload, ABodyBeyondTheReplayLimitIsNotRepeated) {
  for (const std::string& put : {request("PUT", "", "12345"), chunked_put("5\r\n12345\r\n0\r\n\r\n")}) {
    Turns play({gives(failure(503))}, replay_limit(4));
    const std::string response = play.exchange(put);
    EXPECT_EQ(503, status_of(response));
    expect_verdict(play, response, Reason::body_too_large);
    EXPECT_EQ(1u, play.requests().size());
  }
}

// --- on an idle connection ---

// One that may be too large to be sent twice, and so could not be sent again where the connection proves stale.
TEST(Upload, ABodyThatMayNotFitTheReplayLimitTakesNoConnectionThatMayBeStale) {
  for (const std::string& octets : {request("PUT", "", "12345"), chunked_put("2\r\nab\r\n0\r\n\r\n")}) {
    Turns play({gives(ok("x"))}, replay_limit(4));
    play.get();
    EXPECT_EQ(200, status_of(play.exchange(octets)));
    EXPECT_EQ(2, play.origin().connections());
  }
}

TEST(Upload, ABodyThatFitsTheReplayLimitIsSentOnAnIdleConnection) {
  Turns play({gives(ok("x"))}, replay_limit(4));
  play.get();
  EXPECT_EQ(200, status_of(play.exchange(request("PUT", "", "1234"))));
  EXPECT_EQ(1, play.origin().connections());
}

// --- the client keeps everybody waiting ---

void expect_client_is_to_blame(Turns& play, const std::string& response) {
  EXPECT_EQ(408, status_of(response)) << response;
  EXPECT_EQ("client_body_timeout", field_of(response, "Backoffd-Verdict"));
  EXPECT_EQ("1", field_of(response, "Backoffd-Attempts"));
  EXPECT_EQ(0u, play.outcomes(OutcomeKind::head_timeout));
  EXPECT_EQ(1, play.origin().connections());
  EXPECT_TRUE(all_is_free(play.proxy()));
}

constexpr std::string_view kPutHead = "PUT http://{}/ HTTP/1.1\r\nHost: {}\r\nContent-Length: 4\r\n";

TEST(Upload, ABodyThatStopsComingIsTheClientsFault) {
  for (const char* begun : {"", "x"}) {
    Turns play(std::vector<Play::Script>{[](Upstream&, Peer& peer) { peer.read_all(); }}, head_within(100));
    Peer client = play.client(std::string(kPutHead) + "\r\n" + begun);
    expect_client_is_to_blame(play, client.read_response());
  }
}

TEST(Upload, ABodyThatWasAskedForAndDoesNotComeIsTheClientsFault) {
  Turns play(std::vector<Play::Script>{[](Upstream&, Peer& peer) {
               peer.read_head();
               peer.send("HTTP/1.1 100 Continue\r\n\r\n");
               peer.read_all();
             }},
             head_within(100));
  Peer client = play.client(std::string(kPutHead) + "Expect: 100-continue\r\n\r\n");
  EXPECT_EQ("HTTP/1.1 100 Continue", first_line(client.read_head()));
  expect_client_is_to_blame(play, client.read_response());
}

TEST(Upload, ABodyThatWasNeverAskedForIsTheOriginsFault) {
  Turns play(std::vector<Play::Script>{[](Upstream&, Peer& peer) { peer.read_all(); }},
             all_of({attempts(2), head_within(100)}));
  Peer client = play.client(std::string(kPutHead) + "Expect: 100-continue\r\n\r\n");
  const std::string response = client.read_response();
  EXPECT_EQ(504, status_of(response)) << response;
  EXPECT_EQ(2u, play.outcomes(OutcomeKind::head_timeout));
}

// --- an answer that begins before its request has ended ---

// The origin's head comes at once, the rest when it has the body.
Play::Script answers_early() {
  return [](Upstream& origin, Peer& peer) {
    peer.read_head();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    origin.saw(peer.read_exactly(4));
    peer.send("ok");
  };
}

TEST(Upload, AnUploadThatMovesIsNoStall) {
  Turns play(std::vector<Play::Script>{answers_early()}, stall(1000));
  Peer client = play.client(std::string(kPutHead) + "\r\n");
  const std::string head = client.read_head();
  for (const char* byte : {"b", "o", "d", "y"}) {
    usleep(300000);
    client.send(byte);
  }
  EXPECT_EQ("ok", client.read_exactly(2)) << head;
  ASSERT_EQ(1u, play.requests().size());
  EXPECT_EQ("body", play.requests()[0]);
}

TEST(Upload, AnUploadThatStopsAfterTheAnswerBeganIsTheClientsFault) {
  Turns play(std::vector<Play::Script>{answers_early()}, stall(100));
  Peer client = play.client(std::string(kPutHead) + "\r\nb");
  EXPECT_EQ(200, status_of(client.read_all()));
  EXPECT_NE(std::string::npos, play.log_lines().find(" verdict=client_body_timeout ")) << play.log_lines();
  EXPECT_EQ(0u, play.outcomes(OutcomeKind::broken_body));
  EXPECT_EQ(1u, play.proxy().counted([](const auto& c) { return c.refusals().at("client_body_timeout"); }));
}

}  // namespace
}  // namespace backoffd::test
