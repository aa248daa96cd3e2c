// The main road: a request comes in, goes out, and its answer comes back.
#include <gtest/gtest.h>

#include "tests/support/play.h"

namespace backoffd::test {
namespace {

TEST(Forward, AGetGoesOutInOriginFormAndItsAnswerComesBack) {
  Upstream upstream({[&](Peer& peer) {
    upstream.saw(peer.read_head());
    peer.send(ok("hello", "ETag: \"x\"\r\n"));
  }});
  RunningProxy proxy;
  const std::string response = proxy.get(upstream.url("/a/b?q=1"));
  EXPECT_EQ(200, status_of(response));
  EXPECT_EQ("hello", body_of(response));
  EXPECT_EQ("\"x\"", field_of(response, "ETag"));
  EXPECT_EQ("1", field_of(response, "Backoffd-Attempts"));
  ASSERT_EQ(1u, upstream.seen().size());
  EXPECT_TRUE(upstream.seen().front().starts_with("GET /a/b?q=1 HTTP/1.1\r\n")) << upstream.seen().front();
}

TEST(Forward, BothSidesKeepTheirConnections) {
  Upstream upstream({Upstream::answers(ok("x"))});
  RunningProxy proxy;
  Peer client = proxy.connect();
  for (int i = 0; i < 5; ++i) {
    client.send(get_request(upstream.url()));
    EXPECT_EQ(200, status_of(client.read_response()));
  }
  EXPECT_EQ(1, upstream.connections());
}

TEST(Forward, ARefusedConnectionIsA502WithItsReason) {
  std::uint16_t port = 0;
  listen_on_free_port(port).reset();
  RunningProxy proxy([](ProxySettings& s) { s.policy.retry.max_attempts = 2; });
  const std::string response = proxy.get("http://127.0.0.1:" + std::to_string(port) + "/");
  EXPECT_EQ(502, status_of(response));
  EXPECT_EQ("2", field_of(response, "Backoffd-Attempts"));
  EXPECT_NE(std::string::npos, field_of(response, "Proxy-Status").find("error=connection_refused")) << response;
}

TEST(Forward, AFailingServerIsTriedAgain) {
  Upstream upstream({[](Peer& peer) {
    peer.read_head();
    peer.send(answer("503 Service Unavailable", "", "busy"));
    peer.read_head();
    peer.send(ok("at last"));
  }});
  RunningProxy proxy;
  const std::string response = proxy.get(upstream.url());
  EXPECT_EQ(200, status_of(response));
  EXPECT_EQ("at last", body_of(response));
  EXPECT_EQ("2", field_of(response, "Backoffd-Attempts"));
}

TEST(Forward, ATunnelCarriesBytesBothWays) {
  Upstream upstream({[](Peer& peer) {
    EXPECT_EQ("ping", peer.read_exactly(4));
    peer.send("pong");
  }});
  RunningProxy proxy;
  Peer client = proxy.connect();
  client.send("CONNECT " + upstream.authority() + " HTTP/1.1\r\nHost: " + upstream.authority() + "\r\n\r\nping");
  EXPECT_EQ(200, status_of(client.read_head()));
  EXPECT_EQ("pong", client.read_all());
}

TEST(Forward, ABigBodyArrivesWhole) {
  const std::string body = much(24 << 20);
  Upstream upstream({Upstream::answers(ok(body))});
  RunningProxy proxy;
  Peer client = proxy.connect();
  for (int i = 0; i < 2; ++i) {
    client.send(get_request(upstream.url()));
    EXPECT_TRUE(body == body_of(client.read_response()));
  }
  EXPECT_EQ(1, upstream.connections());
}

TEST(Forward, ATunnelCarriesMuchBothWaysAtOnce) {
  const std::string up(20 << 20, 'u'), down(20 << 20, 'd');
  Upstream upstream({[&](Peer& peer) {
    std::thread sender([&] { peer.send(down); });
    upstream.saw(peer.read_exactly(up.size()));
    sender.join();
  }});
  RunningProxy proxy;
  Peer client = proxy.connect();
  client.send("CONNECT " + upstream.authority() + " HTTP/1.1\r\nHost: " + upstream.authority() + "\r\n\r\n");
  EXPECT_EQ(200, status_of(client.read_head()));
  std::thread sender([&] { client.send(up); });
  EXPECT_TRUE(down == client.read_exactly(down.size()));
  sender.join();
  EXPECT_EQ("", client.read_all());
  ASSERT_TRUE(upstream.wait_for_requests(1));
  EXPECT_TRUE(up == upstream.seen().front());
}

}  // namespace
}  // namespace backoffd::test
