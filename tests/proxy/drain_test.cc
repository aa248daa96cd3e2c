// The end of the proxy: what runs is finished, what is idle is closed, what is new is refused, and that is told once.
#include <gtest/gtest.h>

#include <atomic>

#include "tests/support/turns.h"

namespace backoffd::test {
namespace {

constexpr std::string_view kGet = "GET http://{}/ HTTP/1.1\r\nHost: {}\r\n\r\n";

// A drain, and how often its end was told.
class Drain {
 public:
  explicit Drain(RunningProxy& proxy) {
    proxy.server().drain([this] { ++told_; });
  }
  bool over() {
    return eventually([this] { return told_ > 0; });
  }
  int told() const { return told_; }

 private:
  std::atomic<int> told_{0};
};

// The answer's second half comes when the test says so.
class Halves {
 public:
  Turn turn() {
    return [this](Peer& peer) {
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na");
      EXPECT_TRUE(eventually([this] { return second_.load(); }));
      return peer.send("b");
    };
  }
  void second() { second_ = true; }

 private:
  std::atomic<bool> second_{false};
};

Change workers(unsigned count) {
  return [=](ProxySettings& s) { s.proxy.workers = count; };
}

bool refuses(const RunningProxy& proxy) {
  Peer peer = proxy.connect();
  return peer.fd() < 0 || peer.ended();
}

TEST(Drain, WithoutAnyConnectionItIsOverAtOnce) {
  for (const unsigned count : {1u, 3u}) {
    Turns play({gives(ok("x"))}, workers(count));
    Drain drain(play.proxy());
    EXPECT_TRUE(drain.over());
    play.proxy().server().stop();
    EXPECT_EQ(1, drain.told());
  }
}

TEST(Drain, NewConnectionsAreRefused) {
  Turns play({gives(ok("x"))});
  Drain drain(play.proxy());
  EXPECT_TRUE(drain.over());
  EXPECT_TRUE(eventually([&] { return refuses(play.proxy()); }));
}

TEST(Drain, AnIdleConnectionIsClosed) {
  Turns play({gives(ok("x"))});
  Peer silent = play.proxy().connect();
  Peer kept = play.client(kGet);
  EXPECT_EQ(200, status_of(kept.read_response()));
  Drain drain(play.proxy());
  EXPECT_TRUE(silent.ended());
  EXPECT_TRUE(kept.ended());
  EXPECT_TRUE(drain.over());
}

TEST(Drain, AnAnswerUnderWayIsFinished) {
  Halves halves;
  Turns play({halves.turn()});
  Peer client = play.client(kGet);
  client.read_until("\r\n\r\na");
  Drain drain(play.proxy());
  EXPECT_TRUE(eventually([&] { return refuses(play.proxy()); }));
  EXPECT_EQ(0, drain.told());
  halves.second();
  EXPECT_EQ("b", client.read_exactly(1));
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(drain.over());  // also where the client, like this one, does not close
}

TEST(Drain, ARequestThatWaitsForItsTurnOrItsRetryIsAnswered) {
  Halves halves;
  Turns play({halves.turn(), gives(failure(503)), gives(ok("last"))}, slots(1));
  Peer first = play.client(kGet);
  EXPECT_TRUE(play.origin().wait_for_requests(1));
  Peer second = play.client(kGet);
  EXPECT_TRUE(eventually([&] { return queued(play.proxy()) == 1; }));
  Drain drain(play.proxy());
  halves.second();
  const std::string response = second.read_response();
  EXPECT_EQ("last", body_of(response));
  EXPECT_EQ("close", field_of(response, "Connection"));
  first.close();
  second.close();
  EXPECT_TRUE(drain.over());
}

TEST(Drain, ARequestWhoseHeadHadBegunIsAnswered) {
  Turns play({gives(ok("x"))});
  Peer client = play.client("GET http://{}/ HTTP/1.1\r\n");
  Peer other = play.client(kGet);
  EXPECT_EQ(200, status_of(other.read_response()));  // by now the first one's bytes have been read
  Drain drain(play.proxy());
  EXPECT_TRUE(other.ended());
  client.send(play.fill("Host: {}\r\n\r\n"));
  const std::string response = client.read_response();
  EXPECT_EQ(200, status_of(response));
  EXPECT_EQ("close", field_of(response, "Connection"));
  client.close();
  EXPECT_TRUE(drain.over());
}

TEST(Drain, ATunnelMayGoOn) {
  Upstream origin({[](Peer& peer) {
    peer.read_until("ping");
    peer.send("pong");
    peer.read_all();
  }});
  RunningProxy proxy;
  Peer client = proxy.connect();
  client.send("CONNECT " + origin.authority() + " HTTP/1.1\r\nHost: " + origin.authority() + "\r\n\r\n");
  EXPECT_EQ(200, status_of(client.read_head()));
  Drain drain(proxy);
  client.send("ping");
  EXPECT_EQ("pong", client.read_exactly(4));
  client.close();
  EXPECT_TRUE(drain.over());
}

// Idle connections on some workers and a running exchange on one: the end is the end of all.
TEST(Drain, ItIsOverWhenTheLastWorkerIs) {
  Halves halves;
  Turns play({halves.turn()}, workers(3));
  std::vector<Peer> idle;
  for (int i = 0; i < 30; ++i) idle.push_back(play.proxy().connect());
  const auto open = [&] { return play.proxy().counted([](const auto& c) { return c.open_client_connections.get(); }); };
  Peer client = play.client(kGet);
  client.read_until("\r\n\r\na");
  EXPECT_TRUE(eventually([&] { return open() == 31; }));
  Drain drain(play.proxy());
  EXPECT_TRUE(eventually([&] { return open() == 1; }));
  EXPECT_FALSE(client.readable_within(50));
  EXPECT_EQ(0, drain.told());
  halves.second();
  EXPECT_EQ("b", client.read_exactly(1));
  client.close();
  EXPECT_TRUE(drain.over());
  play.proxy().server().stop();
  EXPECT_EQ(1, drain.told());
}

}  // namespace
}  // namespace backoffd::test
