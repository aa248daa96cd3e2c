// Connections on both sides: kept, closed, pipelined, half-closed, reused; Expect; slow and absent peers.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/support/play.h"

namespace backoffd::test {
namespace {

using namespace std::string_literals;
using std::chrono::milliseconds;

const std::string kGet = "GET http://{}/ HTTP/1.1\r\nHost: {}\r\n\r\n";
const std::string kPost = "POST http://{}/ HTTP/1.1\r\nHost: {}\r\nContent-Length: 3\r\n";
const std::string kPut = "PUT http://{}/ HTTP/1.1\r\nHost: {}\r\nContent-Length: 3\r\n";

std::string get(const std::string& path) { return "GET http://{}" + path + " HTTP/1.1\r\nHost: {}\r\n\r\n"; }

// Answers each request with its own path, "/slow" only after a while.
void echo(Upstream& origin, Peer& peer) {
  for (;;) {
    const std::string request = peer.read_request();
    if (request.empty()) return;
    origin.saw(request);
    const std::string line = first_line(request);
    const std::string path = line.substr(line.find(' ') + 1, line.rfind(' ') - line.find(' ') - 1);
    if (path.starts_with("/slow")) std::this_thread::sleep_for(milliseconds(100));
    peer.send(ok(path));
  }
}

// Reads a request, notes it and ends the connection without a word.
void end(Upstream& origin, Peer& peer) { origin.saw(peer.read_request()); }
void reset(Upstream& origin, Peer& peer) {
  origin.saw(peer.read_request());
  peer.reset();
}

// --- the client's connection ---

TEST(ConformanceConnections, F01_TheClientsConnectionPersists) {
  Play play({echo});
  Peer client = play.proxy().connect();
  for (const std::string path : {"/a", "/b", "/c"}) {
    client.send(play.fill(get(path)));
    const std::string response = client.read_response();
    EXPECT_EQ(path, body_of(response));
    EXPECT_EQ("", field_of(response, "Connection"));
  }
}

TEST(ConformanceConnections, F02_PipelinedRequestsAreAnsweredInOrder) {
  Play play({echo});
  Peer client = play.client(get("/slow") + get("/b") + get("/slow/c") + get("/d"));
  for (const char* path : {"/slow", "/b", "/slow/c", "/d"}) EXPECT_EQ(path, body_of(client.read_response()));
}

struct Ending {
  const char* id;
  const char* line;
  const char* connection;  // of the answer
};
class ConformanceEnding : public testing::TestWithParam<Ending> {};

TEST_P(ConformanceEnding, EndsTheConnectionAndNothingBehindIsServed) {
  Play play({echo});
  const std::string request = "GET http://{}/a "s + GetParam().line + "\r\nHost: {}\r\n\r\n";
  Peer client = play.client(request + get("/behind"));
  const std::string response = client.read_response();
  EXPECT_EQ("/a", body_of(response));
  EXPECT_EQ("close", field_of(response, "Connection"));
  EXPECT_TRUE(client.ended());
  EXPECT_FALSE(client.was_reset());
  EXPECT_TRUE(play.request().starts_with("GET /a "));
}

constexpr Ending kEndings[] = {
    {"F03", "HTTP/1.1\r\nConnection: close", "close"},
    {"F03-list", "HTTP/1.1\r\nConnection: keep-alive, Close", "close"},
    {"F04", "HTTP/1.0", "close"},
};
INSTANTIATE_TEST_SUITE_P(F, ConformanceEnding, testing::ValuesIn(kEndings), RowName());

TEST(ConformanceConnections, F05_AnHttp10ClientMayKeepItsConnection) {
  Play play({echo});
  Peer client = play.proxy().connect();
  for (const std::string path : {"/a", "/b"}) {
    client.send(play.fill("GET http://{}" + path + " HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
    const std::string response = client.read_response();
    EXPECT_EQ(path, body_of(response));
    EXPECT_EQ("keep-alive", field_of(response, "Connection"));
  }
}

TEST(ConformanceConnections, F11_AClientThatHalfClosesStillGetsItsAnswer) {
  Play play({echo});
  Peer client = play.client(get("/slow"));
  client.end_write();
  EXPECT_EQ("/slow", body_of(client.read_response()));
  EXPECT_TRUE(client.ended());
}

TEST(ConformanceConnections, F18_F19_OctetsMayTravelAlone) {
  Play play({[](Upstream& origin, Peer& peer) {
    origin.saw(peer.read_request());
    peer.send_slowly(ok("alone"));
  }});
  Peer client = play.proxy().connect();
  client.send_slowly(play.fill(kPost + "\r\nabc"));
  EXPECT_EQ("alone", body_of(client.read_response()));
  EXPECT_EQ("abc", body_of(play.request()));
}

// --- Expect ---

TEST(ConformanceExpect, F06_TheContinueArrivesBeforeTheBodyIsSent) {
  Play play({[](Upstream& origin, Peer& peer) {
    const std::string head = peer.read_head();
    EXPECT_EQ("100-continue", field_of(head, "Expect"));
    peer.send("HTTP/1.1 100 Continue\r\n\r\n");
    origin.saw(head + peer.read_exactly(3));
    peer.send(ok("done"));
  }});
  Peer client = play.client(kPost + "Expect: 100-continue\r\n\r\n");
  EXPECT_EQ("HTTP/1.1 100 ", client.read_head().substr(0, 13));
  client.send("abc");
  EXPECT_EQ("done", body_of(client.read_response()));
  EXPECT_EQ("abc", body_of(play.request()));
}

TEST(ConformanceExpect, F07_AFinalAnswerInsteadReachesTheClient) {
  Play play({[](Upstream&, Peer& peer) {
    peer.read_head();
    peer.send(answer("417 Expectation Failed", "", "no"));
    EXPECT_EQ("", peer.read_all());
  }});
  Peer client = play.client(kPost + "Expect: 100-continue\r\n\r\n");
  const std::string response = client.read_response();
  EXPECT_TRUE(response.starts_with("HTTP/1.1 417 ")) << response;
  EXPECT_EQ("no", body_of(response));
}

TEST(ConformanceExpect, F08_AnHttp10ClientsIsIgnored) {
  Play play("HTTP/1.1 100 Continue\r\n\r\n" + ok("done"));
  const std::string response =
      play.exchange("POST http://{}/ HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc");
  EXPECT_TRUE(response.starts_with("HTTP/1.1 200 ")) << response;
  EXPECT_EQ("", field_of(play.request(), "Expect"));
  EXPECT_EQ("abc", body_of(play.request()));
}

TEST(ConformanceExpect, F09_TheBodyMayComeAtOnce) {
  Play play("HTTP/1.1 100 Continue\r\n\r\n" + ok("done"));
  EXPECT_EQ("abc", body_of(play.request_for(kPost + "Expect: 100-continue\r\n\r\nabc")));
}

TEST(ConformanceExpect, F10_AnEarlyAnswerReachesAClientThatIsStillSending) {
  Play play({[](Upstream&, Peer& peer) {
    peer.read_exactly(100000);
    peer.send(answer("413 Content Too Large", "Connection: close\r\n", "enough"));
  }});
  Peer client = play.client("PUT http://{}/ HTTP/1.1\r\nHost: {}\r\nContent-Length: 100000000\r\n\r\n");
  client.send(std::string(4 << 20, 'x'));
  const std::string response = client.read_response();
  EXPECT_EQ(413, status_of(response)) << response;
  EXPECT_EQ("enough", body_of(response));
  EXPECT_TRUE(client.ended());
}

// --- clients that leave ---

TEST(ConformanceLeaving, F12_InMidDownloadEndsTheOriginsConnection) {
  Play play({[](Upstream& origin, Peer& peer) {
    origin.saw(peer.read_request());
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n");
    while (peer.send(std::string(64 << 10, 'x'))) continue;
    origin.saw(peer.ended() ? "ended" : "still open");
  }});
  Peer client = play.client(kGet);
  client.read_exactly(1 << 20);
  client.close();
  ASSERT_TRUE(play.origin().wait_for_requests(2));
  EXPECT_EQ("ended", play.requests()[1]);
}

TEST(ConformanceLeaving, F13_BeforeTheHeadEndsTheOriginsConnection) {
  for (const bool hard : {false, true}) {
    Play play({hears("\r\n\r\n")});
    Peer client = play.client(kGet);
    ASSERT_TRUE(play.origin().wait_for_requests(1));
    if (hard) {
      client.reset();
    } else {
      client.close();
    }
    ASSERT_TRUE(play.origin().wait_for_requests(2));
    EXPECT_EQ("", play.requests()[1]);
    EXPECT_EQ(1, play.origin().connections());
  }
}

// --- the origin's connection ---

TEST(ConformanceReuse, F14_AGetOnAKeptConnectionThatDiesIsSentAgain) {
  for (const auto& dying : {end, reset}) {
    Play play({[&](Upstream& origin, Peer& peer) {
                 origin.saw(peer.read_request());
                 peer.send(ok("first"));
                 dying(origin, peer);
               },
               echo});
    EXPECT_EQ("first", body_of(play.get("/a")));
    const std::string response = play.get("/b");
    EXPECT_EQ("/b", body_of(response)) << response;
    EXPECT_EQ("1", field_of(response, "Backoffd-Attempts"));
    EXPECT_EQ(3u, play.requests().size());
  }
}

TEST(ConformanceReuse, F15_F17_APostIsNeverSentTwice) {
  for (const auto& dying : {end, reset}) {
    Play play({[&](Upstream& origin, Peer& peer) {
                 origin.saw(peer.read_request());
                 peer.send(ok("first"));
                 dying(origin, peer);
               },
               dying, echo});
    EXPECT_EQ("first", body_of(play.get("/a")));
    const std::string response = play.exchange(kPost + "\r\nabc");
    EXPECT_EQ(502, status_of(response)) << response;
    int posts = 0;
    for (const std::string& request : play.requests()) posts += request.starts_with("POST ") ? 1 : 0;
    EXPECT_EQ(1, posts);
  }
}

TEST(ConformanceReuse, F16_AConnectionClosedWhileIdleHurtsNobody) {
  for (const std::string& next : {get("/b"), kPost + "\r\nabc", kPut + "\r\nabc"}) {
    Play play({says(ok("first")), serves(ok("second"))});
    EXPECT_EQ("first", body_of(play.get("/a")));
    const std::string response = play.exchange(next);
    EXPECT_EQ("second", body_of(response)) << response;
    EXPECT_EQ(2u, play.requests().size());
  }
}

TEST(ConformanceReuse, F22_CloseFromTheOriginIsHeededAndTheClientStays) {
  Play play({[](Upstream& origin, Peer& peer) {
               origin.saw(peer.read_request());
               peer.send(ok("first", "Connection: close\r\n"));
               origin.saw(peer.read_all());
             },
             echo});
  Peer client = play.client(kGet);
  const std::string response = client.read_response();
  EXPECT_EQ("first", body_of(response));
  EXPECT_EQ("", field_of(response, "Connection"));
  client.send(play.fill(get("/b")));
  EXPECT_EQ("/b", body_of(client.read_response()));
  EXPECT_EQ(2, play.origin().connections());
}

TEST(ConformanceReuse, F24_TenGetsUseOneConnection) {
  Play play({echo});
  for (int i = 0; i < 10; ++i) EXPECT_EQ("/x", body_of(play.get("/x")));
  EXPECT_EQ(1, play.origin().connections());
}

// --- many at once ---

TEST(ConformanceMany, F20_AHundredAtOnceAllSucceed) {
  Play play({echo});
  std::vector<Peer> clients;
  clients.reserve(100);
  for (int i = 0; i < 100; ++i) clients.push_back(play.client(get("/slow/" + std::to_string(i))));
  for (int i = 0; i < 100; ++i) EXPECT_EQ("/slow/" + std::to_string(i), body_of(clients[i].read_response()));
}

TEST(ConformanceMany, F21_300HalfSentRequestsKeepNobodyOut) {
  Play play({echo});
  std::vector<Peer> clients;
  clients.reserve(300);
  for (int i = 0; i < 300; ++i) clients.push_back(play.client("GET http://{}/half HTTP/1.1\r\nHost: {}\r\nX-"));
  for (int i = 0; i < 20; ++i) EXPECT_EQ("/whole", body_of(play.get("/whole")));
  EXPECT_EQ(20u, play.requests().size());
}

TEST(ConformanceMany, F25_NobodyGetsAnothersAnswer) {
  Play play({echo}, [](ProxySettings& s) { s.proxy.workers = 2; });
  std::atomic<int> right = 0;
  std::vector<std::thread> clients;
  clients.reserve(4);
  for (int c = 0; c < 4; ++c) {
    clients.emplace_back([&, c] {
      Peer client = play.proxy().connect();
      for (int i = 0; i < 100; ++i) {
        const std::string path = "/" + std::to_string(c) + "/" + std::to_string(i);
        client.send(play.fill(get(path)));
        right += body_of(client.read_response()) == path ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : clients) thread.join();
  EXPECT_EQ(400, right);
}

TEST(ConformanceMany, F23_AnIdleClientAndHalfAHeadAreEndedInTime) {
  Play play({echo}, [](ProxySettings& s) {
    s.proxy.timeouts.client_head = milliseconds(200);
    s.proxy.timeouts.client_idle = milliseconds(200);
  });
  Peer idle = play.client(get("/a"));
  EXPECT_EQ("/a", body_of(idle.read_response()));
  EXPECT_TRUE(idle.ended());
  Peer silent = play.proxy().connect();
  EXPECT_TRUE(silent.ended());
  Peer half = play.client("GET http://{}/");
  const std::string response = half.read_response();
  EXPECT_EQ(408, status_of(response)) << response;
  EXPECT_TRUE(is_complete_response(response));
  EXPECT_TRUE(half.ended());
}

// --- the proxy's own errors ---

TEST(ConformanceOwnErrors, F26_TheClientsConnectionStaysInStep) {
  std::uint16_t port = 0;
  listen_on_free_port(port).reset();
  Play play({echo}, [](ProxySettings& s) { s.policy.retry.max_attempts = 1; });
  const std::string dead = "http://127.0.0.1:" + std::to_string(port) + "/";
  Peer client = play.client(get_request(dead) + get("/b"));
  EXPECT_EQ(502, status_of(client.read_response()));
  EXPECT_EQ("/b", body_of(client.read_response()));
  client.send(play.fill("HEAD " + dead + " HTTP/1.1\r\nHost: x\r\n\r\n" + get("/c")));  // F27
  const std::string response = client.read_response(true);
  EXPECT_EQ(502, status_of(response)) << response;
  EXPECT_NE("", field_of(response, "Content-Length"));
  EXPECT_EQ("/c", body_of(client.read_response()));
}

TEST(ConformanceOwnErrors, F27_ARefusedHeadRequestGetsNoBodyEither) {
  Play play;
  for (const char* rest :
       {"http://{}/ HTTP/1.1\r\nHost: {}\r\nContent-Length: x\r\n\r\n", "http://{}/ HTTP/1.1\r\n\r\n",
        "http://{}/ HTTP/1.1\r\nX Y: z\r\n\r\n", "http://{}/ HTTP/9.9\r\n\r\n"}) {
    Peer client = play.client("HEAD "s + rest);
    client.end_write();
    const std::string response = client.read_all();
    EXPECT_GE(status_of(response), 400) << response;
    EXPECT_EQ(head_of(response), response);
  }
}

TEST(ConformanceOwnErrors, F28_NothingOfTheRequestIsReflected) {
  RunningProxy proxy([](ProxySettings& s) { s.policy.retry.max_attempts = 1; });
  for (const std::string& request :
       {"GET http://name.invalid/<script>alert(1)</script> HTTP/1.1\r\nHost: <script>\r\n\r\n"s,
        "GET http://name.invalid/<script>alert(1)</script> HTTP/1.1\r\nHost: x\r\n\r\n"s,
        "GET http://<script>/ HTTP/1.1\r\nHost: x\r\n\r\n"s, "GET /<script> HTTP/1.1\r\nHost: x\r\n\r\n"s,
        "<script> / HTTP/1.1\r\n\r\n"s}) {
    const std::string response = proxy.exchange(request);
    EXPECT_GE(status_of(response), 400) << response;
    EXPECT_TRUE(is_complete_response(response)) << response;
    EXPECT_EQ(std::string::npos, response.find("script")) << response;
  }
}

}  // namespace
}  // namespace backoffd::test
