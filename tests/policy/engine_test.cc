#include "policy/engine.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace backoffd::policy {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

Rate rate(const char* text) { return Rate::parse(text).value(); }

ProviderConfig provider(const char* name, const char* host, std::vector<Rate> limits = {}) {
  ProviderConfig one;
  one.name = name;
  one.hosts = {host};
  one.limit.limits = std::move(limits);
  return one;
}

GateSetting gate_on(GateMode mode = GateMode::on) {
  GateSetting setting;
  setting.mode = mode;
  setting.unit = GateUnit::key;
  return setting;
}

// "api.crossref.org" -> "crossref".
std::string label(std::string_view host) {
  const auto last = host.rfind('.');
  const auto first = host.rfind('.', last - 1);
  return std::string(host.substr(first == std::string_view::npos ? 0 : first + 1, last - first - 1));
}

// One engine in virtual time, and the exchanges of its clients.
struct EngineTest : testing::Test {
  explicit EngineTest(Config config = {}) { start(std::move(config)); }
  void start(Config config) { engine = std::make_unique<Engine>(std::move(config), label); }

  RequestFacts get(std::string_view host, std::string_view path = "/works/1", std::string_view client = "10.0.0.1") {
    RequestFacts facts;
    facts.method = "GET";
    facts.host = host;
    facts.path = path;
    facts.client = client;
    return facts;
  }
  Plan plan(const RequestFacts& facts) { return engine->plan(facts, ++number, now).value(); }
  Admission first(Plan& one, std::uint64_t ticket = 0) {
    return engine->admit(one, {0, ticket}, Engine::Turn::first, now, kNever);
  }
  Conclusion answer(Plan& one, int status, const Hint& hint = {}) {
    Progress progress;
    progress.attempts = 1;
    progress.first_attempt = now;
    progress.idempotent = true;
    Outcome outcome;
    outcome.status = status;
    outcome.hint = hint;
    return engine->conclude(one, progress, outcome, now, random);
  }
  Grants release(Plan& one) {
    Grants grants;
    engine->release(one, now, grants);
    return grants;
  }
  Grants advance() {
    Grants grants;
    engine->advance(now, grants);
    return grants;
  }
  KeyStatus status() { return engine->status(now).at(0); }

  std::unique_ptr<Engine> engine;
  MonoTime now{seconds(1000)};
  std::uint64_t number = 0;
  Random random{1};
};

TEST_F(EngineTest, AnExchangeHoldsASlotUntilItIsReleased) {
  Plan one = plan(get("api.crossref.org"));
  EXPECT_EQ(one.key(), "crossref@api.crossref.org");
  EXPECT_EQ(one.provider(), "crossref");
  EXPECT_EQ(first(one).kind, Admission::Kind::granted);
  EXPECT_EQ(status().in_flight, 1);
  EXPECT_EQ(answer(one, 200).verdict.action, Action::relay);
  EXPECT_EQ(status().in_flight, 1);
  release(one);
  release(one);
  EXPECT_EQ(status().in_flight, 0);
  EXPECT_EQ(status().requests, 1u);
}

TEST_F(EngineTest, ARequestOverTheLimitIsQueuedAndGrantedWhenTheWindowOpens) {
  Config config;
  config.providers = {provider("crossref", "api.crossref.org", {rate("2/SECOND")})};
  start(config);
  std::vector<Plan> plans;
  for (std::uint64_t i = 0; i < 4; ++i) {
    plans.push_back(plan(get("api.crossref.org")));
    EXPECT_EQ(first(plans.back(), i).kind, i < 2 ? Admission::Kind::granted : Admission::Kind::queued);
  }
  EXPECT_EQ(engine->next_due(), now + seconds(1));
  now += milliseconds(999);
  EXPECT_TRUE(advance().empty());
  now += milliseconds(1);
  const Grants grants = advance();
  ASSERT_EQ(grants.size(), 2u);
  EXPECT_EQ(grants[0].ticket.number, 2u);
  EXPECT_EQ(grants[1].ticket.number, 3u);
  for (std::size_t i = 0; i < 2; ++i) engine->accept(plans[2 + i], grants[i]);
  EXPECT_EQ(status().in_flight, 4);
  EXPECT_EQ(status().requests, 4u);
  EXPECT_EQ(engine->next_due(), kNever);
}

TEST_F(EngineTest, AFreedSlotGoesToTheNextInLineAtOnce) {
  Config config;
  config.default_limits.max_concurrency = 1;
  start(config);
  Plan a = plan(get("a.org")), b = plan(get("a.org"));
  EXPECT_EQ(first(a, 1).kind, Admission::Kind::granted);
  EXPECT_EQ(first(b, 2).kind, Admission::Kind::queued);
  EXPECT_EQ(engine->next_due(), now + seconds(30));  // only its patience can run out
  const Grants grants = release(a);
  ASSERT_EQ(grants.size(), 1u);
  EXPECT_EQ(grants[0].ticket.number, 2u);
  engine->accept(b, grants[0]);
  EXPECT_EQ(status().in_flight, 1);
  release(b);
  EXPECT_EQ(status().in_flight, 0);
}

TEST_F(EngineTest, APlanThatIsDestroyedGivesItsSlotToWhoeverAsksNext) {
  Config config;
  config.default_limits.max_concurrency = 1;
  start(config);
  Plan b = plan(get("a.org"));
  {
    Plan a = plan(get("a.org"));
    first(a);
    EXPECT_EQ(first(b, 7).kind, Admission::Kind::queued);
  }
  EXPECT_LE(engine->next_due(), now);
  const Grants grants = advance();
  ASSERT_EQ(grants.size(), 1u);
  EXPECT_EQ(grants[0].ticket.number, 7u);
}

TEST_F(EngineTest, OneThatLeavesAfterItsGrantAndBeforeItHearsOfItLosesNoSlot) {
  Config config;
  config.default_limits.max_concurrency = 1;
  start(config);
  Plan a = plan(get("a.org")), c = plan(get("a.org"));
  first(a, 1);
  {
    Plan b = plan(get("a.org"));
    first(b, 2);
    first(c, 3);
    ASSERT_EQ(release(a).size(), 1u);  // granted to b, which is gone before it can accept
  }
  const Grants grants = advance();
  ASSERT_EQ(grants.size(), 1u);
  EXPECT_EQ(grants[0].ticket.number, 3u);
}

TEST_F(EngineTest, WaitsEndWithATrueRetryAfter) {
  Config config;
  config.default_limits.limits = {rate("1/MINUTE")};
  config.default_limits.queue.max_queue = 2;
  config.default_limits.queue.max_wait_of[Operation::validate] = seconds(5);
  start(config);
  Plan a = plan(get("a.org")), b = plan(get("a.org")), c = plan(get("a.org")), d = plan(get("a.org"));
  c.operation = Operation::validate;
  first(a, 1);
  first(b, 2);
  first(c, 3);
  const Admission full = first(d, 4);
  EXPECT_EQ(full.kind, Admission::Kind::refused);
  EXPECT_EQ(full.reason, Reason::queue_full);
  EXPECT_GE(full.retry_after, seconds(60));
  EXPECT_EQ(engine->next_due(), now + seconds(5));
  now += seconds(5);
  Grants grants = advance();
  ASSERT_EQ(grants.size(), 1u);
  EXPECT_EQ(grants[0].ticket.number, 3u);
  EXPECT_EQ(grants[0].admission.reason, Reason::queue_timeout);
  EXPECT_GE(grants[0].admission.retry_after, seconds(55));
  engine->accept(c, grants[0]);
  EXPECT_EQ(status().queue_timeouts, 1u);
  EXPECT_EQ(status().queue_fulls, 1u);
  now += seconds(25);
  grants = advance();
  ASSERT_EQ(grants.size(), 1u);
  EXPECT_EQ(grants[0].ticket.number, 2u);
}

TEST_F(EngineTest, ARetryThatCannotStartBeforeItsDeadlineIsRefusedAtOnce) {
  Config config;
  config.default_limits.limits = {rate("1/MINUTE")};
  start(config);
  Plan a = plan(get("a.org")), b = plan(get("a.org"));
  first(a);
  EXPECT_EQ(engine->admit(b, {}, Engine::Turn::retry, now, now + seconds(59)).reason, Reason::deadline);
  EXPECT_EQ(engine->admit(b, {}, Engine::Turn::retry, now, now + seconds(61)).kind, Admission::Kind::queued);
}

TEST_F(EngineTest, RefusalPausesTheKeyOnlyWhereTheGateIsOn) {
  Hint hint;
  hint.retry_after = seconds(10);
  for (const GateMode mode : {GateMode::off, GateMode::shadow, GateMode::on}) {
    start({});
    engine->set_gate(GateId::provider_learning, GateLayer::admin, gate_on(mode));
    Plan a = plan(get("a.org")), b = plan(get("a.org"));
    first(a, 1);
    answer(a, 429, hint);
    release(a);
    EXPECT_EQ(first(b, 2).kind, mode == GateMode::on ? Admission::Kind::queued : Admission::Kind::granted);
    EXPECT_EQ(status().learner.consecutive_429s, mode == GateMode::off ? 0 : 1);
    EXPECT_EQ(status().learner.state, mode == GateMode::off ? LearnerState::unknown : LearnerState::paused);
    EXPECT_EQ(engine->snapshot(now).size(), mode == GateMode::off ? 0u : 1u);
    EXPECT_EQ(status().throttle_answers, 1u);
  }
}

}  // namespace
}  // namespace backoffd::policy
