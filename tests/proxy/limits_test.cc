// Every state has its deadline, every buffer its bound, and a client that misuses neither harms nobody else.
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>

#include "proxy/session.h"
#include "tests/support/turns.h"

namespace backoffd::test {
namespace {

using policy::Reason;
using std::chrono::milliseconds;

constexpr std::string_view kGet = "GET http://{}/ HTTP/1.1\r\nHost: {}\r\n\r\n";
constexpr std::string_view kConnect = "CONNECT {} HTTP/1.1\r\nHost: {}\r\n\r\n";

Change timeout(policy::Duration proxy::Timeouts::*which, int ms) {
  return [=](ProxySettings& s) { s.proxy.timeouts.*which = milliseconds(ms); };
}

std::uint64_t open_connections(Play& play) {
  return play.proxy().counted([](const auto& c) { return c.open_client_connections.get(); });
}

// --- deadlines ---

TEST(Limits, ASilentClientIsClosed) {
  Turns play({gives(ok("x"))}, timeout(&proxy::Timeouts::client_head, 30));
  EXPECT_TRUE(play.proxy().connect().ended());
}

TEST(Limits, AHeadThatDoesNotEndIsTimedOut) {
  Turns play({gives(ok("x"))}, timeout(&proxy::Timeouts::client_head, 50));
  const std::string response = play.client("GET http://{}/ HTTP/1.1\r\nHo").read_all();
  EXPECT_EQ(408, status_of(response));
  EXPECT_NE(std::string::npos, play.log_lines().find(" verdict=client_head_timeout "));
}

TEST(Limits, AKeptConnectionWithoutARequestIsClosed) {
  Turns play({gives(ok("x"))}, timeout(&proxy::Timeouts::client_idle, 30));
  Peer client = play.client(kGet);
  EXPECT_EQ(200, status_of(client.read_response()));
  EXPECT_TRUE(client.ended());
}

TEST(Limits, AHeadThatDoesNotComeFromUpstreamIsA504) {
  Turns play({stalls_after("")}, all_of({attempts(1), timeout(&proxy::Timeouts::response_head, 30)}));
  const std::string response = play.get();
  EXPECT_EQ(504, status_of(response));
  EXPECT_NE(std::string::npos, field_of(response, "Proxy-Status").find("error=http_response_timeout"));
}

TEST(Limits, AClientThatKeepsItsBodyBackIsTimedOut) {
  Turns play({gives(ok("x"))}, timeout(&proxy::Timeouts::response_head, 50));
  Upstream origin({[](Peer& peer) { peer.read_all(); }});
  Peer client = play.proxy().connect();
  client.send("PUT " + origin.url() + " HTTP/1.1\r\nHost: " + origin.authority() + "\r\nContent-Length: 9\r\n\r\nhalf");
  const std::string response = client.read_all();
  EXPECT_EQ(408, status_of(response)) << response;
  EXPECT_EQ("client_body_timeout", field_of(response, "Backoffd-Verdict"));
}

TEST(Limits, AnExchangeHasAnEndWhateverItsState) {
  Turns play({stalls_after("")}, timeout(&proxy::Timeouts::exchange, 50));
  const std::string response = play.get();
  EXPECT_EQ(504, status_of(response));
  EXPECT_EQ("exchange_timeout", field_of(response, "Backoffd-Verdict"));
  EXPECT_TRUE(all_is_free(play.proxy()));
}

TEST(Limits, AnExchangeThatEndsWithinItsBodyIsBroken) {
  Turns play({stalls_after("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")},
             timeout(&proxy::Timeouts::exchange, 100));
  const std::string response = play.client(kGet).read_all();
  EXPECT_FALSE(is_complete_response(response));
  EXPECT_TRUE(all_is_free(play.proxy()));
}

TEST(Limits, AnIdleTunnelIsClosed) {
  Turns play({gives(ok("x"))}, timeout(&proxy::Timeouts::tunnel_idle, 30));
  Peer client = play.client(kConnect);
  EXPECT_EQ(200, status_of(client.read_head()));
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(all_is_free(play.proxy()));
}

TEST(Limits, AnIdleUpstreamConnectionIsClosed) {
  std::atomic<bool> ended{false};
  Turns play({[&](Peer& peer) {
               peer.send(ok("x"));
               return !(ended = peer.ended());
             }},
             timeout(&proxy::Timeouts::upstream_idle, 30));
  EXPECT_EQ(200, status_of(play.get()));
  EXPECT_TRUE(eventually([&] { return ended.load(); }));
}

// --- slow and sleeping clients ---

// Sends without end; counts what left.
Turn endless(std::atomic<std::uint64_t>& sent, std::atomic<bool>& ended) {
  return [&](Peer& peer) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n");
    const std::string piece(64 << 10, 'x');
    while (peer.send(piece)) sent += piece.size();
    return !(ended = true);
  };
}

TEST(Limits, ASleepingClientStopsTheUpstreamAndIsGivenUp) {
  std::atomic<std::uint64_t> sent{0};
  std::atomic<bool> ended{false};
  Turns play({endless(sent, ended)}, timeout(&proxy::Timeouts::stall, 300));
  Peer client = play.proxy().connect();
  client.set_small_receive_buffer();
  client.send(play.fill(kGet));
  EXPECT_TRUE(eventually([&] { return ended.load(); }));
  EXPECT_LT(sent, 32u << 20);  // the kernel's buffers on the way, and ours
  EXPECT_TRUE(all_is_free(play.proxy()));
  EXPECT_EQ(1u, play.verdicts(Reason::client_gone));
}

TEST(Limits, ASleepingUploadTargetStopsTheClient) {
  Upstream origin({[](Peer& peer) {
    peer.set_small_receive_buffer();
    poll(nullptr, 0, 300);
    peer.read_head();
    peer.send(answer("413 Too Large", "Connection: close\r\n", ""));
  }});
  RunningProxy proxy;
  Peer client = proxy.connect();
  client.set_patience(100);
  client.send("PUT " + origin.url() + " HTTP/1.1\r\nHost: " + origin.authority() +
              "\r\nContent-Length: 100000000000\r\n\r\n");
  std::uint64_t sent = 0;
  const std::string piece(64 << 10, 'x');
  while (sent < (64u << 20) && client.send(piece)) sent += piece.size();
  EXPECT_LT(sent, 32u << 20);
}

TEST(Limits, ASlowReaderGetsTheEndOfItsLastAnswer) {
  const std::string body(8 << 20, 'b');
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", body.size());
  for (const char* connection : {"", "Connection: close\r\n"}) {
    Turns play({gives("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (size + body) + "\r\n0\r\n\r\n")},
               timeout(&proxy::Timeouts::client_idle, 50));
    Peer client = play.client("GET http://{}/ HTTP/1.1\r\nHost: {}\r\n" + std::string(connection) + "\r\n");
    std::string got = client.read_head();
    const auto over = [&] { return play.proxy().counted([](const auto& c) { return c.active_exchanges.get(); }) == 0; };
    while (!over()) got += client.read_exactly(16 << 10);
    poll(nullptr, 0, 200);  // the rest is in the proxy's buffer and the kernel's
    EXPECT_TRUE(body == body_of(got + client.read_until("\r\n0\r\n\r\n")));
  }
}

// --- kept upstream connections ---

class WithoutKeptUpstreams : public testing::TestWithParam<std::uint64_t proxy::Limits::*> {};

TEST_P(WithoutKeptUpstreams, EveryRequestGetsAConnectionOfItsOwn) {
  Turns play({gives(ok("x"))}, [&](ProxySettings& s) { s.proxy.limits.*GetParam() = 0; });
  Peer client = play.client(std::string(kGet) + std::string(kGet));
  EXPECT_EQ(200, status_of(client.read_response()));
  EXPECT_EQ(200, status_of(client.read_response()));
  EXPECT_EQ(2, play.origin().connections());
}

INSTANTIATE_TEST_SUITE_P(Limits, WithoutKeptUpstreams,
                         testing::Values(&proxy::Limits::idle_upstreams, &proxy::Limits::idle_upstreams_per_host));

TEST(Limits, OneKeptUpstreamIsUsedAgain) {
  for (const auto bound : {&proxy::Limits::idle_upstreams, &proxy::Limits::idle_upstreams_per_host}) {
    Turns play({gives(ok("x"))}, [&](ProxySettings& s) { s.proxy.limits.*bound = 1; });
    EXPECT_EQ(200, status_of(play.get()));
    EXPECT_EQ(200, status_of(play.get()));
    EXPECT_EQ(1, play.origin().connections());
  }
}

// --- many ---

TEST(Limits, BeyondTheConnectionLimitNewClientsWait) {
  Turns play({gives(ok("x"))}, [](ProxySettings& s) { s.proxy.limits.connections = 2; });
  Peer one = play.proxy().connect();
  Peer two = play.proxy().connect();
  EXPECT_TRUE(eventually([&] { return open_connections(play) == 2; }));
  Peer three = play.client(kGet);
  EXPECT_FALSE(three.readable_within(100));
  EXPECT_EQ(2u, open_connections(play));
  one.close();
  EXPECT_EQ(200, status_of(three.read_response()));
}

TEST(Limits, HundredsOfHalfSentRequestsDisturbNobody) {
  Turns play({gives(ok("x"))});
  std::vector<Peer> halves;
  for (int i = 0; i < 300; ++i) halves.push_back(play.client("GET http://{}/ HTTP/1.1\r\nHost: {}\r\nX-Half: "));
  EXPECT_EQ(200, status_of(play.get()));
  for (Peer& half : halves) half.send("whole\r\n\r\n");
  int answered = 0;
  for (Peer& half : halves) answered += status_of(half.read_response()) == 200 ? 1 : 0;
  EXPECT_EQ(300, answered);
}

TEST(Limits, AHeadOctetByOctetIsAHead) {
  Turns play({gives(ok("x"))});
  Peer client = play.proxy().connect();
  client.send_slowly(play.fill(kGet));
  EXPECT_EQ(200, status_of(client.read_response()));
}

TEST(Limits, AnIdleClientCostsLittle) {
  EXPECT_LE(sizeof(proxy::Session), 1024u);
  EXPECT_LE(sizeof(proxy::Stream), 512u);
}

}  // namespace
}  // namespace backoffd::test
