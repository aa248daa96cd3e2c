// HTTPS on the wire: the three ways in, what goes on inside an interception, and which connections are intercepted.
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>

#include "tests/support/tls_play.h"

namespace backoffd::test {
namespace {

using policy::Reason;
using proxy::Counters;

std::string get_inside(const std::string& path) { return "GET " + path + " HTTP/1.1\r\nHost: {}\r\n\r\n"; }

std::string length(std::size_t bytes) { return "Content-Length: " + std::to_string(bytes) + "\r\n"; }

// --- three ways in ---

TEST(Https, AnInterceptedConnectSpeaksHttpInsideTls) {
  TlsPlay play({gives(ok("hello"))});
  Peer client = play.ask_inside(get_inside("/a?b"), {.host = "127.0.0.1", .trusts = play.root()});
  const std::string response = client.read_response();
  EXPECT_EQ(200, status_of(response)) << response;
  EXPECT_EQ("hello", body_of(response));
  EXPECT_EQ("1", field_of(response, "Backoffd-Attempts"));
  EXPECT_EQ("http/1.1", client.tls()->protocol());
  const std::string request = play.request();
  EXPECT_EQ("GET /a?b HTTP/1.1", first_line(request));
  EXPECT_EQ(play.fill("{}"), field_of(request, "Host"));
  const std::string log = play.log_lines();
  EXPECT_NE(std::string::npos, log.find("scheme=https")) << log;
  EXPECT_NE(std::string::npos, log.find("path=/a")) << log;
}

TEST(Https, AnHttpsUrlIsFetchedOverTls) {
  TlsPlay play({gives(ok("hello"))});
  const std::string response = play.get_https("/a?b");
  EXPECT_EQ(200, status_of(response)) << response;
  EXPECT_EQ("hello", body_of(response));
  EXPECT_EQ("GET /a?b HTTP/1.1", first_line(play.request()));
  EXPECT_EQ(1u, counter(play.proxy(), &Counters::upstream_tls_handshakes));
  EXPECT_EQ(0u, counter(play.proxy(), &Counters::client_tls_handshakes));
}

TEST(Https, AHostThatIsNotInterceptedIsTunnelledAsItIs) {
  TlsPlay play({gives(ok("hello"))}, intercepts({"elsewhere.test"}));
  Peer client = play.inside({.host = "127.0.0.1", .trusts = test_ca().root()});
  client.send(play.fill(kGetInside));
  EXPECT_EQ("hello", body_of(client.read_response()));
  EXPECT_EQ(0u, counter(play.proxy(), &Counters::client_tls_handshakes));
  EXPECT_EQ(1u, counter(play.proxy(), &Counters::open_tunnels));
  EXPECT_EQ("", field_of(play.request(), "Via"));
}

TEST(Https, ATunnelHoldsItsSlotUntilItCloses) {
  TlsPlay play({gives(ok("x"))}, all_of({intercepts({"elsewhere.test"}), slots(1)}));
  Peer first = open_connect(play);
  Peer second = play.client(kConnect);
  EXPECT_TRUE(eventually([&] { return queued(play.proxy()) == 1; }));
  first.close();
  EXPECT_EQ(200, status_of(second.read_head()));
}

TEST(Https, ARequestInsideHoldsASlotForItselfAlone) {
  TlsPlay play({gives(ok("x"))}, slots(1));
  Peer first = play.ask_inside(kGetInside);
  EXPECT_EQ(200, status_of(first.read_response()));
  EXPECT_EQ(200, status_of(play.exchange_inside(kGetInside)));  // the first connection is still open
}

// --- inside ---

TEST(Interception, KeptConnectionsOnBothSidesServeSeveralRequests) {
  TlsPlay play({gives(ok("x"))});
  Peer client = play.inside();
  for (int i = 0; i < 4; ++i) {
    client.send(play.fill(get_inside("/" + std::to_string(i))));
    EXPECT_EQ(200, status_of(client.read_response()));
  }
  EXPECT_EQ(4u, play.requests().size());
  EXPECT_EQ(1, play.origin().connections());
  EXPECT_EQ(1u, counter(play.proxy(), &Counters::client_tls_handshakes));
  EXPECT_EQ(3u, counter(play.proxy(), &Counters::reused_connections));
}

TEST(Interception, PipelinedRequestsAreAnsweredInTheirOrder) {
  TlsPlay play({gives(ok("1")), gives(ok("2")), gives(ok("3"))});
  Peer client = play.ask_inside(get_inside("/1") + get_inside("/2") + get_inside("/3"));
  for (const char* body : {"1", "2", "3"}) EXPECT_EQ(body, body_of(client.read_response()));
  EXPECT_TRUE(play.requests()[2].starts_with("GET /3 "));
}

TEST(Interception, A503IsRetried) {
  TlsPlay play({gives(failure(503)), gives(ok("well"))});
  const std::string response = play.exchange_inside(kGetInside);
  EXPECT_EQ("well", body_of(response)) << response;
  EXPECT_EQ("2", field_of(response, "Backoffd-Attempts"));
}

TEST(Interception, AResetBeforeTheHeadIsRetried) {
  TlsPlay play({resets_after(""), gives(ok("well"))}, {}, {.close_notify = false});
  EXPECT_EQ("well", body_of(play.exchange_inside(kGetInside)));
  EXPECT_EQ(2, play.origin().connections());
}

TEST(Interception, ADownloadThatBreaksOffIsContinuedUnseen) {
  const std::string body = much(300000);
  const std::string tag = "ETag: \"one\"\r\n";
  const std::size_t at = 123457;
  const std::string rest = "HTTP/1.1 206 Partial Content\r\n" + tag + "Content-Range: bytes " + std::to_string(at) +
                           '-' + std::to_string(body.size() - 1) + '/' + std::to_string(body.size()) + "\r\n" +
                           length(body.size() - at) + "\r\n" + body.substr(at);
  for (const bool proper : {true, false}) {
    TlsPlay play(
        {closes_after("HTTP/1.1 200 OK\r\n" + tag + length(body.size()) + "\r\n" + body.substr(0, at)), gives(rest)},
        contextual(), {.close_notify = proper});
    const std::string response = play.exchange_inside(get_inside("/a.pdf"));
    EXPECT_EQ(200, status_of(response));
    EXPECT_TRUE(body == body_of(response));
    EXPECT_TRUE(has_line(play.requests()[1], "Range: bytes=123457-"));
    EXPECT_EQ(1u, counter(play.proxy(), &Counters::resumed_bodies));
  }
}

TEST(Interception, MuchComesDownWhole) {
  const std::string body = much(8 << 20);
  TlsPlay play({gives(ok(body))});
  const std::string response = play.exchange_inside(kGetInside);
  EXPECT_TRUE(body == body_of(response)) << body_of(response).size() << " bytes of " << body.size();
}

TEST(Interception, MuchGoesUpWhole) {
  const std::string body = much(8 << 20);
  TlsPlay play({gives(ok("x"))});
  Peer client = play.ask_inside("PUT / HTTP/1.1\r\nHost: {}\r\n" + length(body.size()) + "\r\n" + body);
  EXPECT_EQ(200, status_of(client.read_response()));
  EXPECT_TRUE(play.request().ends_with("\r\n\r\n" + body));
}

TEST(Interception, ChunksGoUpAndDown) {
  const std::string chunks = "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
  TlsPlay play({gives("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)});
  Peer client = play.ask_inside("POST / HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks);
  EXPECT_EQ("hello world", body_of(client.read_response()));
  EXPECT_NE(std::string::npos, play.request().find("hello"));
}

// What waits for the client waits in the kernel's buffers and in two bounded ones of ours.
TEST(Interception, AClientThatDoesNotReadStopsTheOrigin) {
  const std::size_t whole = std::size_t{64} << 20;
  std::atomic<std::size_t> sent{0};
  const std::string piece = much(64 << 10).substr(0, 64 << 10);
  TlsPlay play({[&](Peer& peer) {
    peer.send("HTTP/1.1 200 OK\r\n" + length(whole) + "\r\n");
    while (sent < whole && peer.send(piece)) sent += piece.size();
    return false;
  }});
  Peer client = play.ask_inside(kGetInside);
  EXPECT_EQ(200, status_of(client.read_head()));
  std::size_t before = 0;
  EXPECT_TRUE(eventually([&] {
    const std::size_t seen = before;
    before = sent;
    poll(nullptr, 0, 100);
    return seen > 0 && seen == before;
  }));
  EXPECT_GT(std::size_t{24} << 20, before);
  client.reset();
  EXPECT_TRUE(all_is_free(play.proxy()));
}

TEST(Interception, OctetByOctetAllTheWay) {
  TlsPlay play({[](Peer& peer) { return peer.send_slowly(ok("hello")); }});
  Peer client = open_connect(play);
  auto tls = client_tls();
  tls->shake();
  client.send_slowly(tls->to_send());
  ASSERT_TRUE(client.start_tls(std::move(tls)));
  client.send_slowly(play.fill(kGetInside));  // a record for each
  EXPECT_EQ("hello", body_of(client.read_response()));
}

TEST(Interception, AWebSocketIsOpenedInside) {
  TlsPlay play(
      [](Upstream& origin, Peer& peer) {
        origin.saw(peer.read_head());
        peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst");
        origin.saw(peer.read_exactly(4));
        peer.send("last");
      },
      {});
  Peer client = play.ask_inside("GET / HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_EQ(101, status_of(client.read_head()));
  EXPECT_EQ("first", client.read_exactly(5));
  client.send("ping");
  EXPECT_EQ("last", client.read_all());
  EXPECT_TRUE(client.ended_by_close_notify());
  EXPECT_EQ("ping", play.requests()[1]);
}

TEST(Interception, TheLastBytesOfATunnelArriveAlthoughTheOriginClosesWithoutAWord) {
  const std::string sent = std::string(200 << 10, 'x') + "the last";
  TlsPlay play(
      [&](Upstream&, Peer& peer) {
        peer.read_head();
        TlsLayer& tls = *peer.tls();
        tls.seal("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        tls.seal(sent);
        peer.send_raw(tls.to_send());
      },
      {}, {.close_notify = false});
  Peer client = play.ask_inside("GET / HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_EQ(101, status_of(client.read_head()));
  EXPECT_TRUE(client.read_all() == sent);
  EXPECT_FALSE(client.ended_by_close_notify());
}

TEST(Interception, AnHttp10ClientIsToldTheEndByCloseNotify) {
  TlsPlay play({closes_after("HTTP/1.1 200 OK\r\n\r\nhello")});
  Peer client = play.ask_inside("GET / HTTP/1.0\r\n\r\n");
  const std::string response = client.read_all();
  EXPECT_TRUE(response.ends_with("\r\n\r\nhello")) << response;
  EXPECT_TRUE(client.ended_by_close_notify());
  EXPECT_EQ(play.fill("{}"), field_of(play.request(), "Host"));
}

TEST(Interception, AClientThatExpectsContinueGetsIt) {
  TlsPlay play(
      [](Upstream& origin, Peer& peer) {
        const std::string head = peer.read_head();
        peer.send("HTTP/1.1 100 Continue\r\n\r\n");
        origin.saw(head + peer.read_exactly(4));
        peer.send(ok("x"));
      },
      {});
  Peer client = play.ask_inside("POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_TRUE(client.read_head().starts_with("HTTP/1.1 100 "));
  client.send("body");
  EXPECT_EQ(200, status_of(client.read_response()));
  EXPECT_TRUE(play.request().ends_with("\r\n\r\nbody"));
}

TEST(Interception, AClientThatLeavesInMidDownloadFreesEverything) {
  TlsPlay play({stalls_after("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")});
  Peer client = play.ask_inside(kGetInside);
  client.read_until("half");
  client.close();
  EXPECT_TRUE(all_is_free(play.proxy()));
  EXPECT_NE(std::string::npos, play.log_lines().find("verdict=client_gone"));
}

TEST(Interception, AClientThatSaysCloseGetsItsAnswerAndTheEnd) {
  TlsPlay play({gives(ok("x"))});
  Peer client = play.ask_inside("GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n");
  const std::string response = client.read_all();
  EXPECT_TRUE(is_complete_response(response)) << response;
  EXPECT_TRUE(client.ended_by_close_notify());
}

TEST(Interception, ADrainEndsAnIdleConnectionProperly) {
  TlsPlay play({gives(ok("x"))});
  Peer client = play.ask_inside(kGetInside);
  client.read_response();
  std::atomic<bool> drained{false};
  play.proxy().server().drain([&] { drained = true; });
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(client.ended_by_close_notify());
  EXPECT_TRUE(eventually([&] { return drained.load(); }));
}

TEST(Interception, AnEgressRuleHoldsInside) {
  TlsPlay play({gives(ok("x"))}, [](ProxySettings& s) { s.proxy.egress.deny = {"127.0.0.1/32"}; });
  EXPECT_EQ(403, status_of(play.exchange_inside(kGetInside)));
  EXPECT_EQ(0, play.origin().connections());
}

// The target and Host of a request inside: those of the tunnel, and no other.
struct Inside {
  const char* id;
  std::string octets;
  int status = 421;
  bool goes_on = true;
};
class InterceptionTarget : public testing::TestWithParam<Inside> {};

TEST_P(InterceptionTarget, IsTheTunnels) {
  TlsPlay play({gives(ok("x"))});
  Peer client = play.ask_inside(GetParam().octets);
  const std::string response = client.read_response();
  EXPECT_EQ(GetParam().status, status_of(response)) << response;
  EXPECT_TRUE(is_complete_response(response)) << response;
  EXPECT_EQ(GetParam().status == 200 ? 1u : 0u, play.requests().size());
  if (GetParam().goes_on) {
    client.send(play.fill(kGetInside));
    EXPECT_EQ(200, status_of(client.read_response()));
  } else {
    EXPECT_TRUE(client.ended());
  }
}

const std::vector<Inside> kInside = {
    {"origin-form", "GET /x HTTP/1.1\r\nHost: {}\r\n\r\n", 200},
    {"absolute-form", "GET https://{}/x HTTP/1.1\r\nHost: {}\r\n\r\n", 200},
    {"options-asterisk", "OPTIONS * HTTP/1.1\r\nHost: {}\r\n\r\n", 200},
    {"other-host", "GET /x HTTP/1.1\r\nHost: other.test\r\n\r\n"},
    {"other-port", "GET /x HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n"},
    {"absolute-form-of-another", "GET https://other.test/x HTTP/1.1\r\nHost: {}\r\n\r\n"},
    {"plain-http", "GET http://{}/x HTTP/1.1\r\nHost: {}\r\n\r\n"},
    {"nested-connect", "CONNECT {} HTTP/1.1\r\nHost: {}\r\n\r\n", 421, false},
    {"no-host", "GET /x HTTP/1.1\r\n\r\n", 400},
    {"two-hosts", "GET /x HTTP/1.1\r\nHost: {}\r\nHost: {}\r\n\r\n", 400},
    {"http2-preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, false},
    {"no-http", "hello\r\n\r\n", 400, false},
};
INSTANTIATE_TEST_SUITE_P(Interception, InterceptionTarget, testing::ValuesIn(kInside), RowName());

// --- which hosts ---

struct Mode {
  const char* id;
  proxy::InterceptMode mode;
  std::vector<std::string> hosts;
  std::vector<std::string> passthrough;
  bool intercepted;
};
class InterceptMode : public testing::TestWithParam<Mode> {};

TEST_P(InterceptMode, DecidesByHost) {
  TlsPlay play({gives(ok("x"))}, [](ProxySettings& s) {
    s.proxy.tls.intercept = GetParam().mode;
    s.proxy.tls.intercept_hosts = GetParam().hosts;
    s.proxy.tls.passthrough = GetParam().passthrough;
  });
  EXPECT_EQ(200, status_of(play.exchange_inside(kGetInside)));
  EXPECT_EQ(GetParam().intercepted ? 1u : 0u, counter(play.proxy(), &Counters::client_tls_handshakes));
}

using proxy::InterceptMode::all;
using proxy::InterceptMode::hosts;
using proxy::InterceptMode::none;
using proxy::InterceptMode::providers;
const std::vector<Mode> kModes = {
    {"none", none, {}, {}, false},
    {"none-whatever-the-list-says", none, {"*"}, {}, false},
    {"all", all, {}, {}, true},
    {"all-but-this", all, {}, {"127.*"}, false},
    {"all-but-another", all, {}, {"*.test"}, true},
    {"hosts", hosts, {"*.test", "127.0.0.1"}, {}, true},
    {"hosts-others", hosts, {"*.test"}, {}, false},
    {"hosts-passthrough-wins", hosts, {"127.0.0.1"}, {"127.0.0.1"}, false},
    {"providers", providers, {"127.0.0.1"}, {}, true},
    {"providers-others", providers, {"*.test"}, {}, false},
};
INSTANTIATE_TEST_SUITE_P(Interception, InterceptMode, testing::ValuesIn(kModes), RowName());

TEST(Interception, ARootDotDoesNotChangeAHost) {
  const Names names({"origin.test"});
  TlsPlay play({gives(ok("x"))},
               all_of({names.known(), [](ProxySettings& s) { s.proxy.tls.passthrough = {"origin.test"}; }}));
  Peer client = play.inside_of("origin.test.", {.host = "origin.test", .trusts = test_ca().root()});
  EXPECT_EQ(0u, counter(play.proxy(), &Counters::client_tls_handshakes));
}

TEST(Interception, WhatTheAuthorityMayNotSignIsTunnelled) {
  const Names names({"origin.test"});
  TlsPlay play({gives(ok("x"))}, all_of({names.known(), [](ProxySettings& s) {
                                           proxy::NameConstraints only;
                                           only.dns = {"origin.test"};
                                           auto made = proxy::Authority::create(only, std::chrono::system_clock::now());
                                           s.authority = std::move(made).value();
                                         }}));
  Peer tunnelled = play.inside({.host = "127.0.0.1", .trusts = test_ca().root()});
  EXPECT_EQ(0u, counter(play.proxy(), &Counters::client_tls_handshakes));
  Peer intercepted = play.inside_of("origin.test", {.host = "origin.test", .trusts = play.root()});
  EXPECT_TRUE(eventually([&] { return counter(play.proxy(), &Counters::client_tls_handshakes) == 1; }));
}

// --- names ---

TEST(Interception, TheLeafNamesTheHostOfTheConnect) {
  const Names names({"origin.test"});
  TlsPlay play({gives(ok("x"))}, names.known());
  Peer client = play.inside_of("origin.test", {.name = "origin.test", .host = "origin.test", .trusts = play.root()});
  client.send(play.fill("GET / HTTP/1.1\r\nHost: origin.test:" + std::to_string(play.origin().port()) + "\r\n\r\n"));
  EXPECT_EQ(200, status_of(client.read_response()));
  EXPECT_EQ(0u, counter(play.proxy(), &Counters::client_tls_name_mismatches));
}

TEST(Interception, AnotherServerNameIsCountedAndTheConnectDecides) {
  TlsPlay play({gives(ok("x"))});
  Peer client = play.ask_inside(kGetInside, {.name = "evil.test", .host = "127.0.0.1", .trusts = play.root()});
  EXPECT_EQ(200, status_of(client.read_response()));
  EXPECT_EQ(1u, counter(play.proxy(), &Counters::client_tls_name_mismatches));
  EXPECT_EQ(play.fill("{}"), field_of(play.request(), "Host"));
}

TEST(Interception, AClientThatNamesNoServerGetsTheHostOfTheConnect) {
  const Names names({"origin.test"});
  TlsPlay play({gives(ok("x"))}, names.known());
  play.inside_of("origin.test", {.name = "", .host = "origin.test", .trusts = play.root()});
  EXPECT_TRUE(eventually([&] { return counter(play.proxy(), &Counters::client_tls_handshakes) == 1; }));
  EXPECT_EQ(0u, counter(play.proxy(), &Counters::client_tls_name_mismatches));
}

TEST(Interception, AnIpv6HostGetsALeafForItsAddress) {
  TlsPlay play({gives(ok("x"))}, {}, {}, "::1");
  Peer client = play.ask_inside(kGetInside, {.host = "::1", .trusts = play.root()});
  EXPECT_EQ(200, status_of(client.read_response()));
}

}  // namespace
}  // namespace backoffd::test
