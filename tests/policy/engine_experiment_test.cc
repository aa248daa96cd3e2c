// Experiments as the engine runs them: what an exchange counts for, what flips and guards do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "policy/engine.h"

namespace backoffd::policy {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr auto kRetry = GateId::contextual_retry;
constexpr auto kLearning = GateId::provider_learning;

GateSetting gate(double percentage = 50, GuardMode guard = GuardMode::enforce) {
  GateSetting setting;
  setting.mode = GateMode::on;
  setting.percentage = percentage;
  setting.guard = guard;
  return setting;
}

class EngineExperiment : public testing::Test {
 protected:
  static Config config() {
    Config config;
    config.allow_request_override = true;
    config.experiment.settle = 0s;
    ProviderConfig origin;
    origin.name = "origin";
    origin.hosts = {"origin.org"};
    origin.alternates = {"mirror.org"};
    config.providers = {origin};
    return config;
  }

  Plan plan(std::string_view host = "a.org", std::string_view gates = "") {
    RequestFacts facts;
    facts.method = "GET";
    facts.host = host;
    facts.path = "/x";
    facts.gates = gates;
    facts.client = "127.0.0.1";
    now += 10ms;
    return engine.plan(facts, ++number, now).value();
  }
  void finish(const Plan& plan, int status = 200, Duration took = 5ms) {
    ExchangeFigures figures;
    figures.status = status;
    figures.attempts = 1;
    figures.to_end = figures.to_head = took;
    engine.finished(plan, figures, now);
  }
  // Requests of which the treated ones fail; false: the gate is off before all are through.
  bool harm(int count) {
    for (int i = 0; i < count; ++i) {
      const Plan one = plan();
      if (!one.contextual_retry.assigned) return false;
      finish(one, one.contextual_retry.treated ? 503 : 200);
      if (i % 10 == 0) look();
    }
    return true;
  }
  std::vector<std::pair<GateId, GuardAct>> look() {
    auto acts = engine.look(
        [this](GateId, MonoTime began) {
          asked_since = began;
          return Resources();
        },
        now);
    seen.insert(seen.end(), acts.begin(), acts.end());
    return acts;
  }
  TrialStatus trial(GateId id = kRetry) { return engine.trial(id, {}, now); }
  GateStatus status(GateId id = kRetry) { return engine.gates()[static_cast<std::size_t>(id)]; }

  MonoTime asked_since{};
  Engine engine{config(), [](std::string_view host) { return std::string(host); }};
  MonoTime now{1000h};
  std::uint64_t number = 0;
  std::vector<std::pair<GateId, GuardAct>> seen;
};

TEST_F(EngineExperiment, WithGatesOffNothingIsCounted) {
  finish(plan());
  EXPECT_TRUE(engine.arm_figures(kRetry, FigureWindow::since_flip, now).empty());
  EXPECT_EQ(trial().comparison.evidence.back(), "the gate is off");
  EXPECT_TRUE(look().empty());
}

TEST_F(EngineExperiment, EveryExchangeIsCountedOnItsArmAndKey) {
  engine.set_gate(kRetry, GateLayer::admin, gate());
  int treated = 0;
  for (int i = 0; i < 400; ++i) {
    const Plan one = plan(i % 4 == 0 ? "b.org" : "a.org");
    treated += one.contextual_retry.treated ? 1 : 0;
    finish(one);
  }
  const TrialStatus status = trial();
  EXPECT_EQ(status.since_flip[0].exchanges, 400u - static_cast<unsigned>(treated));
  EXPECT_EQ(status.since_flip[1].exchanges, static_cast<unsigned>(treated));
  const auto keys = engine.arm_figures(kRetry, FigureWindow::five_minutes, now);
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[1].key, "b.org@b.org");
  EXPECT_EQ(keys[1].arms[0].exchanges + keys[1].arms[1].exchanges, 100u);
  EXPECT_TRUE(engine.arm_figures(kLearning, FigureWindow::since_flip, now).empty());
}

TEST_F(EngineExperiment, WhoDoesNotTakePartIsInNoArm) {
  GateSetting setting = gate();
  setting.providers = {"b.org"};
  engine.set_gate(kRetry, GateLayer::admin, setting);
  finish(plan("a.org"));
  finish(plan("b.org", "contextual-retry=on"));
  finish(plan("b.org"));
  const TrialStatus status = trial();
  EXPECT_EQ(status.since_flip[0].exchanges + status.since_flip[1].exchanges, 1u);
  EXPECT_EQ(status.overridden, 1u);
}

TEST_F(EngineExperiment, AnExchangeCountsUnderTheFlipItBeganUnder) {
  engine.set_gate(kRetry, GateLayer::admin, gate(50));
  const Plan before = plan();
  engine.set_gate(kRetry, GateLayer::admin, gate(60));
  finish(plan());
  finish(before);
  const TrialStatus status = trial();
  EXPECT_EQ(status.since_flip[0].exchanges + status.since_flip[1].exchanges, 1u);
  EXPECT_EQ(status.setting.percentage, 60);
  EXPECT_EQ(status.began, now);
}

TEST_F(EngineExperiment, AttemptsAreTakenFromWhatThePolicySaw) {
  engine.set_gate(kRetry, GateLayer::admin, gate(100));
  Plan one = plan();
  Random random(1);
  Progress progress;
  progress.idempotent = true;
  for (const int status : {429, 429, 200}) {
    ++progress.attempts;
    engine.admit(one, {}, progress.attempts == 1 ? Engine::Turn::first : Engine::Turn::retry, now, kNever);
    engine.conclude(one, progress, {.kind = OutcomeKind::response, .status = status, .hint = {}}, now, random);
    Grants grants;
    engine.release(one, now, grants);
  }
  engine.conclude(one, progress, {.kind = OutcomeKind::head_timeout, .status = 0, .hint = {}}, now, random);
  finish(one);
  const ArmFigures treatment = trial().since_flip[1];
  EXPECT_EQ(treatment.throttle_answers, 2u);
  EXPECT_EQ(treatment.throttled_exchanges, 1u);
  EXPECT_EQ(treatment.timeouts, 1u);
}

// A fifth of the requests is refused at first. Control waits and asks again; treatment fails over, which is faster. Yet
// at the mirror, where most requests are quick, it would be among the slow ones.
TEST_F(EngineExperiment, AFailoverIsHeldAgainstTheKeyItBeganAt) {
  engine.set_gate(kRetry, GateLayer::admin, gate());
  for (int i = 0; i < 10'000; ++i) {
    Plan one = plan(i % 5 == 0 ? "origin.org" : "mirror.org");
    if (i % 5 != 0) {
      finish(one, 200, 20ms);
    } else if (one.contextual_retry.treated) {
      one = engine.plan_alternate(one, now);
      EXPECT_EQ(one.key(), "mirror.org@mirror.org");
      finish(one, 200, 40ms);
    } else {
      finish(one, 200, 500ms);
    }
    if (i % 100 == 0) look();
  }
  EXPECT_TRUE(seen.empty()) << seen[0].second.why;
  const Effect latency = trial().comparison.effects.at(2);
  EXPECT_NEAR(latency.difference, std::pow(40.0 / 500, 0.2) - 1, 0.02);
  EXPECT_LT(latency.interval.high, 0);
  const auto keys = engine.arm_figures(kRetry, FigureWindow::since_flip, now);
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[1].key, "origin@origin.org");
  EXPECT_EQ(keys[1].arms[0].exchanges + keys[1].arms[1].exchanges, 2000u);
}

// The alternate's own limits hold there, on the arm of its own; the books know nothing of it.
TEST_F(EngineExperiment, AFailoverStaysInTheSliceAndTheFlipItBeganUnder) {
  GateSetting setting = gate();
  setting.unit = GateUnit::slice;
  engine.set_gate(kLearning, GateLayer::admin, setting);
  Plan before = plan("origin.org");
  now += setting.slice;
  const Assignment& of = before.assignment(kLearning);
  const Plan later = engine.plan_alternate(before, now);
  EXPECT_EQ(later.assignment(kLearning).unit, of.unit);
  EXPECT_EQ(later.assignment(kLearning).unit_ends, of.unit_ends);
  engine.set_gate(kLearning, GateLayer::admin, setting);
  look();
  finish(engine.plan_alternate(before, now));
  EXPECT_EQ(trial(kLearning).washed_out, 0u);
  EXPECT_EQ(trial(kLearning).since_flip[0].exchanges + trial(kLearning).since_flip[1].exchanges, 0u);
}

TEST_F(EngineExperiment, SlicesAreUnitsAndTheirWashoutIsLeftOut) {
  GateSetting setting = gate();
  setting.unit = GateUnit::slice;
  setting.slice = 10min;
  setting.washout = 1min;
  engine.set_gate(kLearning, GateLayer::admin, setting);
  for (int i = 0; i < 60 * 200; ++i) {  // 200 slices
    now += 10s;
    finish(plan());
  }
  look();
  const TrialStatus status = trial(kLearning);
  EXPECT_NEAR(static_cast<double>(status.washed_out), 1200, 20);
  ASSERT_EQ(status.comparison.effects.size(), 4u);
  EXPECT_THAT(std::string(status.comparison.effects[0].test), HasSubstr("unit means"));
  EXPECT_NE(status.comparison.verdict, GateVerdict::rollback);
  EXPECT_LT(std::abs(status.comparison.effects[0].difference), 1e-9);
}

TEST_F(EngineExperiment, EnforceFlipsAHarmfulGateOffAndSaysWhy) {
  engine.set_gate(kRetry, GateLayer::admin, gate());
  EXPECT_FALSE(harm(1000));
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].first, kRetry);
  EXPECT_EQ(seen[0].second.kind, GuardAct::Kind::rolled_back);
  EXPECT_THAT(seen[0].second.why, HasSubstr("success fell"));
  EXPECT_EQ(seen[0].second.comparison.effects.at(0).treatment, 0);

  const GateStatus off = status();
  EXPECT_EQ(off.gate.effective().mode, GateMode::off);
  EXPECT_EQ(off.gate.effective_layer(), GateLayer::guard);
  EXPECT_TRUE(off.guard.rolled_back());
  ASSERT_EQ(off.acts.size(), 2u);
  EXPECT_EQ(off.acts[0].kind, GuardAct::Kind::flipped);
  EXPECT_EQ(off.acts[0].by, "admin");
  EXPECT_EQ(off.acts[1].by, "guard");
  EXPECT_EQ(off.counts[static_cast<std::size_t>(GuardAct::Kind::rolled_back)], 1u);
  EXPECT_EQ(status(kLearning).acts.size(), 0u);

  // It stays off until an operator flips it.
  now += 1000h;
  EXPECT_TRUE(look().empty());
  EXPECT_FALSE(plan().contextual_retry.assigned);
  engine.set_gate(kRetry, GateLayer::admin, gate());
  EXPECT_TRUE(plan().contextual_retry.assigned);
  EXPECT_FALSE(status().guard.rolled_back());
  EXPECT_EQ(status().gate.effective_layer(), GateLayer::admin);
}

TEST_F(EngineExperiment, ARollbackOfAnEarlierLifeHoldsUntilAFlip) {
  engine.set_gate(kRetry, GateLayer::config, gate());
  engine.restore_rollback(kRetry, {.kind = GuardAct::Kind::rolled_back, .by = "guard", .why = "w", .comparison = {}},
                          now);
  EXPECT_FALSE(plan().contextual_retry.assigned);
  EXPECT_TRUE(status().guard.rolled_back());
  EXPECT_EQ(status().acts.back().why, "w");
  engine.set_gate(kRetry, GateLayer::admin, gate());
  EXPECT_TRUE(plan().contextual_retry.assigned);
  EXPECT_FALSE(status().guard.rolled_back());
}

TEST_F(EngineExperiment, ReportLeavesItOnAndSaysSoOnce) {
  engine.set_gate(kRetry, GateLayer::admin, gate(50, GuardMode::report));
  EXPECT_TRUE(harm(1000));
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].second.kind, GuardAct::Kind::advised);
  EXPECT_EQ(status().gate.effective().mode, GateMode::on);
  EXPECT_EQ(status().verdict, GateVerdict::rollback);
}

TEST_F(EngineExperiment, ARampIsInForceAtOnceAndGoesUp) {
  GateSetting setting = gate(100);
  setting.ramp = {10, 50, 100};
  setting.step = 1h;
  engine.set_gate(kRetry, GateLayer::admin, setting);
  EXPECT_EQ(status().gate.effective().percentage, 10);
  now += 10h;  // nobody asks the time of a gate that no request has met
  EXPECT_TRUE(look().empty());
  const MonoTime flipped = now;
  EXPECT_DOUBLE_EQ(trial().comparison.alpha, 0.01 / 3);
  for (int i = 0; i < 4000; ++i) finish(plan());
  now += 61min;
  ASSERT_EQ(look().size(), 1u);
  EXPECT_EQ(status().gate.effective().percentage, 50);
  EXPECT_EQ(status().gate.effective_layer(), GateLayer::guard);
  EXPECT_EQ(trial().since_flip[0].exchanges + trial().since_flip[1].exchanges, 0u);
  now += 61min;
  EXPECT_TRUE(look().empty());  // nothing is known of this stage
  EXPECT_EQ(asked_since, flipped) << "what the process needed before the flip, not before this stage";
  for (int i = 0; i < 8000; ++i) finish(plan());
  ASSERT_EQ(look().size(), 1u);
  EXPECT_EQ(status().gate.effective().percentage, 100);
  engine.clear_gate(kRetry, GateLayer::admin);
  EXPECT_EQ(status().gate.effective().mode, GateMode::off);
  EXPECT_EQ(status().gate.effective_layer(), GateLayer::builtin);
}

TEST_F(EngineExperiment, TheLastActsAreKept) {
  for (int i = 0; i < 100; ++i) engine.set_gate(kRetry, GateLayer::admin, gate(i));
  const GateStatus flipped = status();
  EXPECT_EQ(flipped.acts.size(), 16u);
  EXPECT_EQ(flipped.acts.back().percentage, 99);
  EXPECT_EQ(flipped.counts[static_cast<std::size_t>(GuardAct::Kind::flipped)], 100u);
}

}  // namespace
}  // namespace backoffd::policy
