// POLICY 4 on the wire: what an operation makes of a failure, where the operation comes from, and where a failover
// goes.
#include <gtest/gtest.h>

#include "tests/support/turns.h"

namespace backoffd::test {
namespace {

using policy::Operation;
using policy::OperationRule;
using policy::Reason;

constexpr std::string_view kResolve = "Backoffd-Operation: resolve\r\n";

Change provider(const std::vector<std::string>& alternates, const std::vector<OperationRule>& rules = {}) {
  return all_of({contextual(), [=](ProxySettings& s) {
                   policy::ProviderConfig one;
                   one.name = "library";
                   one.hosts = {"127.0.0.1"};
                   one.alternates = alternates;
                   one.operations = rules;
                   s.policy.providers.push_back(one);
                 }});
}

std::string operation_in_log(std::string_view octets, const Change& change = contextual()) {
  Turns play({gives(ok("x"))}, change);
  Peer client = play.client(octets);
  client.read_response(octets.starts_with("HEAD"));
  const std::string log = play.log_lines();
  const std::size_t at = log.find(" operation=") + 11;
  return log.substr(at, log.find(' ', at) - at);
}

std::string get(std::string_view path, std::string_view fields = "") {
  return "GET http://{}" + std::string(path) + " HTTP/1.1\r\nHost: {}\r\n" + std::string(fields) + "\r\n";
}

TEST(Contextual, TheOperationIsInferredFromTheRequest) {
  EXPECT_EQ("validate", operation_in_log("HEAD http://{}/ HTTP/1.1\r\nHost: {}\r\n\r\n"));
  EXPECT_EQ("manifest_fetch", operation_in_log(get("/robots.txt")));
  EXPECT_EQ("download", operation_in_log(get("/a.pdf", "Accept: application/json\r\n")));
  EXPECT_EQ("download", operation_in_log(get("/v1/a", "Range: bytes=0-\r\n")));
  EXPECT_EQ("resolve", operation_in_log(get("/a", "Accept: application/json\r\n")));
  EXPECT_EQ("resolve", operation_in_log(get("/v1/a?b=.pdf")));
  EXPECT_EQ("download", operation_in_log(get("/a")));
}

TEST(Contextual, ARuleIsStrongerThanInferenceAndAHeaderStrongerThanARule) {
  const Change rules = provider({}, {{"", "GET", "/files/*", Operation::extract}, {"", "", "*", Operation::validate}});
  EXPECT_EQ("extract", operation_in_log(get("/files/a.pdf"), rules));
  EXPECT_EQ("validate", operation_in_log(get("/a.pdf"), rules));
  EXPECT_EQ("resolve", operation_in_log(get("/files/a.pdf", kResolve), rules));
}

TEST(Contextual, AnUnknownOperationIsRefused) {
  Turns play({gives(ok("x"))});
  const std::string response = play.get("/", "Backoffd-Operation: guess\r\n");
  EXPECT_EQ(400, status_of(response));
  EXPECT_EQ("bad_policy_header", field_of(response, "Backoffd-Verdict"));
  EXPECT_EQ(0, play.origin().connections());
}

TEST(Contextual, OurRequestFieldsNeverReachTheUpstream) {
  for (const Change& change : {contextual(), Change()}) {
    Turns play({gives(failure(503)), gives(ok("x"))}, change);
    play.get("/", "Backoffd-Operation: extract\r\nBackoffd-Gate: contextual-retry=on\r\nX-Own: 1\r\n");
    ASSERT_EQ(2u, play.requests().size());
    for (const std::string& seen : play.requests()) {
      EXPECT_EQ(std::string::npos, seen.find("Backoffd-")) << seen;
      EXPECT_TRUE(has_line(seen, "X-Own: 1"));
    }
  }
}

struct Case {
  const char* operation;
  int status;
  int attempts;
  Reason verdict;
};

class EachOperation : public testing::TestWithParam<Case> {};

TEST_P(EachOperation, MakesOfAFailureWhatTheTableSays) {
  const Case& one = GetParam();
  Turns play({gives(failure(one.status))}, contextual());
  const std::string response = play.get("/", "Backoffd-Operation: " + std::string(one.operation) + "\r\n");
  EXPECT_EQ(one.status, status_of(response));
  EXPECT_EQ(std::to_string(one.attempts), field_of(response, "Backoffd-Attempts"));
  EXPECT_EQ(one.attempts, static_cast<int>(play.requests().size()));
  EXPECT_EQ("", field_of(response, "Retry-After"));  // nothing was learned: none is invented
  expect_verdict(play, response, one.verdict);
}

INSTANTIATE_TEST_SUITE_P(
    Contextual, EachOperation,
    testing::Values(Case{"download", 429, 6, Reason::attempts}, Case{"download", 503, 5, Reason::attempts},
                    Case{"validate", 429, 1, Reason::defer}, Case{"validate", 503, 2, Reason::give_up},
                    Case{"resolve", 429, 1, Reason::failover}, Case{"resolve", 503, 2, Reason::failover},
                    Case{"extract", 503, 6, Reason::attempts}, Case{"manifest_fetch", 429, 1, Reason::defer},
                    Case{"manifest_fetch", 503, 2, Reason::failover}),
    [](const auto& row) { return std::string(row.param.operation) + "_" + std::to_string(row.param.status); });

TEST(Contextual, ABrokenConnectionIsTriedThriceThenDeferred) {
  Turns play({closes_after("")}, contextual());
  const std::string response = play.get("/", "Backoffd-Operation: validate\r\n");
  EXPECT_EQ(502, status_of(response));
  EXPECT_EQ("3", field_of(response, "Backoffd-Attempts"));
  expect_verdict(play, response, Reason::defer);
}

TEST(Contextual, ATimeoutIsDeferredAtOnce) {
  Turns play(
      {stalls_after("")},
      all_of({contextual(), [](ProxySettings& s) { s.proxy.timeouts.response_head = std::chrono::milliseconds(50); }}));
  const std::string response = play.get("/", "Backoffd-Operation: validate\r\n");
  EXPECT_EQ(504, status_of(response));
  expect_verdict(play, response, Reason::defer);
  EXPECT_EQ(1u, play.requests().size());
}

TEST(Contextual, ADeferredAnswerTellsTheLearnedRecoveryTime) {
  Turns play({gives(failure(429, "Retry-After: 1\r\n")), gives(ok("x")), gives(failure(429))},
             all_of({contextual(), [](ProxySettings& s) {
                       s.policy.provider_learning.mode = policy::GateMode::on;
                       s.policy.provider_learning.unit = policy::GateUnit::request;
                     }}));
  const std::string first = play.get("/", "Backoffd-Operation: validate\r\n");
  EXPECT_EQ("1", field_of(first, "Retry-After"));  // its own, untouched
  EXPECT_EQ(200, status_of(play.get("/", "Backoffd-Operation: validate\r\n")));
  const std::string third = play.get("/", "Backoffd-Operation: validate\r\n");
  EXPECT_EQ("defer", field_of(third, "Backoffd-Verdict"));
  EXPECT_GE(std::atoi(field_of(third, "Retry-After").c_str()), 1) << third;
}

// --- failover ---

// An origin and its alternate: the same port on another address.
class Alternate {
 public:
  explicit Alternate(std::vector<Turn> main, std::vector<Turn> second, const Change& change = {})
      : play(std::move(main), all_of({provider({"127.0.0.2"}), change ? change : [](ProxySettings&) {}})),
        other({[this, script = in_turn(std::move(second))](Peer& peer) { script(other, peer); }}, "127.0.0.2",
              play.origin().port()) {}

  Turns play;
  Upstream other;
};

TEST(Contextual, AFailoverIsTriedAtTheAlternateByTheProxy) {
  Alternate two({gives(failure(429))}, {gives(ok("there"))});
  const std::string response = two.play.get("/a?b=c", kResolve);
  EXPECT_EQ("there", body_of(response));
  EXPECT_EQ("2", field_of(response, "Backoffd-Attempts"));
  ASSERT_EQ(1u, two.other.seen().size());
  EXPECT_EQ("GET /a?b=c HTTP/1.1", first_line(two.other.seen()[0]));
  EXPECT_TRUE(has_line(two.other.seen()[0], "Host: " + two.other.authority()));
}

// The operator has named the alternates, and an API that asks who is there asks it at each of its hosts.
TEST(Contextual, AnAlternateGetsTheClientsCredentials) {
  Alternate two({gives(failure(429))}, {gives(ok("there"))});
  two.play.get("/", std::string(kResolve) + "Authorization: Bearer a\r\nCookie: b=c\r\n");
  ASSERT_EQ(1u, two.other.seen().size());
  EXPECT_TRUE(has_line(two.other.seen()[0], "Authorization: Bearer a"));
  EXPECT_TRUE(has_line(two.other.seen()[0], "Cookie: b=c"));
}

TEST(Contextual, AFailoverAfterBrokenConnectionsGoesToTheAlternateToo) {
  Alternate two({closes_after("")}, {gives(ok("there"))});
  EXPECT_EQ("4", field_of(two.play.get("/", kResolve), "Backoffd-Attempts"));
  EXPECT_EQ(1u, two.other.seen().size());
}

TEST(Contextual, TheAlternatesOwnFailureIsTheAnswer) {
  Alternate two({gives(failure(429, "", "first"))}, {gives(failure(503, "", "second"))});
  const std::string response = two.play.get("/", kResolve);
  EXPECT_EQ("second", body_of(response));
  EXPECT_EQ("failover", field_of(response, "Backoffd-Verdict"));
  EXPECT_EQ(2u, two.other.seen().size());
}

TEST(Contextual, TheFirstAnswerIsBetterThanNoneFromTheAlternate) {
  Alternate two({closes_slowly({"HTTP/1.1 429 Slow\r\nContent-Length: 5\r\n\r\n", "fi", "rst"})}, {closes_after("")});
  const std::string response = two.play.get("/", kResolve);
  EXPECT_EQ(429, status_of(response));
  EXPECT_EQ("first", body_of(response));
  EXPECT_EQ(3u, two.other.seen().size());
}

TEST(Contextual, APutIsNotFailedOver) {
  Alternate two({gives(failure(429))}, {gives(ok("there"))});
  const std::string response = two.play.exchange(
      "PUT http://{}/ HTTP/1.1\r\nHost: {}\r\nContent-Length: 1\r\nBackoffd-Operation: resolve\r\n\r\nx");
  EXPECT_EQ(429, status_of(response));
  EXPECT_EQ("failover", field_of(response, "Backoffd-Verdict"));
  EXPECT_EQ(0, two.other.connections());
}

TEST(Contextual, AnAlternateHasItsOwnLimits) {
  Alternate two({gives(failure(429))}, {stalls_after("")}, [](ProxySettings& s) {
    policy::ProviderConfig mirror;
    mirror.name = "mirror";
    mirror.hosts = {"127.0.0.2"};
    mirror.limit.max_concurrency = 1;
    mirror.limit.queue.max_wait = std::chrono::milliseconds(30);
    s.policy.providers.push_back(mirror);
  });
  Peer holds = two.play.client(get("/", kResolve));
  EXPECT_TRUE(two.other.wait_for_requests(1));
  const std::string response = two.play.get("/", kResolve);
  EXPECT_EQ(429, status_of(response));
  EXPECT_EQ("sorry", body_of(response));  // the origin's own answer; the alternate had no room
  EXPECT_EQ(1u, two.other.seen().size());
}

}  // namespace
}  // namespace backoffd::test
