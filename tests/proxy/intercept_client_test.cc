// The client's end of an interception: who does not trust us, who does not speak TLS, versions, tickets.
#include <gtest/gtest.h>

#include <vector>

#include "tests/support/tls_play.h"

namespace backoffd::test {
namespace {

using proxy::Counters;

std::uint64_t handshakes(Play& play) { return counter(play.proxy(), &Counters::client_tls_handshakes); }
std::uint64_t failures(Play& play) { return counter(play.proxy(), &Counters::client_tls_failures); }

bool all_closed(Play& play) {
  return eventually([&] { return counter(play.proxy(), &Counters::open_client_connections) == 0; });
}

std::vector<proxy::PassThrough::Entry> learned(Play& play) {
  return play.proxy().server().interceptor()->pass_through().entries(proxy::Loop::now());
}

// CONNECT and a handshake by a client with an address of its own; true: the certificate it gets is the origin's.
bool is_tunnelled(Play& play, const char* from = "127.0.0.1", std::string_view connect = kConnect) {
  Peer client = connect_from(from, play.proxy().port());
  client.send(play.fill(connect));
  EXPECT_EQ(200, status_of(client.read_head()));
  return client.start_tls(client_tls({.trusts = test_ca().root()}));
}

// --- who does not trust us ---

TEST(PassThroughLearned, AClientThatTurnsTheCertificateDownIsTunnelledFromThenOn) {
  TlsPlay play({gives(ok("x"))});
  EXPECT_FALSE(is_tunnelled(play));
  ASSERT_TRUE(eventually([&] { return learned(play).size() == 1; }));
  EXPECT_EQ("127.0.0.1", learned(play)[0].client);
  EXPECT_EQ("127.0.0.1", learned(play)[0].host);
  EXPECT_EQ("alert unknown ca", learned(play)[0].why);
  ASSERT_TRUE(all_closed(play));  // learned first, counted after it
  EXPECT_EQ(1u, failures(play));
  EXPECT_EQ(1u, refused(play.proxy(), "client_rejected_certificate"));
  const std::string log = play.log_lines();
  EXPECT_NE(std::string::npos, log.find("verdict=client_rejected_certificate")) << log;
  EXPECT_TRUE(is_tunnelled(play));
}

TEST(PassThroughLearned, TheSameWithTls12) {
  TlsPlay play({gives(ok("x"))});
  Peer client = open_connect(play);
  EXPECT_FALSE(client.start_tls(client_tls({.trusts = test_ca().root(), .max_version = TLS1_2_VERSION})));
  ASSERT_TRUE(eventually([&] { return learned(play).size() == 1; }));
  EXPECT_EQ("alert unknown ca", learned(play)[0].why);
}

TEST(PassThroughLearned, OnlyForThatClientAndHost) {
  TlsPlay play({gives(ok("x"))}, {}, {.identity = test_ca().identity("IP:127.0.0.1,IP:127.0.0.2")});
  EXPECT_FALSE(is_tunnelled(play, "127.0.0.5"));
  EXPECT_TRUE(is_tunnelled(play, "127.0.0.5"));
  EXPECT_FALSE(is_tunnelled(play, "127.0.0.6"));
  EXPECT_FALSE(is_tunnelled(play, "127.0.0.5", "CONNECT 127.0.0.2:443 HTTP/1.1\r\nHost: 127.0.0.2:443\r\n\r\n"));
}

TEST(PassThroughLearned, ToolsOfOneMachineAreToldApart) {
  TlsPlay play({gives(ok("x"))});
  const std::string curl = "CONNECT {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: curl/8\r\n\r\n";
  const std::string wget = "CONNECT {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: Wget/1\r\n\r\n";
  EXPECT_FALSE(is_tunnelled(play, "127.0.0.1", curl));
  EXPECT_TRUE(is_tunnelled(play, "127.0.0.1", curl));
  EXPECT_FALSE(is_tunnelled(play, "127.0.0.1", wget));
  EXPECT_FALSE(is_tunnelled(play, "127.0.0.1", kConnect));
}

void close_after_the_handshake(TlsPlay& play) {
  play.inside().close();
  EXPECT_TRUE(all_closed(play));
}

TEST(PassThroughLearned, ThreeClosesAfterTheHandshakeAreAWordToo) {
  TlsPlay play({gives(ok("x"))});
  for (int i = 0; i < 2; ++i) close_after_the_handshake(play);
  EXPECT_EQ(0u, learned(play).size());
  close_after_the_handshake(play);
  EXPECT_EQ(1u, learned(play).size());
  EXPECT_TRUE(is_tunnelled(play));
  EXPECT_EQ(3u, handshakes(play));
  EXPECT_EQ(0u, failures(play));
}

TEST(PassThroughLearned, ARequestForgetsTheCloses) {
  TlsPlay play({gives(ok("x"))});
  for (int i = 0; i < 2; ++i) close_after_the_handshake(play);
  EXPECT_EQ(200, status_of(play.exchange_inside(kGetInside)));
  for (int i = 0; i < 2; ++i) close_after_the_handshake(play);
  EXPECT_EQ(0u, learned(play).size());
}

TEST(PassThroughLearned, AClientThatClosesAfterItsAnswerIsNotSuspected) {
  TlsPlay play({gives(ok("x"))});
  for (int i = 0; i < 4; ++i) {
    Peer client = play.ask_inside(kGetInside);
    client.read_response();
    client.close();
    EXPECT_TRUE(all_closed(play));
  }
  EXPECT_EQ(0u, learned(play).size());
}

TEST(PassThroughLearned, AClientThatSpeaksHttp2OnlyIsTunnelledFromThenOn) {
  TlsPlay play({gives(ok("x"))}, {}, {.alpn = "h2"});
  Peer client = open_connect(play);
  EXPECT_FALSE(client.start_tls(client_tls({.alpn = "\x02h2"})));
  EXPECT_EQ("tlsv1 alert no application protocol", client.tls()->error());
  ASSERT_TRUE(eventually([&] { return learned(play).size() == 1; }));
  EXPECT_EQ("no http/1.1 in ALPN", learned(play)[0].why);
  EXPECT_EQ("h2", play.inside({.trusts = test_ca().root(), .alpn = "\x02h2"}).tls()->protocol());
}

TEST(PassThroughLearned, AClientThatAlsoSpeaksHttp2GetsHttp1) {
  TlsPlay play({gives(ok("x"))});
  EXPECT_EQ("http/1.1", play.inside({.alpn = "\x02h2\x08http/1.1"}).tls()->protocol());
  EXPECT_EQ("", play.inside({.alpn = ""}).tls()->protocol());
}

// --- who does not speak TLS as it should be ---

TEST(ClientTlsInput, AHandshakeThatComesWithTheConnectIsTaken) {
  TlsPlay play({gives(ok("x"))});
  auto tls = client_tls();
  tls->shake();
  Peer client = play.client(play.fill(kConnect) + tls->to_send());
  EXPECT_EQ(200, status_of(client.read_head()));
  ASSERT_TRUE(client.start_tls(std::move(tls))) << client.tls()->error();
  client.send(play.fill(kGetInside));
  EXPECT_EQ(200, status_of(client.read_response()));
}

TEST(ClientTlsInput, AnAnswerOnItsWayComesBeforeTheInterception) {
  TlsPlay play({gives(ok("x"))});
  Peer client = play.client("GET https://{}/ HTTP/1.1\r\nHost: {}\r\n\r\n" + kConnect);
  EXPECT_EQ("x", body_of(client.read_response()));
  EXPECT_EQ(200, status_of(client.read_head()));
  ASSERT_TRUE(client.start_tls(client_tls()));
  client.send(play.fill(kGetInside));
  EXPECT_EQ("x", body_of(client.read_response()));
}

TEST(ClientTlsInput, PlainHttpInsteadOfTlsEndsTheConnection) {
  TlsPlay play({gives(ok("x"))});
  Peer client = play.client(kConnect + kGetInside);
  EXPECT_EQ(200, status_of(client.read_head()));
  client.read_all();  // an alert, perhaps
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(all_closed(play));
  EXPECT_EQ(0, play.origin().connections());
  EXPECT_EQ(1u, failures(play));
  const std::string log = play.log_lines();
  EXPECT_NE(std::string::npos, log.find("verdict=client_tls_error")) << log;
  EXPECT_EQ(200, status_of(play.exchange_inside(kGetInside)));
}

TEST(ClientTlsInput, AHandshakeThatStopsIsEndedInTime) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{3}, std::size_t{100}}) {
    TlsPlay play({gives(ok("x"))}, client_head(100));
    auto tls = client_tls();
    tls->shake();
    Peer client = open_connect(play);
    client.send(tls->to_send().substr(0, bytes));
    client.read_all();
    EXPECT_TRUE(client.ended());
    EXPECT_TRUE(all_closed(play));
    EXPECT_EQ(1u, refused(play.proxy(), "client_tls_error"));
    EXPECT_EQ(0u, learned(play).size());
  }
}

TEST(ClientTlsInput, AClientThatSaysNothingAfterTheHandshakeIsEndedInTime) {
  TlsPlay play({gives(ok("x"))}, client_head(100));
  Peer client = play.inside();
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(client.ended_by_close_notify());
  EXPECT_EQ(0u, learned(play).size());
}

TEST(ClientTlsInput, AHeadThatDoesNotComeToItsEndInsideIsA408) {
  TlsPlay play({gives(ok("x"))}, client_head(100));
  EXPECT_EQ(408, status_of(play.ask_inside("GET / HTTP/1.1\r\n").read_response()));
}

TEST(ClientTlsInput, ARecordThatDoesNotVerifyEndsTheConnection) {
  TlsPlay play({gives(ok("x"))});
  Peer client = play.ask_inside("GET / HTTP/1.1\r\n");
  client.send_raw(std::string("\x17\x03\x03\x00\x18", 5) + "an attacker's own record");
  client.read_all();
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(all_closed(play));
  EXPECT_EQ(0, play.origin().connections());
}

// --- versions ---

TEST(ClientTlsVersion, BelowTls12IsRefused) {
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    TlsPlay play({gives(ok("x"))});
    Peer client = open_connect(play);
    EXPECT_FALSE(client.start_tls(client_tls({.min_version = version, .max_version = version})));
    EXPECT_EQ("tlsv1 alert protocol version", client.tls()->error());
    EXPECT_TRUE(eventually([&] { return failures(play) == 1; }));
  }
}

TEST(ClientTlsVersion, Tls12AndTls13AreSpoken) {
  TlsPlay play({gives(ok("x"))});
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Peer client = play.ask_inside(kGetInside, {.min_version = version, .max_version = version});
    EXPECT_EQ(200, status_of(client.read_response()));
    EXPECT_EQ(version, SSL_version(client.tls()->ssl()));
  }
}

TEST(ClientTlsVersion, RenegotiationIsRefused) {
  TlsPlay play({gives(ok("x"))});
  Peer client = play.inside({.max_version = TLS1_2_VERSION});
  SSL_renegotiate(client.tls()->ssl());
  EXPECT_EQ(TlsLayer::Step::more, client.tls()->shake());
  client.send_raw(client.tls()->to_send());
  EXPECT_EQ("", client.read_all());
  EXPECT_EQ("no renegotiation", client.tls()->error());
  EXPECT_EQ(1u, handshakes(play));
}

TEST(ClientTlsVersion, KeysMayBeUpdated) {
  TlsPlay play({gives(ok("x"))});
  Peer client = play.inside();
  for (int i = 0; i < 3; ++i) {
    SSL_key_update(client.tls()->ssl(), SSL_KEY_UPDATE_REQUESTED);
    client.send(play.fill(kGetInside));
    EXPECT_EQ(200, status_of(client.read_response()));
  }
}

// --- tickets ---

class ClientTicket : public testing::TestWithParam<int> {};

TEST_P(ClientTicket, ResumesAtAnyWorker) {
  TlsPlay play({gives(ok("x"))}, [](ProxySettings& s) { s.proxy.workers = 2; });
  const ClientTls how{.max_version = GetParam()};
  Peer first = play.ask_inside(kGetInside, how);
  first.read_response();
  const proxy::SslSessionPtr session = first.tls()->session();
  ASSERT_EQ(1, SSL_SESSION_is_resumable(session.get()));
  const auto at_both = [&] {
    const auto workers = play.proxy().server().counters();
    return workers[0]->client_tls_resumed.get() > 0 && workers[1]->client_tls_resumed.get() > 0;
  };
  for (int i = 0; i < 64 && !at_both(); ++i) {
    ClientTls again = how;
    again.session = session.get();
    Peer client = play.ask_inside(kGetInside, again);
    EXPECT_TRUE(client.tls()->resumed());
    EXPECT_EQ(200, status_of(client.read_response()));
  }
  EXPECT_TRUE(at_both());
}

TEST_P(ClientTicket, OfAnotherHostIsNotResumed) {
  TlsPlay play({gives(ok("x"))});
  Peer first = play.ask_inside(kGetInside, {.max_version = GetParam()});
  first.read_response();
  const proxy::SslSessionPtr session = first.tls()->session();
  Peer client = play.inside_of(
      "127.0.0.2", {.host = "127.0.0.2", .trusts = play.root(), .max_version = GetParam(), .session = session.get()});
  EXPECT_FALSE(client.tls()->resumed());
  EXPECT_EQ(0u, counter(play.proxy(), &Counters::client_tls_resumed));
}
INSTANTIATE_TEST_SUITE_P(Versions, ClientTicket, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

}  // namespace
}  // namespace backoffd::test
