// The upstream side of HTTPS: whom the proxy believes, what it shows, and what it makes of handshakes and ends that are
// not as they should be.
#include "proxy/tls/upstream_tls.h"

#include <gtest/gtest.h>

#include <mutex>

#include "proxy/tls/pem.h"
#include "tests/support/tls_play.h"

namespace backoffd::test {
namespace {

using proxy::Counters;

const std::string kBadCertificate = "The upstream server's certificate does not verify";

std::string get(const Play& play, const std::string& host) {
  const std::string authority = host + ":" + play.fill("{}").substr(play.fill("{}").rfind(':') + 1);
  return play.exchange("GET https://" + authority + "/ HTTP/1.1\r\nHost: " + authority + "\r\n\r\n");
}

// One try, no byte of a request, and the reason in words wherever a person would look.
void expect_refused_in_words(Turns& play, const std::string& response, const std::string& name,
                             const std::string& error, const std::string& reason) {
  EXPECT_EQ(502, status_of(response)) << response;
  EXPECT_EQ("not_retryable", field_of(response, "Backoffd-Verdict"));
  EXPECT_EQ("1", field_of(response, "Backoffd-Attempts"));
  EXPECT_EQ("backoffd; error=" + error + "; details=\"" + name + ": " + reason + '"',
            field_of(response, "Proxy-Status"));
  EXPECT_NE(std::string::npos, body_of(response).find(": " + reason + ".")) << body_of(response);
  EXPECT_EQ(1, play.origin().connections());
  EXPECT_EQ(0u, play.requests().size());
  const std::string log = play.log_lines();
  EXPECT_NE(std::string::npos, log.find("verdict=not_retryable detail=\"" + reason + '"')) << log;
}

void expect_bad_certificate(Turns& play, const std::string& response, const std::string& reason) {
  expect_refused_in_words(play, response, "bad_certificate", "tls_certificate_error", reason);
  EXPECT_NE(std::string::npos, body_of(response).find(kBadCertificate));
  EXPECT_EQ(1u, counter(play.proxy(), &Counters::upstream_tls_failures));
  EXPECT_EQ(0u, counter(play.proxy(), &Counters::upstream_tls_handshakes));
}

// --- certificates ---

const TestCa& strange_ca() {
  static const TestCa ca("nobody's root");
  return ca;
}

struct Certificate {
  const char* id;
  std::function<IdentityPtr()> of;
  std::string reason;  // empty: it verifies
  std::string host = "origin.test";
};
class UpstreamCertificate : public testing::TestWithParam<Certificate> {};

TEST_P(UpstreamCertificate, IsJudged) {
  const Names names({"origin.test", "a.origin.test", "b.a.origin.test"});
  TlsPlay play({gives(ok("x"))}, names.known(), {.identity = GetParam().of()});
  const std::string response = get(play, GetParam().host);
  if (GetParam().reason.empty()) {
    EXPECT_EQ(200, status_of(response)) << response;
  } else {
    expect_bad_certificate(play, response, GetParam().reason);
  }
}

std::function<IdentityPtr()> of(const std::string& san) {
  return [=] { return test_ca().identity(san); };
}
std::function<IdentityPtr()> valid(int first, int last) {
  return [=] { return test_ca().identity({.san = "DNS:origin.test"}, valid_from_days(first, last)); };
}

const std::vector<Certificate> kCertificates = {
    {"good", of("DNS:origin.test"), ""},
    {"good-among-others", of("DNS:other.test,DNS:origin.test"), ""},
    {"good-in-capitals", of("DNS:ORIGIN.test"), ""},
    {"good-for-a-name-with-the-root-dot", of("DNS:origin.test"), "", "origin.test."},
    {"expired", valid(-3, -1), "certificate has expired"},
    {"not-yet-valid", valid(1, 3), "certificate is not yet valid"},
    {"of-another-host", of("DNS:other.test"), "hostname mismatch"},
    {"of-a-host-below", of("DNS:a.origin.test"), "hostname mismatch"},
    {"of-a-host-above", of("DNS:origin.test"), "hostname mismatch", "a.origin.test"},
    {"common-name-alone", [] { return test_ca().identity({.common_name = "origin.test"}, valid_from_days(-1, 1)); },
     "hostname mismatch"},
    {"self-signed", [] { return self_signed("DNS:origin.test"); }, "self-signed certificate"},
    {"unknown-ca", [] { return strange_ca().identity("DNS:origin.test"); }, "unable to get local issuer certificate"},
    {"for-clients-only",
     [] {
       return test_ca().identity({.extended_key_usage = "clientAuth", .san = "DNS:origin.test"},
                                 valid_from_days(-1, 1));
     },
     "unsuitable certificate purpose"},
    {"zero-octet", [] { return test_ca().identity_of_octets(std::string_view("origin.test\0.evil.test", 22)); },
     "hostname mismatch"},
    {"wildcard", of("DNS:*.origin.test"), "", "a.origin.test"},
    {"wildcard-is-one-label", of("DNS:*.origin.test"), "hostname mismatch", "b.a.origin.test"},
    {"wildcard-is-not-none", of("DNS:*.origin.test"), "hostname mismatch"},
    {"wildcard-in-a-label", of("DNS:o*n.test"), "hostname mismatch"},
    {"wildcard-of-all", of("DNS:*"), "hostname mismatch"},
    {"address", of("IP:127.0.0.1"), "", "127.0.0.1"},
    {"another-address", of("IP:127.0.0.2"), "IP address mismatch", "127.0.0.1"},
    {"address-as-a-name", of("DNS:127.0.0.1"), "IP address mismatch", "127.0.0.1"},
    {"name-for-an-address", of("DNS:origin.test"), "IP address mismatch", "127.0.0.1"},
    {"address-for-a-name", of("IP:127.0.0.1"), "hostname mismatch"},
};
INSTANTIATE_TEST_SUITE_P(Upstream, UpstreamCertificate, testing::ValuesIn(kCertificates), RowName());

TEST(UpstreamTls, ABadCertificateIsToldInsideAnInterceptionToo) {
  TlsPlay play({gives(ok("x"))}, {}, {.identity = self_signed("IP:127.0.0.1")});
  expect_bad_certificate(play, play.exchange_inside(kGetInside), "self-signed certificate");
}

TEST(UpstreamTls, ATunnelLeavesTheCertificateToTheClient) {
  TlsPlay play({gives(ok("x"))}, intercepts({}), {.identity = self_signed("IP:127.0.0.1")});
  EXPECT_EQ(200, status_of(play.exchange_inside(kGetInside)));
}

TEST(UpstreamTls, InsecureSkipVerifyIsForThatHostOnly) {
  const Names names({"origin.test", "a.origin.test"});
  TlsPlay play({gives(ok("x"))},
               all_of({names.known(), [](ProxySettings& s) { s.proxy.tls.insecure_skip_verify = {"origin.test"}; }}),
               {.identity = self_signed("DNS:nobody.test")});
  EXPECT_EQ(200, status_of(get(play, "origin.test")));
  EXPECT_EQ(502, status_of(get(play, "a.origin.test")));
}

// --- roots and certificates of our own ---

policy::ProviderConfig provider(const std::string& host) {
  policy::ProviderConfig made;
  made.name = "p";
  made.hosts = {host};
  return made;
}

TEST(UpstreamTls, AProvidersRootsAreForItsHostsOnly) {
  const Names names({"origin.test", "a.origin.test"});
  TlsPlay play({gives(ok("x"))},
               all_of({names.known(),
                       [](ProxySettings& s) {
                         s.policy.providers.push_back(provider("origin.test"));
                         s.policy.providers.back().upstream_roots = strange_ca().path();
                       }}),
               {.identity = strange_ca().identity("DNS:origin.test,DNS:a.origin.test")});
  EXPECT_EQ(200, status_of(get(play, "origin.test")));
  EXPECT_EQ(502, status_of(get(play, "a.origin.test")));
}

TEST(UpstreamTls, AProvidersRootsAreBesidesTheOthers) {
  TlsPlay play({gives(ok("x"))}, [](ProxySettings& s) {
    s.policy.providers.push_back(provider("127.0.0.1"));
    s.policy.providers.back().upstream_roots = strange_ca().path();
  });
  EXPECT_EQ(200, status_of(play.get_https()));
}

struct ClientFiles {
  IdentityPtr identity =
      test_ca().identity({.common_name = "us", .extended_key_usage = "clientAuth"}, valid_from_days(-1, 1));
  TemporaryFile certificate{proxy::pem_of(identity->certificate.get())};
  TemporaryFile key{proxy::pem_of(identity->key.get())};
};

TEST(UpstreamTls, AProvidersHostsAreShownItsCertificate) {
  const ClientFiles files;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsPlay play(
        [](Upstream& origin, Peer& peer) {
          const proxy::X509Ptr shown(SSL_get1_peer_certificate(peer.tls()->ssl()));
          peer.read_head();
          origin.saw(X509_NAME_cmp(X509_get_issuer_name(shown.get()), X509_get_subject_name(test_ca().root())) == 0
                         ? "ours"
                         : "another");
          peer.send(ok("x"));
        },
        [&](ProxySettings& s) {
          s.policy.providers.push_back(provider("127.0.0.1"));
          s.policy.providers.back().client_certificate = files.certificate.path();
          s.policy.providers.back().client_key = files.key.path();
        },
        {.max_version = version, .wants_certificate = true});
    EXPECT_EQ(200, status_of(play.get_https()));
    EXPECT_EQ("ours", play.request());
  }
}

TEST(UpstreamTls, AnOriginThatMissesOurCertificateIsNotAskedAgain) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsPlay play({gives(ok("x"))}, {}, {.max_version = version, .wants_certificate = true});
    expect_refused_in_words(play, play.get_https(), "tls_error", "tls_protocol_error",
                            version == TLS1_2_VERSION ? "alert handshake failure" : "alert certificate required");
  }
}

// --- what is said in a handshake ---

struct Said {
  std::mutex mutex;
  std::string name;
  std::string protocol;
};

TEST(UpstreamTls, NamesAreSaidAndAddressesAreNot) {
  const Names names({"origin.test"});
  Said said;
  const auto script = [&](Upstream& origin, Peer& peer) {
    origin.saw(peer.read_head());
    const char* name = SSL_get_servername(peer.tls()->ssl(), TLSEXT_NAMETYPE_host_name);
    {
      const std::lock_guard lock(said.mutex);
      said.name = name != nullptr ? name : "(none)";
      said.protocol = peer.tls()->protocol();
    }
    peer.send(ok("x"));
  };
  TlsPlay play(script, names.known());
  const auto asked = [&](const std::string& host) {
    EXPECT_EQ(200, status_of(get(play, host)));
    const std::lock_guard lock(said.mutex);
    return said.name + " " + said.protocol;
  };
  EXPECT_EQ("origin.test http/1.1", asked("origin.test"));
  EXPECT_EQ("origin.test http/1.1", asked("origin.test."));
  EXPECT_EQ("(none) http/1.1", asked("127.0.0.1"));
}

TEST(UpstreamTls, AnIpv6OriginIsServed) {
  TlsPlay play({gives(ok("x"))}, {}, {}, "::1");
  EXPECT_EQ(200, status_of(play.get_https()));
}

TEST(UpstreamTls, BelowTls12NothingIsSpoken) {
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    TlsPlay play({gives(ok("x"))}, {}, {.min_version = version, .max_version = version});
    expect_refused_in_words(play, play.get_https(), "tls_error", "tls_protocol_error", "alert protocol version");
  }
}

TEST(UpstreamTls, PlainHttpAtTheOtherEndIsNoTls) {
  Turns play({[](Upstream&, Peer& peer) { peer.send("HTTP/1.1 400 Bad Request\r\n\r\n"); }}, {});
  const std::string response = get(play, "127.0.0.1");
  expect_refused_in_words(play, response, "tls_error", "tls_protocol_error", "wrong version number");
}

// --- sessions ---

class UpstreamSession : public testing::TestWithParam<int> {};

TEST_P(UpstreamSession, IsResumedByTheNextConnection) {
  TlsPlay play({closes_after(ok("x", "Connection: close\r\n"))}, {}, {.max_version = GetParam()});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(200, status_of(play.get_https()));
  EXPECT_EQ(3u, counter(play.proxy(), &Counters::upstream_tls_handshakes));
  EXPECT_EQ(2u, counter(play.proxy(), &Counters::upstream_tls_resumed));
}
INSTANTIATE_TEST_SUITE_P(Upstream, UpstreamSession, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

TEST(UpstreamTls, ASessionIsNotTakenToAnotherHost) {
  const Names names({"origin.test"});
  TlsPlay play({closes_after(ok("x", "Connection: close\r\n"))}, names.known());
  EXPECT_EQ(200, status_of(get(play, "origin.test")));
  EXPECT_EQ(200, status_of(get(play, "127.0.0.1")));
  EXPECT_EQ(0u, counter(play.proxy(), &Counters::upstream_tls_resumed));
}

// --- handshakes and connections that break ---

TEST(UpstreamTls, AnOriginThatClosesInTheHandshakeIsTriedAgain) {
  const Play::Script good = over_tls(serves(ok("x")));
  const Play::Script hangs_up = [](Upstream&, Peer& peer) { peer.read_exactly(5); };
  Turns play({hangs_up, good}, trusts());
  const std::string response = get(play, "127.0.0.1");
  EXPECT_EQ(200, status_of(response)) << response;
  EXPECT_EQ("2", field_of(response, "Backoffd-Attempts"));
  EXPECT_EQ(1u, play.outcomes(policy::OutcomeKind::connect_error));
}

TEST(UpstreamTls, AnOriginThatStopsInTheHandshakeIsATimeout) {
  Turns play(
      {[](Upstream&, Peer& peer) { peer.read_all(); }},
      all_of({attempts(2), [](ProxySettings& s) { s.proxy.timeouts.connect = std::chrono::milliseconds(100); }}));
  const std::string response = get(play, "127.0.0.1");
  EXPECT_EQ(504, status_of(response)) << response;
  EXPECT_EQ("2", field_of(response, "Backoffd-Attempts"));
  EXPECT_EQ(2u, play.outcomes(policy::OutcomeKind::connect_timeout));
  EXPECT_EQ(2u, counter(play.proxy(), &Counters::upstream_tls_failures));
}

TEST(UpstreamTls, AKeptConnectionThatWasClosedMeanwhileIsNoAttempt) {
  TlsPlay play({closes_after(ok("x")), gives(ok("y"))});
  EXPECT_EQ("x", body_of(play.get_https()));
  const std::string response = play.get_https();
  EXPECT_EQ("y", body_of(response)) << response;
  EXPECT_EQ("1", field_of(response, "Backoffd-Attempts"));
}

TEST(UpstreamTls, RenegotiationIsRefused) {
  TlsPlay play(
      [](Upstream& origin, Peer& peer) {
        peer.read_head();
        SSL_renegotiate(peer.tls()->ssl());
        peer.tls()->shake();
        peer.send(ok("x"));
        EXPECT_EQ("", peer.read_head());
        origin.saw(peer.tls()->error());
      },
      {}, {.max_version = TLS1_2_VERSION});
  EXPECT_EQ(200, status_of(play.get_https()));
  ASSERT_TRUE(play.origin().wait_for_requests(1));
  EXPECT_EQ("no renegotiation", play.request());
}

TEST(UpstreamTls, KeysMayBeUpdated) {
  TlsPlay play({[](Peer& peer) {
    SSL_key_update(peer.tls()->ssl(), SSL_KEY_UPDATE_REQUESTED);
    return peer.send(ok("x"));
  }});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(200, status_of(play.get_https()));
  EXPECT_EQ(1, play.origin().connections());
}

// --- the end of a body ---

const std::string kUntilClose = "HTTP/1.1 200 OK\r\n\r\nhello";

TEST(UpstreamTls, ABodyOfKnownLengthIsWholeHoweverTheConnectionEnds) {
  for (const bool proper : {true, false}) {
    TlsPlay play({closes_after(ok("hello"))}, {}, {.close_notify = proper});
    const std::string response = play.get_https();
    EXPECT_EQ("hello", body_of(response));
    EXPECT_TRUE(is_complete_response(response)) << response;
  }
}

TEST(UpstreamTls, ABodyThatEndsWithTheConnectionIsWholeWithCloseNotify) {
  TlsPlay play({closes_after(kUntilClose)});
  const std::string response = play.get_https();
  EXPECT_EQ("hello", body_of(response));
  EXPECT_TRUE(is_complete_response(response)) << response;
}

TEST(UpstreamTls, ABodyThatEndsWithTheConnectionIsBrokenWithoutCloseNotify) {
  TlsPlay play({closes_after(kUntilClose)}, {}, {.close_notify = false});
  const std::string response = play.get_https();
  EXPECT_EQ("hello", body_of(response + "0\r\n\r\n"));
  EXPECT_FALSE(is_complete_response(response)) << response;
  EXPECT_EQ(1u, counter(play.proxy(), &Counters::broken_bodies));
}

TEST(UpstreamTls, ForAnHttp10ClientABrokenBodyEndsInAReset) {
  TlsPlay play({closes_after(kUntilClose)}, {}, {.close_notify = false});
  Peer client = play.client("GET https://{}/ HTTP/1.0\r\n\r\n");
  client.read_all();
  EXPECT_TRUE(client.was_reset());
}

TEST(UpstreamTls, BytesBehindAnAnswerAreNotTheNextOnes) {
  TlsPlay play({gives(ok("x") + ok("smuggled")), gives(ok("y"))});
  Peer client =
      play.client("GET https://{}/1 HTTP/1.1\r\nHost: {}\r\n\r\nGET https://{}/2 HTTP/1.1\r\nHost: {}\r\n\r\n");
  EXPECT_EQ("x", body_of(client.read_response()));
  EXPECT_EQ("y", body_of(client.read_response()));
}

TEST(UpstreamTls, BytesInARecordBehindAnAnswerAreNotTheNextOnes) {
  TlsPlay play({[](Peer& peer) {
                  TlsLayer& tls = *peer.tls();
                  tls.seal(ok("x"));
                  tls.seal(ok("smuggled"));
                  return peer.send_raw(tls.to_send());
                },
                gives(ok("y"))});
  Peer client =
      play.client("GET https://{}/1 HTTP/1.1\r\nHost: {}\r\n\r\nGET https://{}/2 HTTP/1.1\r\nHost: {}\r\n\r\n");
  EXPECT_EQ("x", body_of(client.read_response()));
  EXPECT_EQ("y", body_of(client.read_response()));
}

// --- files ---

struct Wrong {
  const char* id;
  std::function<void(policy::ProviderConfig&, proxy::Tls&, const std::string& path)> set;
  std::string content;  // of the file
  std::string error;    // <F>: the file
};
class UpstreamFiles : public testing::TestWithParam<Wrong> {};

TEST_P(UpstreamFiles, AreRefusedByKeyAndName) {
  const TemporaryFile file(GetParam().content);
  proxy::Tls config;
  std::vector<policy::ProviderConfig> providers = {provider("a.test"), provider("b.test")};
  GetParam().set(providers[1], config, file.path());
  const auto made = proxy::UpstreamTls::make(config, providers);
  ASSERT_FALSE(made);
  std::string expected = GetParam().error;
  expected.replace(expected.find("<F>"), 3, file.path());
  EXPECT_EQ(expected, made.error().text());
}

const std::string& good_certificate() {
  static const std::string text = proxy::pem_of(test_ca().root());
  return text;
}
const TemporaryFile& certificate_file() {
  static const TemporaryFile file(good_certificate());
  return file;
}

void roots(policy::ProviderConfig&, proxy::Tls& tls, const std::string& path) {
  tls.upstream_roots = {certificate_file().path(), path};
}
void providers_roots(policy::ProviderConfig& provider, proxy::Tls&, const std::string& path) {
  provider.upstream_roots = path;
}
void certificate(policy::ProviderConfig& provider, proxy::Tls&, const std::string& path) {
  provider.client_certificate = path;
  provider.client_key = path;
}
void key(policy::ProviderConfig& provider, proxy::Tls&, const std::string& path) {
  provider.client_certificate = certificate_file().path();
  provider.client_key = path;
}

const std::vector<Wrong> kWrong = {
    {"no-such-file", [](auto&, proxy::Tls& tls, const std::string& path) { tls.upstream_roots = {path + "/none"}; }, "",
     "tls.upstream_roots[0]: \"<F>/none\": Not a directory"},
    {"empty", roots, "",
     "tls.upstream_roots[1]: \"<F>\": there is no certificate in it (PEM, \"-----BEGIN CERTIFICATE-----\")"},
    {"no-pem", roots, "hello\n",
     "tls.upstream_roots[1]: \"<F>\": there is no certificate in it (PEM, \"-----BEGIN CERTIFICATE-----\")"},
    {"broken-pem", roots, good_certificate() + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
     "tls.upstream_roots[1]: \"<F>\": certificate 2 in it is unreadable: wrong tag"},
    {"cut-pem", roots, good_certificate() + good_certificate().substr(0, 200),
     "tls.upstream_roots[1]: \"<F>\": certificate 2 in it is unreadable: bad end line"},
    {"providers-roots", providers_roots, "",
     "providers[1].upstream_roots: \"<F>\": there is no certificate in it (PEM, \"-----BEGIN CERTIFICATE-----\")"},
    {"certificate", certificate, "",
     "providers[1].client_certificate: \"<F>\": there is no certificate in it (PEM, \"-----BEGIN CERTIFICATE-----\")"},
    {"certificate-without-key", certificate, good_certificate(),
     "providers[1].client_key: \"<F>\": there is no key in it (PEM, \"-----BEGIN PRIVATE KEY-----\")"},
    {"anothers-key", key, proxy::pem_of(proxy::make_key().get()),
     "providers[1].client_key: \"<F>\": is not the key of \"" + certificate_file().path() + '"'},
};
INSTANTIATE_TEST_SUITE_P(Upstream, UpstreamFiles, testing::ValuesIn(kWrong), RowName());

TEST(UpstreamTls, FilesThatAreWrongKeepTheServerFromBeingMade) {
  policy::Engine engine(policy::Config{}, [](std::string_view host) { return std::string(host); });
  auto log = proxy::LogFile::open("off");
  proxy::Config config;
  config.listen = {"127.0.0.1:0"};
  config.tls.upstream_roots = {"/no/such/file"};
  const auto made = proxy::Server::make(config, engine, **log);
  ASSERT_FALSE(made);
  EXPECT_EQ("tls.upstream_roots[0]: \"/no/such/file\": No such file or directory", made.error().text());
}

}  // namespace
}  // namespace backoffd::test
