// Another proxy between us and the origins: what it is told, which origins it is for, and what comes of its refusals.
#include <gtest/gtest.h>

#include "proxy/parent_proxies.h"
#include "tests/support/tls_play.h"

namespace backoffd::test {
namespace {

using proxy::Counters;

const std::string kCredentials = "alice:open sesame";
const std::string kBasic = "Basic YWxpY2U6b3BlbiBzZXNhbWU=";

// The origin of the play is the parent proxy. Loopback may not be dialled for a request, and no name is known here.
class ParentPlay : public Turns {
 public:
  explicit ParentPlay(const std::vector<Script>& scripts, const Change& change = {})
      : Turns(scripts, [&](ProxySettings& s) {
          s.proxy.egress.allow = {};
          s.proxy.nameservers = {"127.0.0.1:1"};
          s.proxy.upstream_proxy.url = "http://" + origin().authority();
          s.proxy.upstream_proxy.credentials_file = credentials_.path();
          if (change) change(s);
        }) {}
  explicit ParentPlay(std::vector<Turn> turns, const Change& change = {})
      : ParentPlay(std::vector<Script>{in_turn(std::move(turns))}, change) {}

 private:
  static inline const TemporaryFile credentials_{kCredentials + "\n"};
};

// Nobody but the parent proxy may read them.
void expect_secret(Turns& play, const std::string& response) {
  for (const std::string& text : {response, play.log_lines()}) {
    for (const char* part : {"YWxpY2U6b3BlbiBzZXNhbWU", "sesame", "alice"}) {
      EXPECT_EQ(std::string::npos, text.find(part)) << text;
    }
  }
}

// A parent proxy that opens the tunnel; then the origin plays.
Play::Script chains(Play::Script origin_behind) {
  return [origin_behind = std::move(origin_behind)](Upstream& parent, Peer& peer) {
    parent.saw(peer.read_head());
    peer.send("HTTP/1.1 200 Connection established\r\n\r\n");
    origin_behind(parent, peer);
  };
}

Play::Script https_of(const std::string& name, std::vector<Turn> turns) {
  return chains(over_tls(in_turn(std::move(turns)), {.identity = test_ca().identity("DNS:" + name)}));
}

const std::string kPlain = "GET http://origin.test/a?b HTTP/1.1\r\nHost: origin.test\r\n\r\n";
const std::string kHttps = "GET https://origin.test/a HTTP/1.1\r\nHost: origin.test\r\n\r\n";
const std::string kTunnel = "CONNECT origin.test:443 HTTP/1.1\r\nHost: origin.test:443\r\n\r\n";

// --- what it is told ---

TEST(ParentProxy, APlainRequestGoesInAbsoluteFormWithOurCredentials) {
  ParentPlay play({gives(ok("x"))});
  const std::string response = play.exchange(
      "GET http://origin.test/a?b HTTP/1.1\r\nHost: origin.test\r\nProxy-Authorization: Basic "
      "Y2xpZW50Om93bg==\r\n\r\n");
  EXPECT_EQ(200, status_of(response)) << response;
  const std::string request = play.request();
  EXPECT_EQ("GET http://origin.test/a?b HTTP/1.1", first_line(request));
  EXPECT_EQ("origin.test", field_of(request, "Host"));
  EXPECT_EQ(kBasic, field_of(request, "Proxy-Authorization"));
  EXPECT_EQ(std::string::npos, request.find("Y2xpZW50Om93bg"));
  expect_secret(play, response);
}

TEST(ParentProxy, WithoutCredentialsNoneAreSent) {
  ParentPlay play({gives(ok("x"))}, [](ProxySettings& s) { s.proxy.upstream_proxy.credentials_file.clear(); });
  EXPECT_EQ(200, status_of(play.exchange(kPlain)));
  EXPECT_EQ("GET http://origin.test/a?b HTTP/1.1", first_line(play.request()));
  EXPECT_EQ("", field_of(play.request(), "Proxy-Authorization"));
}

TEST(ParentProxy, HttpsGoesThroughAConnectOfOurs) {
  ParentPlay play({https_of("origin.test", {gives(ok("x"))})}, trusts());
  const std::string response = play.exchange(kHttps);
  EXPECT_EQ(200, status_of(response)) << response;
  ASSERT_EQ(2u, play.requests().size());
  const std::string connect = play.requests()[0];
  EXPECT_EQ("CONNECT origin.test:443 HTTP/1.1", first_line(connect));
  EXPECT_EQ("origin.test:443", field_of(connect, "Host"));
  EXPECT_EQ(kBasic, field_of(connect, "Proxy-Authorization"));
  const std::string request = play.requests()[1];
  EXPECT_EQ("GET /a HTTP/1.1", first_line(request));
  EXPECT_EQ("", field_of(request, "Proxy-Authorization"));
  expect_secret(play, response);
}

TEST(ParentProxy, AnInterceptedRequestGoesThroughAConnectOfOurs) {
  ParentPlay play({https_of("origin.test", {gives(ok("x"))})}, all_of({trusts(), intercepts_all()}));
  Peer client = play.client(kTunnel);
  EXPECT_EQ(200, status_of(client.read_head()));
  ASSERT_TRUE(client.start_tls(client_tls({.host = "origin.test", .trusts = play.proxy().root()})));
  client.send("GET /a HTTP/1.1\r\nHost: origin.test\r\n\r\n");
  EXPECT_EQ(200, status_of(client.read_response()));
  EXPECT_EQ("CONNECT origin.test:443 HTTP/1.1", first_line(play.requests()[0]));
  EXPECT_EQ("GET /a HTTP/1.1", first_line(play.requests()[1]));
}

TEST(ParentProxy, ATunnelIsChained) {
  ParentPlay play({chains([](Upstream& parent, Peer& peer) {
    parent.saw(peer.read_exactly(4));
    peer.send("pong");
  })});
  Peer client = play.client(kTunnel);
  EXPECT_EQ(200, status_of(client.read_head()));
  client.send("ping");
  EXPECT_EQ("pong", client.read_all());
  EXPECT_EQ("CONNECT origin.test:443 HTTP/1.1", first_line(play.requests()[0]));
  EXPECT_EQ(kBasic, field_of(play.requests()[0], "Proxy-Authorization"));
  EXPECT_EQ("ping", play.requests()[1]);
}

TEST(ParentProxy, WhatTheFarSideSaysFirstMayComeWithTheParentsAnswer) {
  ParentPlay play({[](Upstream&, Peer& peer) {
    peer.read_head();
    peer.send("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n220 ready\r\n");
    peer.read_all();
  }});
  Peer client = play.client(kTunnel);
  EXPECT_EQ(200, status_of(client.read_head()));
  EXPECT_EQ("220 ready\r\n", client.read_until("\n"));
}

TEST(ParentProxy, OneKeptConnectionServesAllPlainOrigins) {
  ParentPlay play({gives(ok("x"))});
  for (const char* host : {"a.test", "b.test", "c.test"}) {
    EXPECT_EQ(200, status_of(play.proxy().get("http://" + std::string(host) + "/")));
  }
  EXPECT_EQ(1, play.origin().connections());
  EXPECT_EQ("GET http://c.test/ HTTP/1.1", first_line(play.requests()[2]));
}

TEST(ParentProxy, AKeptTunnelIsForItsOriginOnly) {
  ParentPlay play({https_of("origin.test", {gives(ok("x"))}), https_of("other.test", {gives(ok("y"))})}, trusts());
  EXPECT_EQ("x", body_of(play.exchange(kHttps)));
  EXPECT_EQ("x", body_of(play.exchange(kHttps)));
  EXPECT_EQ("y", body_of(play.exchange("GET https://other.test/ HTTP/1.1\r\nHost: other.test\r\n\r\n")));
  EXPECT_EQ(2, play.origin().connections());
}

TEST(ParentProxy, A503OfAnOriginIsRetriedThroughIt) {
  ParentPlay play({gives(failure(503)), gives(ok("well"))});
  EXPECT_EQ("well", body_of(play.exchange(kPlain)));
}

// --- its refusals ---

struct Refuses {
  const char* id;
  std::string request;
  int status;
};
class ParentRefuses : public testing::TestWithParam<Refuses> {};

TEST_P(ParentRefuses, AndIsNotAskedAgain) {
  ParentPlay play({gives(failure(GetParam().status, "Proxy-Authenticate: Basic realm=\"parent\"\r\n"))}, trusts());
  const std::string response = play.exchange(GetParam().request);
  EXPECT_EQ(502, status_of(response)) << response;
  EXPECT_NE(std::string::npos, field_of(response, "Proxy-Status").find("\"parent_refused\"")) << response;
  EXPECT_TRUE(body_of(response).starts_with("parent_refused: "));
  EXPECT_EQ("1", field_of(response, "Backoffd-Attempts"));
  EXPECT_EQ("", field_of(response, "Proxy-Authenticate"));
  EXPECT_EQ(1u, play.requests().size());
  const std::string log = play.log_lines();
  EXPECT_NE(std::string::npos, log.find("answered " + std::to_string(GetParam().status))) << log;
  expect_secret(play, response);
}

const std::vector<Refuses> kRefuses = {
    {"https-407", kHttps, 407},   {"https-403", kHttps, 403},   {"https-400", kHttps, 400}, {"https-404", kHttps, 404},
    {"tunnel-407", kTunnel, 407}, {"tunnel-403", kTunnel, 403}, {"plain-407", kPlain, 407},
};
INSTANTIATE_TEST_SUITE_P(ParentProxy, ParentRefuses, testing::ValuesIn(kRefuses), RowName());

TEST(ParentProxy, APlain403MayBeTheOriginsAndIsRelayed) {
  ParentPlay play({gives(failure(403))});
  EXPECT_EQ(403, status_of(play.exchange(kPlain)));
}

TEST(ParentProxy, A407OfAnOriginBehindItsTunnelIsTheOrigins) {
  ParentPlay play({https_of("origin.test", {gives(failure(407))})}, trusts());
  EXPECT_EQ(407, status_of(play.exchange(kHttps)));
}

struct Fails {
  const char* id;
  std::string answer;
};
class ParentFails : public testing::TestWithParam<Fails> {};

TEST_P(ParentFails, AndIsAskedAgain) {
  for (const std::string& request : {kHttps, kTunnel}) {
    const Play::Script fails = [](Upstream& parent, Peer& peer) {
      parent.saw(peer.read_head());
      peer.send(GetParam().answer);
    };
    ParentPlay play({fails, https_of("origin.test", {gives(ok("x"))})}, trusts());
    Peer client = play.client(request);
    EXPECT_EQ(200, status_of(client.read_head()));
    EXPECT_LE(2u, play.requests().size());
    EXPECT_EQ(play.requests()[0], play.requests()[1]);
  }
}

const std::vector<Fails> kFails = {
    {"502", failure(502)},
    {"503", failure(503)},
    {"429", failure(429)},
    {"408", failure(408)},
    {"nothing", ""},
    {"half-a-head", "HTTP/1.1 200 OK\r\n"},
    {"no-http", "220 ready\r\n\r\n"},
};
INSTANTIATE_TEST_SUITE_P(ParentProxy, ParentFails, testing::ValuesIn(kFails), RowName());

TEST(ParentProxy, OneThatFailsToTheEndIsParentRefused) {
  ParentPlay play({gives(failure(503))}, all_of({trusts(), attempts(3)}));
  const std::string response = play.exchange(kHttps);
  EXPECT_EQ(502, status_of(response)) << response;
  EXPECT_NE(std::string::npos, field_of(response, "Proxy-Status").find("parent_refused")) << response;
  EXPECT_EQ(3u, play.requests().size());
  expect_secret(play, response);
}

TEST(ParentProxy, OneThatSaysNothingIsATimeout) {
  ParentPlay play(
      {[](Upstream&, Peer& peer) { peer.read_all(); }},
      all_of({attempts(1), [](ProxySettings& s) { s.proxy.timeouts.connect = std::chrono::milliseconds(100); }}));
  const std::string response = play.exchange(kHttps);
  EXPECT_EQ(504, status_of(response)) << response;
}

TEST(ParentProxy, OneThatIsNotThereIsAConnectError) {
  std::uint16_t port = 0;
  listen_on_free_port(port);  // and closed again
  ParentPlay play({gives(ok("x"))}, all_of({attempts(2), [=](ProxySettings& s) {
                                              s.proxy.upstream_proxy.url = "http://127.0.0.1:" + std::to_string(port);
                                            }}));
  const std::string response = play.exchange(kPlain);
  EXPECT_EQ(502, status_of(response)) << response;
  EXPECT_EQ(2u, play.outcomes(policy::OutcomeKind::connect_error));
}

TEST(ParentProxy, ABadCertificateBehindItIsOne) {
  ParentPlay play({https_of("other.test", {gives(ok("x"))})}, trusts());
  const std::string response = play.exchange(kHttps);
  EXPECT_TRUE(body_of(response).starts_with("bad_certificate: ")) << response;
  EXPECT_EQ(1u, play.requests().size());
}

// --- which origins it is for ---

TEST(ParentProxy, EgressRulesHoldForWhatItWouldResolve) {
  ParentPlay play({gives(ok("x"))}, [](ProxySettings& s) { s.proxy.egress.deny = {"*.denied.test"}; });
  for (const char* host : {"a.denied.test", "127.0.0.1", "2130706433", "0x7f.1", "[::1]", "169.254.169.254"}) {
    EXPECT_EQ(403, status_of(play.proxy().get("http://" + std::string(host) + "/"))) << host;
    EXPECT_EQ(403, status_of(play.proxy().get("https://" + std::string(host) + "/"))) << host;
    const std::string connect = "CONNECT " + std::string(host) + ":443 HTTP/1.1\r\nHost: " + host + ":443\r\n\r\n";
    EXPECT_EQ(403, status_of(play.exchange(connect))) << host;
  }
  EXPECT_EQ(0, play.origin().connections());
  EXPECT_EQ(200, status_of(play.proxy().get("http://allowed.test/")));
}

TEST(ParentProxy, NoProxyHostsAreDialled) {
  Upstream direct({Upstream::answers(ok("direct"))});
  ParentPlay play({gives(ok("parent"))}, [](ProxySettings& s) {
    s.proxy.egress.allow = {"127.0.0.1"};
    s.proxy.upstream_proxy.no_proxy = {"127.0.0.0/8"};
  });
  EXPECT_EQ("direct", body_of(play.proxy().get(direct.url())));
  EXPECT_EQ("parent", body_of(play.proxy().get("http://origin.test/")));
}

TEST(ParentProxy, AProviderMayHaveItsOwnOrNone) {
  Upstream own({Upstream::answers(ok("own"))});
  Upstream direct({Upstream::answers(ok("direct"))});
  ParentPlay play({gives(ok("parent"))}, [&](ProxySettings& s) {
    s.proxy.egress.allow = {"127.0.0.1"};
    for (const auto& [host, parent] :
         {std::pair<std::string, std::string>{"own.test", "http://" + own.authority()}, {"127.0.0.1", "direct"}}) {
      policy::ProviderConfig provider;
      provider.name = host;
      provider.hosts = {host};
      provider.upstream_proxy = parent;
      s.policy.providers.push_back(provider);
    }
  });
  EXPECT_EQ("own", body_of(play.proxy().get("http://own.test/")));
  EXPECT_EQ("direct", body_of(play.proxy().get(direct.url())));
  EXPECT_EQ("parent", body_of(play.proxy().get("http://origin.test/")));
}

struct Rule {
  std::string no_proxy;
  std::string host;
  bool exempt;
};

TEST(ParentProxies, NoProxyEntries) {
  const std::vector<Rule> rules = {
      {"origin.test", "origin.test", true},
      {"origin.test", "a.origin.test", true},
      {"origin.test", "ORIGIN.test", true},
      {"origin.test", "theorigin.test", false},
      {"origin.test", "origin.test.evil", false},
      {".origin.test", "origin.test", true},
      {".origin.test", "a.b.origin.test", true},
      {"*.origin.test", "a.origin.test", true},
      {"*.origin.test", "origin.test", false},
      {"*", "origin.test", true},
      {"*", "127.0.0.1", true},
      {"*", "::1", true},
      {"127.0.0.1", "127.0.0.1", true},
      {"127.0.0.1", "127.0.0.2", false},
      {"127.0.0.0/8", "127.9.9.9", true},
      {"127.0.0.0/8", "128.0.0.1", false},
      {"127.0.0.0/8", "localhost", false},
      {"::1", "::1", true},
      {"::/64", "::5", true},
      {"::/64", "1::5", false},
      {"origin.test", "origin.test.", true},
  };
  for (const Rule& rule : rules) {
    proxy::UpstreamProxy config;
    config.url = "http://127.0.0.1:3128";
    config.no_proxy = {rule.no_proxy};
    const std::vector<policy::ProviderConfig> none;
    const auto made = proxy::ParentProxies::make(config, none);
    ASSERT_TRUE(made);
    EXPECT_EQ(rule.exempt, made.value()->between(rule.host, false) == nullptr) << rule.no_proxy << " " << rule.host;
  }
}

TEST(ParentProxies, AnotherOneForHttps) {
  proxy::UpstreamProxy config;
  config.url = "http://127.0.0.1:1";
  config.https_url = "http://[::1]:2/";
  const std::vector<policy::ProviderConfig> none;
  auto made = proxy::ParentProxies::make(config, none);
  ASSERT_TRUE(made);
  EXPECT_EQ("127.0.0.1:1", (*made)->between("origin.test", false)->authority());
  EXPECT_EQ("[::1]:2", (*made)->between("origin.test", true)->authority());
  config.https_url = "direct";
  made = proxy::ParentProxies::make(config, none);
  ASSERT_TRUE(made);
  EXPECT_NE(nullptr, (*made)->between("origin.test", false));
  EXPECT_EQ(nullptr, (*made)->between("origin.test", true));
}

struct WrongUrl {
  std::string url;
  std::string error;
};

TEST(ParentProxies, WrongUrlsAreRefused) {
  const std::vector<WrongUrl> wrong = {
      {"127.0.0.1:3128", "upstream_proxy: \"127.0.0.1:3128\": expected http://HOST:PORT"},
      {"http://127.0.0.1", "upstream_proxy: \"http://127.0.0.1\": expected http://HOST:PORT"},
      {"http://127.0.0.1:1/path", "upstream_proxy: \"http://127.0.0.1:1/path\": expected http://HOST:PORT"},
      {"https://127.0.0.1:1",
       "upstream_proxy: \"https://127.0.0.1:1\": only proxies that are spoken to in plain HTTP can be used: "
       "http://HOST:PORT"},
      {"http://alice:sesame@127.0.0.1:1",
       "upstream_proxy: user and password belong in the file that upstream_proxy_credentials names"},
  };
  for (const WrongUrl& one : wrong) {
    proxy::UpstreamProxy config;
    config.url = one.url;
    const auto made = proxy::ParentProxies::make(config, {});
    ASSERT_FALSE(made) << one.url;
    EXPECT_EQ(one.error, made.error().text());
  }
}

TEST(ParentProxies, WrongCredentialFilesAreRefusedWithoutALook) {
  for (const std::string content : {"", "sesame", ":sesame",
                                    "alice:ses\x01"
                                    "ame"}) {
    const TemporaryFile file(content);
    proxy::UpstreamProxy config;
    config.url = "http://127.0.0.1:3128";
    config.credentials_file = file.path();
    const auto made = proxy::ParentProxies::make(config, {});
    ASSERT_FALSE(made) << content;
    EXPECT_TRUE(made.error().text().starts_with("upstream_proxy_credentials: \"" + file.path() + "\": "));
    EXPECT_EQ(std::string::npos, made.error().text().find("ses"));
  }
}

}  // namespace
}  // namespace backoffd::test
