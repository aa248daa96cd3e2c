// CONNECT and Upgrade: tunnels that carry everything, and those that are not opened.
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/play.h"

namespace backoffd::test {
namespace {

using namespace std::string_literals;

const std::string kConnect = "CONNECT {} HTTP/1.1\r\nHost: {}\r\n\r\n";
const std::string kBinary = "\0\r\n\r\nGET \xff\x80\x01"s;

// Notes what comes until the client's side ends, then says its last words.
Play::Script listens_then_says(const std::string& words) {
  return [words](Upstream& origin, Peer& peer) {
    origin.saw(peer.read_all());
    peer.send(words);
  };
}

// A tunnel that the client opens with these octets: it gets a 2xx without framing.
Peer open_tunnel(const Play& play, std::string_view octets = kConnect) {
  Peer client = play.client(octets);
  const std::string head = client.read_head();
  EXPECT_EQ("HTTP/1.1 2", head.substr(0, 10));
  EXPECT_EQ("", field_of(head, "Content-Length"));
  EXPECT_EQ("", field_of(head, "Transfer-Encoding"));
  return client;
}

struct Opened {
  const char* id;
  std::string octets;
  const char* address = "127.0.0.1";
};
class ConformanceTunnel : public testing::TestWithParam<Opened> {};

TEST_P(ConformanceTunnel, CarriesBinaryBothWays) {
  Play play({[](Upstream& origin, Peer& peer) {
              origin.saw(peer.read_exactly(kBinary.size()));
              peer.send(kBinary + kBinary);
            }},
            {}, GetParam().address);
  Peer client = open_tunnel(play, GetParam().octets);
  if (!GetParam().octets.ends_with(kBinary)) client.send(kBinary);
  EXPECT_EQ(kBinary + kBinary, client.read_all());
  EXPECT_FALSE(client.was_reset());
  EXPECT_EQ(kBinary, play.request());
}

const std::vector<Opened> kOpened = {
    {"G01", kConnect},
    {"G02", kConnect + kBinary},
    {"G17", "CONNECT {} HTTP/1.1\r\nHost: other.example:1\r\n\r\n"},
    {"G17-length", "CONNECT {} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n\r\n"},
    {"G18", kConnect, "::1"},
    {"G19", "CONNECT {} HTTP/1.0\r\n\r\n"},
};
INSTANTIATE_TEST_SUITE_P(G, ConformanceTunnel, testing::ValuesIn(kOpened), RowName());

TEST(ConformanceTunnel, G03_TheOriginsLastBytesArriveThenTheEnd) {
  const std::string last(1 << 20, 'z');
  Play play({[&](Upstream&, Peer& peer) { peer.send(last); }});
  Peer client = open_tunnel(play);
  EXPECT_TRUE(last == client.read_all());
  EXPECT_FALSE(client.was_reset());
}

TEST(ConformanceTunnel, G04_G05_TheClientsLastBytesArriveThenTheEndAndAnAnswerMayFollow) {
  const std::string last(1 << 20, 'z');
  Play play({listens_then_says("heard")});
  Peer client = open_tunnel(play);
  client.send(last);
  client.end_write();
  EXPECT_EQ("heard", client.read_all());
  EXPECT_TRUE(last == play.request());
}

TEST(ConformanceTunnel, G04_AClientThatClosesIsNoticed) {
  Play play({hears("word")});
  Peer client = open_tunnel(play);
  client.send("word");
  client.close();
  ASSERT_TRUE(play.origin().wait_for_requests(2));
  EXPECT_EQ("", play.requests()[1]);
}

TEST(ConformanceTunnel, G06_TheServerMaySpeakFirst) {
  Play play({[](Upstream&, Peer& peer) {
    peer.send("220 ready\r\n");
    EXPECT_EQ("HELO", peer.read_exactly(4));
  }});
  Peer client = open_tunnel(play);
  EXPECT_EQ("220 ready\r\n", client.read_until("\n"));
  client.send("HELO");
  EXPECT_EQ("", client.read_all());
}

TEST(ConformanceTunnel, G07_MuchGoesBothWaysAtOnce) {
  const std::string up = much(20 << 20), down = much(20 << 20, 104729);
  Play play({[&](Upstream& origin, Peer& peer) {
    std::thread sender([&] { peer.send(down); });
    origin.saw(peer.read_exactly(up.size()));
    sender.join();
  }});
  Peer client = open_tunnel(play);
  std::thread sender([&] { client.send(up); });
  EXPECT_TRUE(down == client.read_all());
  sender.join();
  EXPECT_TRUE(up == play.request());
}

// --- no tunnel ---

struct Refused {
  const char* id;
  std::string target;  // <P>: the origin's port
  std::string fields = "";
  int status = 400;
};
class ConformanceNoTunnel : public testing::TestWithParam<Refused> {};

TEST_P(ConformanceNoTunnel, AndWhatIsSentBehindIsNotRun) {
  Play play;
  std::string target = GetParam().target;
  if (target.ends_with("<wrap>")) target.replace(target.size() - 6, 6, std::to_string(65536 + play.origin().port()));
  expect_refused_and_closed(play, "CONNECT " + target + " HTTP/1.1\r\nHost: {}\r\n" + GetParam().fields + "\r\n",
                            GetParam().status);
}

const std::vector<Refused> kRefused = {
    {"G08", "127.0.0.1"},
    {"G09", "127.0.0.1:"},
    {"G10", "127.0.0.1:0"},
    {"G11", "127.0.0.1:70000"},
    {"G12", "http://{}/"},
    {"G13", "{}/x"},
    {"G13-origin-form", "/x"},
    {"G14", "user@{}"},
    {"G15", "127.0.0.1:<wrap>"},
    {"G16", "127.0.0.1:1", "", 502},
    {"G17-coding", "{}", "Transfer-Encoding: chunked\r\n"},
    {"G17-body", "{}", "Content-Length: 5\r\n"},
};
INSTANTIATE_TEST_SUITE_P(G, ConformanceNoTunnel, testing::ValuesIn(kRefused), RowName());

TEST(ConformanceNoTunnel, G20_BehindARefusedPortNothingIsRun) {
  Play play(ok("x"), [](ProxySettings& s) { s.proxy.egress.connect_any_port = false; });
  expect_refused_and_closed(play, kConnect, 403);
}

// --- Upgrade ---

std::string upgrade_to(const std::string& protocol, const std::string& fields = "") {
  return "GET http://{}/ HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade" + fields + "\r\nUpgrade: " + protocol +
         "\r\n\r\n";
}

// Protocol names are compared without their case (RFC 9110 7.8).
class ConformanceWebSocket : public testing::TestWithParam<std::string> {};

TEST_P(ConformanceWebSocket, G21_IsOpenedWithDataBothWays) {
  Play play({[](Upstream& origin, Peer& peer) {
    origin.saw(peer.read_head());
    peer.send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Accept: a\r\n\r\n" +
        kBinary);
    origin.saw(peer.read_exactly(kBinary.size()));
  }});
  Peer client = play.client(upgrade_to(GetParam()));
  const std::string head = client.read_head();
  EXPECT_TRUE(head.starts_with("HTTP/1.1 101 ")) << head;
  EXPECT_EQ(GetParam(), field_of(head, "Upgrade"));
  EXPECT_EQ("upgrade", field_of(head, "Connection"));
  EXPECT_EQ("a", field_of(head, "Sec-WebSocket-Accept"));
  client.send(kBinary);
  EXPECT_EQ(kBinary, client.read_all());
  ASSERT_EQ(2u, play.requests().size());
  EXPECT_EQ(GetParam(), field_of(play.requests()[0], "Upgrade"));
  EXPECT_EQ(kBinary, play.requests()[1]);
}
INSTANTIATE_TEST_SUITE_P(G, ConformanceWebSocket, testing::Values("websocket", "WebSocket", "WEBSOCKET"));

TEST(ConformanceUpgrade, G22_H2cIsNotForwarded) {
  Play play;
  const std::string request = play.request_for(
      "GET http://{}/ HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
      "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n");
  for (const char* name : {"Upgrade", "HTTP2-Settings", "Connection"})
    EXPECT_EQ("", field_of(request, name)) << request;
}

TEST(ConformanceUpgrade, G22_H2cBesideWebSocketIsNotForwarded) {
  for (const std::string protocol : {"websocket, h2c", "h2c\r\nUpgrade: websocket"}) {
    Play play;
    EXPECT_EQ(std::string::npos, play.request_for(upgrade_to(protocol)).find("h2c"));
  }
}

TEST(ConformanceUpgrade, G23_ARefusedUpgradeOpensNoTunnel) {
  Play play(answer("403 Forbidden", "", "no"));
  Peer client = play.client(upgrade_to("websocket"));
  EXPECT_EQ(403, status_of(client.read_response()));
  client.send("\x81\x05hello");
  const std::string response = client.read_response();
  EXPECT_EQ(400, status_of(response)) << response;
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(std::string::npos, play.request().find("hello"));
}

}  // namespace
}  // namespace backoffd::test
