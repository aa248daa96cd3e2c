#include "policy/engine.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "policy/budget.h"
#include "policy/window.h"

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

TEST_F(EngineTest, AnswersWithHintsAreCountedByKey) {
  Plan one = plan(get("api.crossref.org"));
  first(one);
  Hint hint;
  answer(one, 200, hint);
  hint.remaining = 7;
  answer(one, 200, hint);
  release(one);
  EXPECT_EQ(status().hints, 1U);
}

TEST_F(EngineTest, HintsThatWereIgnoredAreCountedByKey) {
  Plan one = plan(get("api.crossref.org"));
  first(one);
  Hint hint;
  hint.ignored = 2;
  answer(one, 200, hint);
  answer(one, 429, hint);
  release(one);
  EXPECT_EQ(status().hints_ignored, 4U);
}

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
  const Duration window = seconds(1) + Window::margin(seconds(1));
  EXPECT_EQ(engine->next_due(), now + window);
  now += window - milliseconds(1);
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
    const auto computed = mode == GateMode::shadow ? status().shadow.value() : status().learner;
    EXPECT_EQ(computed.state, mode == GateMode::off ? LearnerState::unknown : LearnerState::paused);
    EXPECT_EQ(engine->snapshot(now).size(), mode == GateMode::off ? 0u : 1u);
    EXPECT_EQ(status().throttle_answers, 1u);
  }
}

// --- whose limits, whose operation -----------------------------------------------------------------------------------

TEST_F(EngineTest, OfManyKeysThoseThatMatterMostAreShown) {
  Config config;
  config.default_limits.max_concurrency = 1;
  config.provider_learning = gate_on();
  start(std::move(config));
  const auto host = [](int i) { return "h" + std::to_string(i) + ".example"; };
  for (int i = 0; i < 100; ++i) {
    for (int request = 0; request <= i; ++request) {
      Plan one = plan(get(host(i)));
      first(one);
      Hint hint;
      if (i == 3) hint.retry_after = seconds(60);
      answer(one, i == 3 ? 429 : 200, hint);
      release(one);
      if (i == 3) break;  // held back, with one request
    }
  }
  Plan busy = plan(get(host(5)));
  first(busy);
  EXPECT_EQ(engine->key_count(), 100U);
  EXPECT_EQ(engine->status(now).size(), 100U);
  std::vector<std::string> shown;
  for (const KeyStatus& key : engine->status(now, 4)) shown.push_back(key.key.substr(key.key.find('@') + 1));
  EXPECT_EQ(shown, (std::vector<std::string>{host(3), host(5), host(98), host(99)}));
  EXPECT_EQ(engine->status(now, 1).at(0).learner.state, LearnerState::paused);
  shown.clear();
  for (const KeyStatus& key : engine->status(now, 2, Engine::Foremost::busiest)) shown.push_back(key.key);
  EXPECT_EQ(shown.size(), 2U);
  EXPECT_TRUE(shown.at(0).ends_with(host(98)) && shown.at(1).ends_with(host(99)));
}

TEST_F(EngineTest, TheProviderComesFromTheConfigTheHeaderOrTheHost) {
  Config config;
  config.providers = {provider("zenodo", "*.zenodo.org"), provider("other", "unused.org")};
  start(config);
  EXPECT_EQ(plan(get("data.zenodo.org")).key(), "zenodo@data.zenodo.org");
  EXPECT_EQ(plan(get("api.openalex.org")).key(), "openalex@api.openalex.org");
  // A name that the config knows and a host that it does not: one key, however it is reached.
  EXPECT_EQ(plan(get("www.other.org")).key(), "other@www.other.org");
  RequestFacts both = get("www.other.org");
  both.provider = "other";
  EXPECT_EQ(plan(both).key(), "other@www.other.org");
  EXPECT_EQ(engine->status(now).size(), 3u);
  RequestFacts named = get("data.zenodo.org");
  named.provider = "other";
  EXPECT_EQ(plan(named).key(), "other@data.zenodo.org");
  EXPECT_EQ(plan(get("data.zenodo.org")).key(), "zenodo@data.zenodo.org");
  named.provider = "unheard-of";
  EXPECT_EQ(engine->plan(named, 1, now).error().where, "Backoffd-Provider");
  config.allow_request_override = true;
  start(config);
  EXPECT_EQ(plan(named).key(), "unheard-of@data.zenodo.org");
  named.provider = "two words";
  EXPECT_EQ(engine->plan(named, 1, now).error().where, "Backoffd-Provider");
}

TEST_F(EngineTest, TheOperationComesFromTheHeaderARuleOrTheLookOfTheRequest) {
  Config config;
  config.providers = {provider("zenodo", "zenodo.org")};
  config.providers[0].operations = {{.host = {}, .method = "GET", .path = "/text/*", .operation = Operation::extract}};
  start(config);
  EXPECT_EQ(plan(get("zenodo.org", "/text/1")).operation, Operation::extract);
  EXPECT_EQ(plan(get("zenodo.org", "/a/manifest.json")).operation, Operation::manifest_fetch);
  RequestFacts facts = get("zenodo.org", "/text/1");
  facts.operation = "validate";
  EXPECT_EQ(plan(facts).operation, Operation::validate);
  facts.operation = "guess";
  EXPECT_EQ(engine->plan(facts, 1, now).error().where, "Backoffd-Operation");
}

TEST_F(EngineTest, HeadIsNotCountedUnlessTheConfigSaysSo) {
  for (const bool count : {false, true}) {
    Config config;
    config.default_limits.limits = {rate("1/MINUTE")};
    config.default_limits.count_head = count;
    start(config);
    RequestFacts head = get("a.org");
    head.method = "HEAD";
    Plan a = plan(head), b = plan(head);
    first(a);
    EXPECT_EQ(first(b).kind, count ? Admission::Kind::queued : Admission::Kind::granted);
  }
}

TEST_F(EngineTest, AFailoverGoesThroughTheAlternatesOneByOneUnderTheirOwnLimits) {
  Config config;
  config.providers = {provider("main", "a.org"), provider("mirror", "b.org", {rate("1/MINUTE")})};
  config.providers[0].alternates = {"b.org", "c.org"};
  start(config);
  Plan one = plan(get("a.org"));
  EXPECT_EQ(one.next_alternate(), "b.org");
  Plan two = engine->plan_alternate(one, now);
  EXPECT_EQ(two.key(), "mirror@b.org");
  EXPECT_EQ(first(two).kind, Admission::Kind::granted);
  Plan waits = plan(get("b.org"));
  EXPECT_EQ(first(waits).kind, Admission::Kind::queued);
  EXPECT_EQ(two.next_alternate(), "c.org");
  EXPECT_TRUE(engine->plan_alternate(two, now).next_alternate().empty());
  RequestFacts post = get("a.org");
  post.method = "PUT";
  EXPECT_TRUE(plan(post).next_alternate().empty());
}

TEST_F(EngineTest, AnAlternateUsesTheRoleOfItsOwnProvider) {
  Config config;
  config.providers = {provider("main", "a.org"), provider("mirror", "b.org")};
  config.providers[0].alternates = {"b.org"};
  config.providers[1].limit.roles = {
      {.name = "slow", .operations = {Operation::resolve}, .limits = {rate("1/MINUTE")}}};
  start(config);
  Plan one = plan(get("a.org", "/api/x"));
  ASSERT_EQ(one.operation, Operation::resolve);
  Plan a = engine->plan_alternate(one, now), b = engine->plan_alternate(one, now);
  EXPECT_EQ(first(a).kind, Admission::Kind::granted);
  EXPECT_EQ(first(b).kind, Admission::Kind::queued);
}

TEST_F(EngineTest, APlanMayBeMovedInEveryState) {
  Config config;
  config.default_limits.max_concurrency = 1;
  start(config);
  Plan a = plan(get("a.org"));
  first(a, 1);
  Plan b = std::move(a);
  Plan waiting = plan(get("a.org"));
  first(waiting, 2);
  Plan c = std::move(waiting);
  waiting = plan(get("a.org"));  // a used name for a new plan
  const Grants grants = release(b);
  ASSERT_EQ(grants.size(), 1u);
  engine->accept(c, grants[0]);
  EXPECT_EQ(status().in_flight, 1);
  c = Plan();
  EXPECT_EQ(status().in_flight, 0);
}

// --- gates -----------------------------------------------------------------------------------------------------------

TEST_F(EngineTest, AFlipActsOnTheNextPlanAndOnNoEarlierOne) {
  Plan before = plan(get("a.org"));
  engine->set_gate(GateId::contextual_retry, GateLayer::admin, gate_on());
  Plan after = plan(get("a.org"));
  EXPECT_EQ(before.retry_policy, RetryPolicy::standard);
  EXPECT_EQ(after.retry_policy, RetryPolicy::contextual);
  engine->clear_gate(GateId::contextual_retry, GateLayer::admin);
  EXPECT_EQ(after.retry_policy, RetryPolicy::contextual);
  EXPECT_EQ(plan(get("a.org")).retry_policy, RetryPolicy::standard);
  EXPECT_EQ(engine->gates().at(0).gate.effective_layer(), GateLayer::builtin);
}

TEST_F(EngineTest, ARequestChoosesForItselfOnlyWhereThatIsAllowed) {
  RequestFacts facts = get("a.org");
  facts.gates = "contextual-retry=on, provider-learning=shadow";
  EXPECT_EQ(plan(facts).retry_policy, RetryPolicy::standard);
  Config config;
  config.allow_request_override = true;
  start(config);
  Plan one = plan(facts);
  EXPECT_EQ(one.retry_policy, RetryPolicy::contextual);
  EXPECT_TRUE(one.contextual_retry.overridden);
  EXPECT_TRUE(one.provider_learning.shadow);
  EXPECT_EQ(plan(get("a.org")).retry_policy, RetryPolicy::standard);
  for (const char* bad : {"contextual-retry", "contextual-retry=maybe", "unknown=on", "=on"}) {
    facts.gates = bad;
    EXPECT_EQ(engine->plan(facts, 1, now).error().where, "Backoffd-Gate") << bad;
  }
}

TEST_F(EngineTest, ShadowReportsTheOtherVerdictAndActsAsOff) {
  engine->set_gate(GateId::contextual_retry, GateLayer::admin, gate_on(GateMode::shadow));
  RequestFacts facts = get("a.org");
  facts.operation = "validate";
  Plan one = plan(facts);
  EXPECT_EQ(one.retry_policy, RetryPolicy::standard);
  first(one);
  const Conclusion conclusion = answer(one, 429);
  EXPECT_EQ(conclusion.verdict.reason, Reason::retry);
  ASSERT_TRUE(conclusion.shadow);
  EXPECT_EQ(conclusion.shadow->reason, Reason::defer);
}

// With both gates off the engine adds nothing to the standard policy: the same verdicts, to the nanosecond of a wait.
TEST_F(EngineTest, GatesOffIsTheStandardPolicyRequestByRequest) {
  for (const bool shadow : {false, true}) {
    start({});
    if (shadow) {
      engine->set_gate(GateId::contextual_retry, GateLayer::admin, gate_on(GateMode::shadow));
      engine->set_gate(GateId::provider_learning, GateLayer::admin, gate_on(GateMode::shadow));
    }
    const Config config;
    Random dice(3), here(9), there(9);
    RetryBudget budget(config.retry.budget);
    const std::array<int, 10> statuses = {200, 200, 200, 404, 429, 429, 500, 502, 503, 304};
    for (int i = 0; i < 5000; ++i) {
      now += milliseconds(dice.next() % 40);
      Plan one = plan(get("a.org", "/works/1", i % 2 == 0 ? "10.0.0.1" : "10.0.0.2"));
      ASSERT_EQ(first(one).kind, Admission::Kind::granted) << i;  // nothing is configured and nothing is learned
      budget.count_request(now);
      Progress progress;
      progress.attempts = 1 + static_cast<int>(dice.next() % 6);
      progress.first_attempt = now - seconds(dice.next() % 50);
      progress.idempotent = dice.next() % 4 != 0;
      progress.request_sent = dice.next() % 2 == 0;
      progress.replayable = dice.next() % 8 != 0;
      progress.client_gone = dice.next() % 16 == 0;
      Outcome outcome;
      outcome.kind = static_cast<OutcomeKind>(dice.next() % kOutcomeNames.size());
      if (dice.next() % 2 == 0) outcome.kind = OutcomeKind::response;
      if (outcome.kind == OutcomeKind::response) outcome.status = statuses[dice.next() % statuses.size()];
      if (outcome.status == 429 && dice.next() % 2 == 0) outcome.hint.retry_after = seconds(1 + dice.next() % 100);
      const Verdict expected =
          judge(RetryPolicy::standard, config.retry, one.operation, progress, outcome, budget.allows(now), now, there);
      if (expected.action == Action::retry) budget.spend(now);
      const Conclusion got = engine->conclude(one, progress, outcome, now, here);
      ASSERT_EQ(got.verdict.action, expected.action) << i;
      ASSERT_EQ(got.verdict.reason, expected.reason) << i;
      ASSERT_EQ(got.verdict.wait, expected.wait) << i;
      ASSERT_FALSE(got.retry_after);
      ASSERT_EQ(got.shadow.has_value(), shadow);
      ASSERT_TRUE(release(one).empty());
    }
    EXPECT_EQ(engine->snapshot(now).empty(), !shadow);
  }
}

TEST_F(EngineTest, SlicesSwitchTheWholeKeyAndKeepWhatWasLearnedThroughThoseThatAreOff) {
  GateSetting setting = gate_on();
  setting.unit = GateUnit::slice;
  setting.percentage = 50;
  engine->set_gate(GateId::provider_learning, GateLayer::admin, setting);
  int on = 0, washout = 0;
  std::optional<bool> paused_in_off;
  for (int slice = 0; slice < 200; ++slice) {
    now = MonoTime(minutes(10 * (1000 + slice)));
    Plan begin = plan(get("a.org")), one = plan(get("a.org", "/works/1", "10.9.9.9"));
    ASSERT_EQ(begin.provider_learning.treated, one.provider_learning.treated);
    washout += begin.assignment(GateId::provider_learning).washout ? 1 : 0;
    now += minutes(2);
    ASSERT_FALSE(plan(get("a.org")).assignment(GateId::provider_learning).washout);
    on += one.provider_learning.treated ? 1 : 0;
    if (one.provider_learning.treated && engine->snapshot(now).empty()) {
      Hint hint;
      hint.retry_after = seconds(200);
      first(one);
      answer(one, 429, hint);
      release(one);
    } else if (!one.provider_learning.treated && !engine->snapshot(now).empty()) {
      first(one);
      answer(one, 429);
      release(one);
      EXPECT_EQ(status().learner.consecutive_429s, 1);  // an off slice teaches nothing, and forgets nothing
      paused_in_off = true;
    }
  }
  EXPECT_NEAR(on, 100, 30);
  EXPECT_EQ(washout, 200);
  EXPECT_TRUE(paused_in_off);
}

// --- learning --------------------------------------------------------------------------------------------------------

struct LearningTest : EngineTest {
  LearningTest() {
    Config config;
    config.providers = {provider("openalex", "api.openalex.org", {rate("10/SECOND")})};
    with(config);
  }
  void with(const Config& config) {
    start(config);
    engine->set_gate(GateId::provider_learning, GateLayer::admin, gate_on());
  }
  // One sequential exchange that is answered so.
  void exchange(int code, const Hint& hint = {}, std::string_view path = "/works/1") {
    Plan one = plan(get("api.openalex.org", path));
    Admission admission = first(one);
    while (admission.kind == Admission::Kind::queued) {
      now = std::max(now, engine->next_due());
      for (const Grant& grant : advance()) {
        engine->accept(one, grant);
        admission = grant.admission;
      }
    }
    now += milliseconds(50);
    answer(one, code, hint);
    release(one);
  }
};

TEST_F(LearningTest, AnOutsideReaderSeesTheLadder) {
  const double expected[] = {0, 0, 10, 20, 40, 60, 80, 80};
  for (const double reduction : expected) {
    exchange(429);
    EXPECT_DOUBLE_EQ(status().learner.reduction_pct, reduction);
  }
  EXPECT_EQ(status().learner.consecutive_429s, 8);
  EXPECT_EQ(status().configured_limit, 10);
  const auto version = engine->learned_version();
  exchange(200);
  EXPECT_EQ(status().learner.consecutive_429s, 0);
  EXPECT_LT(status().effective_limit, 10);
  EXPECT_GT(engine->learned_version(), version);
}

TEST_F(LearningTest, ADeferCarriesTheLearnedEstimateAndIsSilentWithoutOne) {
  engine->set_gate(GateId::contextual_retry, GateLayer::admin, gate_on());
  RequestFacts facts = get("api.openalex.org");
  facts.operation = "validate";
  Plan one = plan(facts);
  first(one);
  Conclusion conclusion = answer(one, 429);
  EXPECT_EQ(conclusion.verdict.reason, Reason::defer);
  EXPECT_FALSE(conclusion.retry_after);
  release(one);
  now += seconds(1);
  Hint hint;
  hint.retry_after = seconds(7);
  exchange(429, hint);
  now += seconds(8);
  exchange(200);
  Plan two = plan(facts);
  first(two);
  conclusion = answer(two, 429);
  ASSERT_TRUE(conclusion.retry_after);
  EXPECT_NEAR(seconds(1) * 7.0 / seconds(1), backoffd::policy::seconds(*conclusion.retry_after), 0.01);
}

TEST_F(LearningTest, AKilledProcessRestoresWhatItWroteLast) {
  for (int i = 0; i < 5; ++i) exchange(429);
  exchange(200);
  const KeyStatus before = status();
  const std::vector<LearnedKey> written = engine->snapshot(now);
  ASSERT_EQ(written.size(), 1u);
  const Config config = engine->config();
  with(config);
  engine->restore(written, {}, now);
  EXPECT_EQ(status().key, before.key);
  EXPECT_NEAR(status().learner.reduction_pct, before.learner.reduction_pct, 0.1);
  EXPECT_NEAR(status().effective_limit, before.effective_limit, 0.01);
  with(config);
  engine->restore(written, std::chrono::hours(24), now);
  EXPECT_NEAR(status().learner.reduction_pct, before.learner.reduction_pct / 2, 0.1);
  with(config);
  engine->restore({{.key = "nonsense", .recovery_times = {}}, {.key = "a@b", .recovery_times = {-1, 1e300}}}, {}, now);
  EXPECT_EQ(engine->status(now).size(), 1u);
}

TEST_F(LearningTest, OfAKeyThatIsThereTwiceTheFirstEntryIsTaken) {
  LearnedKey first, second;
  first.key = second.key = "openalex@api.openalex.org";
  first.reduction_pct = 10;
  second.reduction_pct = 70;
  second.paused_seconds = 600;
  second.recovery_times = {9};
  engine->restore({first, second}, {}, now);
  EXPECT_NEAR(status().learner.reduction_pct, 10, 1e-6);
  EXPECT_EQ(status().learner.state, LearnerState::reducing);
  EXPECT_EQ(status().learner.recovery_time_estimate, 0);
}

TEST_F(LearningTest, AResetForgets) {
  for (int i = 0; i < 5; ++i) exchange(429);
  const auto version = engine->learned_version();
  EXPECT_TRUE(engine->reset("openalex@api.openalex.org", now));
  EXPECT_FALSE(engine->reset("openalex@elsewhere.org", now));
  EXPECT_FALSE(engine->reset("nonsense", now));
  EXPECT_EQ(status().learner.reduction_pct, 0);
  EXPECT_TRUE(engine->snapshot(now).empty());
  EXPECT_GT(engine->learned_version(), version);
  Plan one = plan(get("api.openalex.org"));
  EXPECT_EQ(first(one).kind, Admission::Kind::granted);
}

TEST_F(LearningTest, ATunnelIsNeitherEvidenceNorBoundByIt) {
  Hint hint;
  hint.retry_after = seconds(30);
  exchange(429, hint);
  RequestFacts tunnel = get("api.openalex.org", "");
  tunnel.method = "CONNECT";
  tunnel.is_tunnel = true;
  Plan one = plan(tunnel);
  EXPECT_EQ(first(one).kind, Admission::Kind::granted);
}

TEST_F(LearningTest, ATestWhoseClientLeavesIsMadeByTheNext) {
  exchange(429);
  Plan a = plan(get("api.openalex.org")), b = plan(get("api.openalex.org"));
  first(a, 1);
  first(b, 2);
  now = engine->next_due();
  Grants grants = advance();
  ASSERT_EQ(grants.size(), 1u);
  engine->accept(a, grants[0]);
  release(a);  // never concluded: no answer came
  now = engine->next_due();
  grants = advance();
  ASSERT_EQ(grants.size(), 1u);
  EXPECT_EQ(grants[0].ticket.number, 2u);
}

// --- bounds ----------------------------------------------------------------------------------------------------------

TEST_F(EngineTest, AtMost4096KeysAreKeptAndThoseInUseAmongThem) {
  Plan held = plan(get("held.example.org"));
  first(held);
  for (int i = 0; i < 10000; ++i) plan(get("h" + std::to_string(i) + ".example.org"));
  const auto all = engine->status(now);
  EXPECT_EQ(all.size(), 4096u);
  const auto has = [&](const std::string& key) {
    return std::any_of(all.begin(), all.end(), [&](const KeyStatus& one) { return one.key == key; });
  };
  EXPECT_TRUE(has("example@held.example.org"));
  EXPECT_TRUE(has("example@h9999.example.org"));
  EXPECT_FALSE(has("example@h1.example.org"));
}

TEST_F(EngineTest, MoreKeysThanThatAreKeptWhileTheyAreInUse) {
  std::vector<Plan> plans;
  for (int i = 0; i < 5000; ++i) plans.push_back(plan(get("h" + std::to_string(i) + ".example.org")));
  EXPECT_EQ(engine->status(now).size(), 5000u);
  plans.clear();
  EXPECT_EQ(engine->status(now).size(), 4096u);
}

TEST_F(EngineTest, InShadowTheStatusShowsWhatWouldHoldBesideWhatHolds) {
  Config config;
  config.default_limits.limits = {rate("50/SECOND")};
  start(config);
  engine->set_gate(GateId::provider_learning, GateLayer::admin, gate_on(GateMode::shadow));
  for (int i = 0; i < 40; ++i) {
    Plan one = plan(get("api.example.org"));
    ASSERT_EQ(first(one).kind, Admission::Kind::granted);
    now += milliseconds(20);
    answer(one, i % 2 == 0 ? 200 : 429);
    Grants grants;
    engine->release(one, now, grants);
  }
  now += seconds(2);  // one that would have been sent as well
  Hint pause;
  pause.retry_after = seconds(30);
  Plan last = plan(get("api.example.org"));
  first(last);
  answer(last, 429, pause);

  const KeyStatus status = engine->status(now).at(0);
  EXPECT_EQ(status.effective_limit, 50);
  EXPECT_EQ(status.learner.state, LearnerState::normal);
  EXPECT_EQ(status.learner.reduction_pct, 0);
  EXPECT_EQ(status.learner.paused_until, MonoTime{});
  EXPECT_EQ(status.learner.reason, "");
  EXPECT_EQ(status.learner.consecutive_429s, 2);  // what was answered has happened
  ASSERT_TRUE(status.shadow.has_value());
  EXPECT_EQ(status.shadow->state, LearnerState::paused);
  EXPECT_GT(status.shadow->reduction_pct, 0);
  EXPECT_LT(status.shadow->effective_rate, 50);
  EXPECT_GT(status.shadow->paused_until, now + seconds(29));
  EXPECT_NE(status.shadow->reason, "");
  EXPECT_EQ(status.shadow->counts.requests, 41u);
  EXPECT_GT(status.shadow->counts.held, 0u);
  EXPECT_GT(status.shadow->counts.avoided, 0u);

  engine->set_gate(GateId::provider_learning, GateLayer::admin, gate_on());
  const KeyStatus done = engine->status(now).at(0);
  EXPECT_EQ(done.learner.state, LearnerState::paused);
  EXPECT_FALSE(done.shadow.has_value());
}

// All that a key may have at once: a provider of its own, full windows, a long block and what was allowed before it,
// rates announced for every scope, samples, and a queue that was there.
TEST_F(EngineTest, AsManyKeysAsThereMayBeWithAllThatTheyLearnedAreSmallerThan16MiB) {
  Config config;
  config.default_limits.limits = {rate("64/SECOND"), rate("10000/HOUR")};
  config.learning.probe = false;
  start(config);
  engine->set_gate(GateId::provider_learning, GateLayer::admin, gate_on());
  const std::size_t before = mallinfo2().uordblks;
  constexpr int kKeys = 4096;
  for (int i = 0; i < kKeys; ++i) {
    const std::string host = "api.a-rather-long-name-of-a-host-" + std::to_string(i) + ".org";
    const auto exchange = [&](int status, const Hint& hint = {}) {
      Plan one = plan(get(host));
      ASSERT_EQ(first(one).kind, Admission::Kind::granted);
      answer(one, status, hint);
      release(one);
    };
    for (std::uint64_t scope = 1; scope < ScopeTable::kScopes; ++scope) {
      Hint announced;
      announced.burst = HintRate{50, seconds(1)};
      announced.sustained = HintRate{10000, std::chrono::hours(1)};
      announced.concurrency = 10;
      announced.scope = scope;
      exchange(200, announced);
      now += seconds(1);
    }
    Hint pause;
    pause.retry_after = seconds(7);
    for (int block = 0; block < 2; ++block) {
      exchange(429, pause);
      Plan waiting = plan(get(host));
      ASSERT_EQ(first(waiting).kind, Admission::Kind::queued);
      release(waiting);
      now += seconds(8);
      exchange(200);
      now += seconds(1);
    }
  }
  ASSERT_EQ(engine->key_count(), static_cast<std::size_t>(kKeys));
  EXPECT_LT(mallinfo2().uordblks - before, 16u << 20);  // 0 where a sanitizer has its own allocator
  RecordProperty("heap_bytes", static_cast<int>(mallinfo2().uordblks - before));
}

// Several workers on one engine, as the proxy runs it: each advances for all, and hands grants to whom they belong.
TEST(EngineThreads, NoSlotAndNoWaiterIsLost) {
  Config config;
  config.default_limits.max_concurrency = 3;
  config.default_limits.limits = {rate("40000/SECOND")};
  config.default_limits.queue.max_queue = 8;
  Engine engine(config, label);
  constexpr std::uint32_t kWorkers = 4;
  struct Mailbox {
    std::mutex mutex;
    std::vector<Grant> grants;
  };
  std::array<Mailbox, kWorkers> mailboxes;
  std::atomic<std::int64_t> clock{1'000'000'000};
  std::atomic<int> under_way{0}, most{0};
  std::atomic<std::uint64_t> finished{0};
  const auto deliver = [&](Grants& grants) {
    for (const Grant& grant : grants) {
      const std::lock_guard lock(mailboxes[grant.ticket.worker].mutex);
      mailboxes[grant.ticket.worker].grants.push_back(grant);
    }
    grants.clear();
  };
  const auto work = [&](std::uint32_t worker) {
    Random random(worker);
    Grants grants;
    std::map<std::uint64_t, Plan> waiting;
    const auto now = [&] { return MonoTime(Duration(clock.fetch_add(20'000))); };
    const auto finish = [&](Plan& plan) {
      ++finished;
      int busy = ++under_way;
      for (int seen = most; busy > seen && !most.compare_exchange_weak(seen, busy);) {
      }
      Outcome outcome;
      outcome.status = random.next() % 200 == 0 ? 429 : 200;
      Progress progress;
      progress.attempts = 1;
      engine.conclude(plan, progress, outcome, now(), random);
      --under_way;
      engine.release(plan, now(), grants);
      deliver(grants);
    };
    for (std::uint64_t i = 1; i <= 4000; ++i) {
      RequestFacts facts;
      facts.method = "GET";
      facts.host = "a.org";
      facts.path = random.next() % 2 == 0 ? "/a" : "/b";
      facts.client = worker % 2 == 0 ? "even" : "odd";
      Plan plan = engine.plan(facts, i, now()).value();
      const Admission admission = engine.admit(plan, {worker, i}, Engine::Turn::first, now(), kNever);
      if (admission.kind == Admission::Kind::granted) finish(plan);
      if (admission.kind == Admission::Kind::queued && random.next() % 8 != 0) waiting.emplace(i, std::move(plan));
      if (engine.next_due() <= now()) engine.advance(now(), grants), deliver(grants);
      std::vector<Grant> mail;
      {
        const std::lock_guard lock(mailboxes[worker].mutex);
        mail.swap(mailboxes[worker].grants);
      }
      for (const Grant& grant : mail) {
        const auto it = waiting.find(grant.ticket.number);
        if (it == waiting.end()) continue;
        engine.accept(it->second, grant);
        if (grant.admission.kind == Admission::Kind::granted) finish(it->second);
        waiting.erase(it);
      }
      if (worker == 0 && i % 64 == 0) {
        engine.set_gate(GateId::provider_learning, GateLayer::admin,
                        gate_on(i % 128 == 0 ? GateMode::on : GateMode::off));
        engine.status(now());
        engine.snapshot(now());
        if (i % 256 == 0) engine.reset("a@a.org", now());
      }
    }
  };
  std::vector<std::thread> threads;
  for (std::uint32_t worker = 0; worker < kWorkers; ++worker) threads.emplace_back(work, worker);
  for (std::thread& thread : threads) thread.join();
  const KeyStatus status = engine.status(MonoTime(Duration(clock.load()))).at(0);
  EXPECT_EQ(status.in_flight, 0);
  EXPECT_EQ(status.queued, 0);
  EXPECT_LE(most, 3);
  EXPECT_EQ(status.requests, finished);
}

}  // namespace
}  // namespace backoffd::policy
