// What an operator is told of exchanges in flight, and of those that needed help.
#include <gtest/gtest.h>

#include <future>

#include "proxy/notable.h"
#include "tests/support/play.h"

namespace backoffd::proxy {
namespace {

using test::Peer;
using test::Play;
using test::Upstream;

ExchangeAnswer ask(Play& play, ExchangeQuery query = {}) {
  std::promise<ExchangeAnswer> told;
  play.proxy().server().exchanges(std::move(query), [&](ExchangeAnswer answer) { told.set_value(std::move(answer)); });
  return told.get_future().get();
}

// The exchange in flight, once it is in that stage.
ExchangeInfo in_stage(Play& play, Stage stage) {
  for (int i = 0; i < 1000; ++i) {
    for (ExchangeInfo& info : ask(play).in_flight) {
      if (info.stage == stage) return info;
    }
    usleep(10000);
  }
  ADD_FAILURE() << "nothing is " << name(stage);
  return {AccessRecord(), stage};
}

void one_at_once(test::ProxySettings& s) { s.policy.default_limits.max_concurrency = 1; }

TEST(Exchanges, OneIsToldWithWhatItAsksForAndHowFarItIs) {
  Play play(std::vector<Play::Script>{[](Upstream& origin, Peer& peer) {
    origin.saw(peer.read_request());
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789");
    peer.read_all();
  }});
  const Peer client = play.client("GET http://{}/a/b?secret=1 HTTP/1.1\r\nHost: {}\r\n\r\n");
  const ExchangeInfo info = in_stage(play, Stage::relaying);
  EXPECT_EQ(info.method, "GET");
  EXPECT_EQ(info.host, "127.0.0.1");
  EXPECT_EQ(info.path, "/a/b");
  EXPECT_EQ(info.operation, "download");
  EXPECT_EQ(info.attempts, 1);
  EXPECT_NE(info.key.find("@127.0.0.1"), std::string::npos);
  EXPECT_EQ(info.id.size(), 16U);
  EXPECT_GT(info.total.count(), 0);
  for (int i = 0; i < 1000 && in_stage(play, Stage::relaying).bytes_out < 10; ++i) usleep(10000);
  EXPECT_EQ(in_stage(play, Stage::relaying).bytes_out, 10U);
  EXPECT_TRUE(ask(play, {.moving = false, .seen = {}}).in_flight.empty());
}

TEST(Exchanges, OneWithoutAnAnswerYetIsAttempting) {
  Play play(std::vector<Play::Script>{[](Upstream&, Peer& peer) { peer.read_all(); }});
  const Peer client = play.client("GET http://{}/ HTTP/1.1\r\nHost: {}\r\n\r\n");
  EXPECT_EQ(in_stage(play, Stage::attempting).attempts, 1);
}

TEST(Exchanges, OneThatWaitsForItsNextTryIsBackingOff) {
  Play play("HTTP/1.1 503 Later\r\nRetry-After: 20\r\nContent-Length: 0\r\n\r\n");
  const Peer client = play.client("GET http://{}/ HTTP/1.1\r\nHost: {}\r\n\r\n");
  EXPECT_EQ(in_stage(play, Stage::backing_off).attempts, 1);
  EXPECT_TRUE(ask(play, {.waiting = false, .seen = {}}).in_flight.empty());
}

TEST(Exchanges, OneWithoutAPlaceIsQueuedAndTheOldestComesFirst) {
  Play play(std::vector<Play::Script>{[](Upstream&, Peer& peer) { peer.read_all(); }}, one_at_once);
  const Peer first = play.client("GET http://{}/1 HTTP/1.1\r\nHost: {}\r\n\r\n");
  in_stage(play, Stage::attempting);
  const Peer second = play.client("GET http://{}/2 HTTP/1.1\r\nHost: {}\r\n\r\n");
  EXPECT_EQ(in_stage(play, Stage::queued).path, "/2");
  const auto all = ask(play).in_flight;
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].path, "/1");
  EXPECT_EQ(ask(play, {.most = 1, .seen = {}}).in_flight.size(), 1U);
}

TEST(Exchanges, OneThatIsOverIsInFlightNoMoreAndNotableOnlyWhenItNeededHelp) {
  Play play(std::vector<Play::Script>{test::serves("HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
                                      test::serves(test::ok("x"))});
  EXPECT_EQ(test::status_of(play.get("/again")), 200);
  EXPECT_EQ(test::status_of(play.get("/easy")), 200);
  const ExchangeAnswer answer = ask(play);
  EXPECT_TRUE(answer.in_flight.empty());
  ASSERT_EQ(answer.recent.size(), 1U);
  EXPECT_EQ(answer.recent[0].path, "/again");
  EXPECT_EQ(answer.recent[0].attempts, 2);
  EXPECT_EQ(answer.recent[0].status, 200);
}

TEST(Exchanges, ARefusalIsNotableWithItsReason) {
  Play play;
  play.exchange("CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n");
  const auto recent = ask(play).recent;
  ASSERT_EQ(recent.size(), 1U);
  EXPECT_EQ(recent[0].method, "CONNECT");
  EXPECT_EQ(recent[0].scheme, "connect");
  EXPECT_EQ(recent[0].path, "");
  EXPECT_NE(recent[0].verdict, "none");
  EXPECT_GE(recent[0].status, 400);
}

TEST(Exchanges, WhatIsNotableIsToldOnceToWhomSaysWhatWasSeen) {
  Play play;
  play.exchange("CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n");
  const ExchangeAnswer first = ask(play);
  EXPECT_EQ(first.recent.size(), 1U);
  EXPECT_TRUE(ask(play, {.seen = first.seen}).recent.empty());
  play.exchange("CONNECT 127.0.0.1:2 HTTP/1.1\r\nHost: 127.0.0.1:2\r\n\r\n");
  EXPECT_EQ(ask(play, {.seen = first.seen}).recent.size(), 1U);
  EXPECT_EQ(ask(play).recent.size(), 2U);
}

AccessRecord retried(std::string_view id) {
  AccessRecord record;
  record.request_id = id;
  record.attempts = 2;
  return record;
}

TEST(Notable, TheLastAreKept) {
  Notable notable;
  std::vector<ExchangeInfo> all;
  for (std::size_t i = 0; i < 3 * Notable::kKept; ++i) notable.finished(retried(std::to_string(i)));
  EXPECT_EQ(notable.copy(0, all), 3 * Notable::kKept);
  ASSERT_EQ(all.size(), Notable::kKept);
  EXPECT_EQ(all.front().id, std::to_string(2 * Notable::kKept));
  EXPECT_EQ(all.back().id, std::to_string(3 * Notable::kKept - 1));
}

TEST(Notable, AShortWaitAClientThatLeftAndAGoodAnswerAreNoNews) {
  Notable notable;
  std::vector<ExchangeInfo> all;
  AccessRecord record;
  record.attempts = 1;
  record.verdict = "none";
  record.queued = std::chrono::seconds(2);
  notable.finished(record);
  record.verdict = "client_gone";
  notable.finished(record);
  EXPECT_EQ(notable.copy(0, all), 0U);
  record.queued = std::chrono::seconds(20);
  notable.finished(record);
  record.queued = {};
  record.verdict = "queue_full";
  notable.finished(record);
  EXPECT_EQ(notable.copy(0, all), 2U);
}

TEST(ExchangeInfo, AVeryLongPathIsCut) {
  const std::string path(10000, 'a');
  AccessRecord record;
  record.path = path;
  EXPECT_LT(ExchangeInfo(record, Stage::queued).path.size(), 600U);
}

}  // namespace
}  // namespace backoffd::proxy
