// What a hostile client, origin or neighbour may not reach, learn or hold up.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/support/play.h"
#include "tests/support/temporary_file.h"

namespace backoffd::test {
namespace {

using namespace std::string_literals;
using std::chrono::milliseconds;

const std::string kGet = "GET http://{}/ HTTP/1.1\r\nHost: {}\r\n\r\n";

void one_attempt(ProxySettings& s) { s.policy.retry.max_attempts = 1; }

// --- what may be reached ---

struct Place {
  const char* id;
  const char* host;
};
class SecurityPlaces : public testing::TestWithParam<Place> {};

void expect_destination_refused(const RunningProxy& proxy, const std::string& authority) {
  for (const std::string& line : {"GET http://" + authority + "/", "CONNECT " + authority}) {
    const std::string response = proxy.exchange(line + " HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(403, status_of(response)) << line << "\n" << response;
    EXPECT_TRUE(body_of(response).starts_with("destination_refused: ")) << response;
    EXPECT_NE(std::string::npos, field_of(response, "Proxy-Status").find("error=destination_ip_prohibited"));
  }
}

TEST_P(SecurityPlaces, AreRefusedUnlessAllowed) {
  Upstream upstream({Upstream::answers(ok("evil"))});
  RunningProxy proxy([](ProxySettings& s) { s.proxy.egress.allow.clear(); });
  expect_destination_refused(proxy, GetParam().host + ":"s + std::to_string(upstream.port()));
  EXPECT_EQ(0, upstream.connections());
}

constexpr Place kPlaces[] = {
    {"loopback", "127.0.0.1"},
    {"loopback_other", "127.9.8.7"},
    {"localhost", "localhost"},
    {"localhost_root", "localhost."},
    {"loopback6", "[::1]"},
    {"dot", "127.0.0.1."},
    {"short", "127.1"},
    {"number", "2130706433"},
    {"hex", "0x7f.0.0.1"},
    {"hex_number", "0x7f000001"},
    {"octal", "0177.0.0.1"},
    {"any", "0.0.0.0"},
    {"zero", "0"},
    {"any6", "[::]"},
    {"mapped", "[::ffff:127.0.0.1]"},
    {"nat64", "[64:ff9b::127.0.0.1]"},
    {"six_to_four", "[2002:7f00:1::]"},
    {"metadata", "169.254.169.254"},
    {"metadata_mapped", "[::ffff:a9fe:a9fe]"},
    {"link_local6", "[fe80::1]"},
    {"multicast", "224.0.0.1"},
    {"broadcast", "255.255.255.255"},
    {"private_10", "10.0.0.1"},
    {"private_192", "192.168.1.1"},
    {"shared", "100.64.0.1"},
    {"unique_local", "[fd00::1]"},
};
INSTANTIATE_TEST_SUITE_P(Default, SecurityPlaces, testing::ValuesIn(kPlaces), RowName());

TEST(Security, TheAdminsPortIsReachedInNoSpelling) {
  Upstream admin({Upstream::answers(ok("secret"))});
  RunningProxy proxy([&](ProxySettings& s) {
    s.proxy.own_addresses = {admin.authority()};
    s.proxy.egress.allow = {"0.0.0.0/0", "::/0", "*"};
  });
  for (const std::string host :
       {"127.0.0.1", "localhost", "127.1", "0x7f.1", "2130706433", "0.0.0.0", "[::ffff:127.0.0.1]"}) {
    expect_destination_refused(proxy, host + ":" + std::to_string(admin.port()));
  }
  EXPECT_EQ(0, admin.connections());
}

TEST(Security, AClientThatIsNotAllowedIsNotServed) {
  Play play(ok("x"), [](ProxySettings& s) { s.proxy.clients = {"10.0.0.0/8"}; });
  Peer client = play.client(kGet);
  EXPECT_EQ("", client.read_all());
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(0, play.origin().connections());
}

// --- what may be held up ---

TEST(Security, AnswersThatNobodyReadsDoNotPileUp) {
  Play play;
  Peer client = play.proxy().connect();
  client.set_small_receive_buffer();
  client.set_patience(500);
  std::string requests;
  for (int i = 0; i < 1000; ++i) requests += "GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n";
  std::size_t sent = 0;
  while (sent < (32 << 20) && client.send(requests)) sent += requests.size();
  EXPECT_LT(sent, std::size_t{32} << 20);
  EXPECT_EQ(200, status_of(play.get()));
}

TEST(Security, ABodyThatDoesNotComeGets408) {
  Play play({hears("abc")}, [](ProxySettings& s) { s.proxy.timeouts.response_head = milliseconds(200); });
  Peer client = play.client("POST http://{}/ HTTP/1.1\r\nHost: {}\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_EQ(408, status_of(client.read_response()));
  EXPECT_TRUE(client.ended());
  ASSERT_TRUE(play.origin().wait_for_requests(2));
  EXPECT_EQ("", play.requests()[1]);
}

TEST(Security, ABodyThatStallsIsBrokenOff) {
  Play play({[](Upstream& origin, Peer& peer) {
              peer.read_request();
              peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
              origin.saw(peer.read_all());
            }},
            [](ProxySettings& s) { s.proxy.timeouts.stall = milliseconds(200); });
  Peer client = play.client(kGet);
  const std::string response = client.read_response();
  EXPECT_EQ("abc", body_of(response));
  EXPECT_FALSE(is_complete_response(response));
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(play.origin().wait_for_requests(1));
}

TEST(Security, AClientThatReadsNothingIsGivenUp) {
  Play play({[](Upstream& origin, Peer& peer) {
              peer.read_request();
              peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n");
              while (peer.send(std::string(64 << 10, 'x'))) continue;
              origin.saw(peer.ended() ? "ended" : "still open");
            }},
            [](ProxySettings& s) { s.proxy.timeouts.stall = milliseconds(300); });
  Peer client = play.client(kGet);
  ASSERT_TRUE(play.origin().wait_for_requests(1));
  EXPECT_EQ("ended", play.request());
}

TEST(Security, ATunnelWithoutAByteIsEnded) {
  Play play({hears("word")}, [](ProxySettings& s) { s.proxy.timeouts.tunnel_idle = milliseconds(200); });
  Peer client = play.client("CONNECT {} HTTP/1.1\r\nHost: {}\r\n\r\nword");
  EXPECT_EQ(200, status_of(client.read_head()));
  EXPECT_TRUE(client.ended());
  ASSERT_TRUE(play.origin().wait_for_requests(2));
  EXPECT_EQ("", play.requests()[1]);
}

TEST(Security, AnExchangeHasAnEnd) {
  Play play({hears("\r\n\r\n")}, [](ProxySettings& s) { s.proxy.timeouts.exchange = milliseconds(200); });
  EXPECT_EQ(504, status_of(play.get()));
}

TEST(Security, ARequestThatExpectsIsNotLeftAloneInTheQueue) {
  std::atomic<bool> over = false;
  Play play({[&](Upstream& origin, Peer& peer) {
              origin.saw(peer.read_request());
              while (!over) std::this_thread::yield();
              peer.send(ok("first"));
            }},
            [](ProxySettings& s) {
              s.policy.default_limits.max_concurrency = 1;
              s.policy.default_limits.queue.max_wait = milliseconds(200);
            });
  Peer first = play.client(kGet);
  ASSERT_TRUE(play.origin().wait_for_requests(1));
  Peer second = play.client("PUT http://{}/ HTTP/1.1\r\nHost: {}\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  const std::string response = second.read_response();
  EXPECT_EQ(429, status_of(response)) << response;
  EXPECT_TRUE(is_complete_response(response));
  over = true;
  EXPECT_EQ("first", body_of(first.read_response()));
  EXPECT_EQ(1u, play.requests().size());
}

// --- what may be learned ---

TEST(Security, TheLogHasNoSecretsAndNoControlCharacters) {
  const TemporaryFile log("");
  {
    Play play(ok("x", "Set-Cookie: hidden\r\n"), [&](ProxySettings& s) { s.proxy.access_log = log.path(); });
    play.get("/path?token=hidden", "Authorization: hidden\r\nCookie: hidden\r\nProxy-Authorization: hidden\r\n");
    play.exchange("GET http://hidden:hidden@{}/ HTTP/1.1\r\nHost: {}\r\n\r\n");
    play.exchange("GET http://{}/\x1b[2J HTTP/1.1\r\nHost: {}\r\n\r\n");
    for (int i = 0; i < 500 && play.proxy().log_text().empty(); ++i) std::this_thread::sleep_for(milliseconds(10));
    const std::string text = play.proxy().log_text();
    EXPECT_NE(std::string::npos, text.find("/path")) << text;
    EXPECT_EQ(std::string::npos, text.find("hidden")) << text;
    EXPECT_EQ(std::string::npos, text.find('\x1b')) << text;
  }
}

// --- fields of the proxy's own and others' dates ---

TEST(Security, ProxyStatusIsAListWithOurMemberLastAndOthersKept) {
  const std::string theirs = "Proxy-Status: cdn; error=http_request_denied, \"other one\"; details=\"x, y\"";
  EXPECT_TRUE(has_line(Play(answer("404 Not Found", theirs + "\r\n", "x")).get(), theirs));
  RunningProxy proxy([](ProxySettings& s) {
    one_attempt(s);
    s.proxy.via = "edge";
  });
  const std::string response = proxy.get("http://127.0.0.1:1/");
  EXPECT_EQ("edge; error=connection_refused; details=\"connect_error\"", field_of(response, "Proxy-Status"))
      << response;
}

TEST(Security, TheNameInViaIsTheOperators) {
  Play play(ok("x"), [](ProxySettings& s) { s.proxy.via = "edge"; });
  EXPECT_TRUE(field_of(play.get(), "Via").starts_with("1.1 edge ("));
  EXPECT_TRUE(field_of(play.request(), "Via").starts_with("1.1 edge ("));
}

class SecurityDates : public testing::TestWithParam<std::string> {};

TEST_P(SecurityDates, PassUnchangedWhateverTheySay) {
  std::string fields;
  for (const char* name : {"Retry-After", "Date", "Last-Modified", "Expires"})
    fields += name + ": "s + GetParam() + "\r\n";
  for (const char* status : {"503 Service Unavailable", "200 OK"}) {
    Play play(answer(status, fields, "body"), [](ProxySettings& s) {
      one_attempt(s);
      s.proxy.limits.head_bytes = 1 << 20;
    });
    const std::string response = play.get();
    EXPECT_NE(std::string::npos, response.find(fields)) << response;
    EXPECT_EQ("body", body_of(response));
  }
}

INSTANTIATE_TEST_SUITE_P(Dates, SecurityDates,
                         testing::Values("0", "1", "99999999999999999999", "-1", "1e400", "1.5", "soon",
                                         "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                                         "Sun Nov  6 08:49:37 1994", "Sun, 99 Zzz 9999 99:99:99 GMT",
                                         "Sun, 06 Nov 99999999999999 08:49:37 GMT", std::string(64 << 10, '9'),
                                         "Sun, " + std::string(64 << 10, ' ') + "06 Nov 1994 08:49:37 GMT"));

}  // namespace
}  // namespace backoffd::test
