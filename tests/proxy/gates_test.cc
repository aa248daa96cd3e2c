// POLICY 1 on the wire: off means the standard policy and nothing else, and a flip acts on the next request.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "policy/random.h"
#include "tests/support/turns.h"

namespace backoffd::test {
namespace {

using policy::GateId;
using policy::GateLayer;
using policy::GateMode;
using policy::GateSetting;
using policy::OutcomeKind;
using policy::Reason;

constexpr std::string_view kValidate = "Backoffd-Operation: validate\r\n";

GateSetting setting(GateMode mode, double percentage = 100) {
  GateSetting gate = policy::default_setting(GateId::contextual_retry);
  gate.mode = mode;
  gate.percentage = percentage;
  return gate;
}

Change gate(GateMode mode, double percentage = 100) {
  return [=](ProxySettings& s) { s.policy.contextual_retry = setting(mode, percentage); };
}

Change override_allowed(bool allowed) {
  return [=](ProxySettings& s) { s.policy.allow_request_override = allowed; };
}

void flip(Play& play, GateMode mode) {
  play.proxy().engine().set_gate(GateId::contextual_retry, GateLayer::admin, setting(mode));
  play.proxy().server().pacer().settle();
}

// --- off is the standard policy ---

struct Exchanged {
  int attempts = 0;
  int status = 0;
  Reason verdict = Reason::none;
  bool operator==(const Exchanged&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Exchanged& e) {
  return out << e.attempts << " attempts, " << e.status << ", " << name(e.verdict);
}

// What the origin does of one attempt: a status, or (0) it closes the connection.
using Conduct = std::vector<int>;

// The decisions of the standard policy alone, without a proxy.
Exchanged standard(bool idempotent, const Conduct& conduct, const policy::RetryConfig& config) {
  policy::Random random(1);
  policy::Progress progress;
  progress.idempotent = idempotent;
  progress.request_sent = true;
  Exchanged result;
  int last_answer = 0;
  for (;;) {
    const int status = conduct[static_cast<std::size_t>(progress.attempts++) % conduct.size()];
    policy::Outcome outcome;
    outcome.kind = status == 0 ? OutcomeKind::reset : OutcomeKind::response;
    outcome.status = status;
    if (status != 0) last_answer = status;
    const policy::Verdict verdict = judge(policy::RetryPolicy::standard, config, policy::Operation::download, progress,
                                          outcome, true, progress.first_attempt, random);
    if (verdict.action == policy::Action::retry) continue;
    return {progress.attempts, last_answer != 0 ? last_answer : 502, verdict.reason};
  }
}

Reason reason_of(const std::string& response) {
  const std::string text = field_of(response, "Backoffd-Verdict");
  const auto found = std::find(policy::kReasonNames.begin(), policy::kReasonNames.end(), text);
  return text.empty() ? Reason::none : static_cast<Reason>(found - policy::kReasonNames.begin());
}

// Random exchanges of every method and operation against random origins.
void expect_standard(const Change& change) {
  policy::Random random(20240601);
  const auto any = [&](const auto& list) { return list[static_cast<std::size_t>(random.uniform(0, list.size()))]; };
  const std::array<int, 8> statuses = {200, 404, 429, 500, 503, 504, 0, 0};
  const std::array<std::string, 3> methods = {"GET", "PUT", "POST"};
  const std::array<std::string, 4> paths = {"/", "/v1/a", "/robots.txt", "/a.pdf"};
  std::vector<Turn> turns;
  std::vector<std::pair<std::string, Exchanged>> plays;
  policy::RetryConfig config;
  config.max_attempts = 4;
  for (int i = 0; i < 120; ++i) {
    Conduct conduct;
    for (int n = 0; n < config.max_attempts; ++n) conduct.push_back(any(statuses));
    const std::string method = any(methods);
    const Exchanged expected = standard(method != "POST", conduct, config);
    for (int n = 0; n < expected.attempts; ++n) {
      const int status = conduct[static_cast<std::size_t>(n)];
      turns.push_back(closes_after(status == 0 ? "" : failure(status)));
    }
    std::string octets = method + " http://{}" + any(paths) + " HTTP/1.1\r\nHost: {}\r\n";
    if (random.uniform(0, 2) < 1) octets += kValidate;
    plays.emplace_back(octets + (method == "GET" ? "\r\n" : "Content-Length: 1\r\n\r\nx"), expected);
  }
  Turns play(turns, all_of({change, attempts(config.max_attempts),
                            [](ProxySettings& s) { s.policy.retry.budget.min_per_second = 100000; }}));
  for (const auto& [octets, expected] : plays) {
    const std::string response = play.exchange(octets);
    const Exchanged got{std::atoi(field_of(response, "Backoffd-Attempts").c_str()), status_of(response),
                        reason_of(response)};
    ASSERT_EQ(expected, got) << octets << response;
  }
  EXPECT_EQ(turns.size(), play.requests().size());
}

TEST(Gates, OffIsTheStandardPolicyRequestByRequest) {
  expect_standard([](ProxySettings&) {});
}
TEST(Gates, ShadowIsTheStandardPolicyRequestByRequest) { expect_standard(gate(GateMode::shadow)); }
TEST(Gates, ShadowReportsWhatItWouldHaveDecided) {
  Turns play({gives(failure(429)), gives(ok("x"))}, gate(GateMode::shadow));
  EXPECT_EQ(200, status_of(play.get("/", kValidate)));
  EXPECT_NE(std::string::npos, play.log_lines().find(" shadow=defer "));
  const auto deferred = static_cast<std::size_t>(policy::Reason::defer);
  EXPECT_EQ(1u, play.proxy().counted([&](const proxy::Counters& c) { return c.shadow_verdicts[deferred].get(); }));
}
TEST(Gates, ShadowReportsWhatItWouldHaveResumed) {
  Turns play({closes_after("HTTP/1.1 200 OK\r\nETag: \"one\"\r\nContent-Length: 10\r\n\r\nabc")},
             gate(GateMode::shadow));
  Peer client = play.client("GET http://{}/a.pdf HTTP/1.1\r\nHost: {}\r\n\r\n");
  EXPECT_FALSE(is_complete_response(client.read_all()));
  EXPECT_EQ(1u, play.requests().size());
  EXPECT_NE(std::string::npos, play.log_lines().find(" verdict=broken_body shadow=resume ")) << play.log_lines();
  const auto resumed = static_cast<std::size_t>(policy::Reason::resume);
  EXPECT_EQ(1u, play.proxy().counted([&](const proxy::Counters& c) { return c.shadow_verdicts[resumed].get(); }));
}
TEST(Gates, NoPercentIsTheStandardPolicyRequestByRequest) { expect_standard(gate(GateMode::on, 0)); }
TEST(Gates, AHeaderThatIsNotAllowedChangesNothing) {
  Turns play({gives(failure(429)), gives(ok("x"))}, override_allowed(false));
  EXPECT_EQ(200, status_of(play.get("/", std::string(kValidate) + "Backoffd-Gate: contextual-retry=on\r\n")));
  EXPECT_EQ(2u, play.requests().size());
}

// --- who may choose ---

TEST(Gates, AHeaderChoosesForItsOwnRequestWhereThatIsAllowed) {
  Turns play({gives(failure(429))}, all_of({override_allowed(true), attempts(2)}));
  const std::string chosen = play.get("/", std::string(kValidate) + "Backoffd-Gate: contextual-retry=on\r\n");
  EXPECT_EQ("defer", field_of(chosen, "Backoffd-Verdict"));
  EXPECT_EQ("attempts", field_of(play.get("/", kValidate), "Backoffd-Verdict"));
}

TEST(Gates, AHeaderNobodyUnderstandsIsRefusedWhereItIsAllowed) {
  Turns play({gives(ok("x"))}, override_allowed(true));
  EXPECT_EQ(400, status_of(play.get("/", "Backoffd-Gate: contextual-retry=perhaps\r\n")));
}

TEST(Gates, TheLogTellsTheArm) {
  Turns play({gives(ok("x"))}, all_of({gate(GateMode::shadow), override_allowed(true)}));
  play.get();
  play.get("/", "Backoffd-Gate: contextual-retry=on\r\n");
  flip(play, GateMode::on);
  play.get();
  flip(play, GateMode::off);
  play.get();
  const std::string log = play.log_lines(4);
  for (const char* arm : {"shadow", "override", "treatment"}) {
    EXPECT_EQ(1, count_of(log, " contextual-retry=" + std::string(arm) + " ")) << log;
  }
}

// --- flips ---

TEST(Gates, AFlipActsOnTheNextRequest) {
  Turns play({gives(failure(429))}, attempts(2));
  for (int i = 0; i < 3; ++i) {
    flip(play, GateMode::on);
    EXPECT_EQ("defer", field_of(play.get("/", kValidate), "Backoffd-Verdict"));
    flip(play, GateMode::off);
    EXPECT_EQ("attempts", field_of(play.get("/", kValidate), "Backoffd-Verdict"));
  }
}

TEST(Gates, ARequestUnderWayEndsUnderTheArmItBeganOn) {
  std::atomic<bool> flipped{false};
  Turns play({[&](Peer& peer) {
                EXPECT_TRUE(eventually([&] { return flipped.load(); }));
                return peer.send(failure(429));
              },
              gives(ok("x"))});
  Peer client = play.client("GET http://{}/ HTTP/1.1\r\nHost: {}\r\n" + std::string(kValidate) + "\r\n");
  EXPECT_TRUE(play.origin().wait_for_requests(1));
  flip(play, GateMode::on);
  flipped = true;
  EXPECT_EQ("2", field_of(client.read_response(), "Backoffd-Attempts"));
}

TEST(Gates, FlipsUnderLoadLoseNoRequest) {
  Turns play({gives(ok("x"))}, [](ProxySettings& s) { s.proxy.workers = 2; });
  std::atomic<bool> stop{false};
  std::atomic<int> answered{0}, asked{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      Peer peer = play.proxy().connect();
      while (!stop) {
        ++asked;
        peer.send(play.fill("GET http://{}/ HTTP/1.1\r\nHost: {}\r\n\r\n"));
        answered += status_of(peer.read_response()) == 200 ? 1 : 0;
      }
    });
  }
  for (int i = 0; i < 300 || answered < 100; ++i) {
    flip(play, i % 3 == 0 ? GateMode::on : i % 3 == 1 ? GateMode::shadow : GateMode::off);
    std::this_thread::yield();
  }
  stop = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(asked, answered);
}

}  // namespace
}  // namespace backoffd::test
