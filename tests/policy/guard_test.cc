#include "policy/guard.h"

#include <gtest/gtest.h>

namespace backoffd::policy {
namespace {

using namespace std::chrono_literals;
using Kind = GuardAct::Kind;

const MonoTime kStart{1000h};

GateSetting gate(GuardMode mode, std::vector<double> ramp = {}) {
  GateSetting setting;
  setting.mode = GateMode::on;
  setting.percentage = 50;
  setting.guard = mode;
  setting.ramp = std::move(ramp);
  return setting;
}

Comparison verdict(GateVerdict verdict) {
  Comparison comparison;
  comparison.verdict = verdict;
  comparison.enough = true;
  comparison.harmless = verdict == GateVerdict::keep || verdict == GateVerdict::observe;
  comparison.evidence = {"figures", "the reason"};
  return comparison;
}

Guard started(const GateSetting& setting) {
  Guard guard;
  guard.restart(setting, kStart);
  return guard;
}

TEST(Guard, LeavesAGateThatDoesNoHarmAlone) {
  Guard guard = started(gate(GuardMode::enforce));
  for (const GateVerdict one : {GateVerdict::insufficient, GateVerdict::keep, GateVerdict::observe}) {
    EXPECT_FALSE(guard.look(verdict(one), kStart + 100h));
  }
  EXPECT_FALSE(guard.overlay());
}

TEST(Guard, EnforceTakesItBackOnceAndForGood) {
  Guard guard = started(gate(GuardMode::enforce));
  const auto act = guard.look(verdict(GateVerdict::rollback), kStart + 1h);
  ASSERT_TRUE(act);
  EXPECT_EQ(act->kind, Kind::rolled_back);
  EXPECT_EQ(act->by, "guard");
  EXPECT_EQ(act->why, "the reason");
  EXPECT_EQ(act->when, kStart + 1h);
  EXPECT_EQ(act->percentage, 0);
  ASSERT_TRUE(guard.overlay());
  EXPECT_EQ(guard.overlay()->mode, GateMode::off);
  for (const GateVerdict one : {GateVerdict::rollback, GateVerdict::keep}) {
    EXPECT_FALSE(guard.look(verdict(one), kStart + 1000h));
  }
  EXPECT_TRUE(guard.rolled_back());
  guard.restart(gate(GuardMode::enforce), kStart + 2000h);
  EXPECT_FALSE(guard.rolled_back());
  EXPECT_FALSE(guard.overlay());
}

TEST(Guard, ReportSaysItOnceAndFlipsNothing) {
  Guard guard = started(gate(GuardMode::report));
  const auto act = guard.look(verdict(GateVerdict::rollback), kStart);
  ASSERT_TRUE(act);
  EXPECT_EQ(act->kind, Kind::advised);
  EXPECT_EQ(act->percentage, 50);
  EXPECT_FALSE(guard.look(verdict(GateVerdict::rollback), kStart + 1s));
  EXPECT_FALSE(guard.overlay());
}

TEST(Guard, OffAndShadowSayNothing) {
  EXPECT_FALSE(started(gate(GuardMode::off)).look(verdict(GateVerdict::rollback), kStart));
  GateSetting shadow = gate(GuardMode::enforce, {1, 100});
  shadow.mode = GateMode::shadow;
  Guard guard = started(shadow);
  EXPECT_FALSE(guard.look(verdict(GateVerdict::rollback), kStart + 10h));
  EXPECT_FALSE(guard.next_stage());
  EXPECT_TRUE(guard.held_by().starts_with("in shadow"));
}

TEST(Guard, ARampGoesUpStepByStep) {
  Guard guard = started(gate(GuardMode::enforce, {1, 10, 100}));
  EXPECT_EQ(guard.overlay()->percentage, 1);
  EXPECT_EQ(guard.next_stage(), kStart + 1h);
  EXPECT_FALSE(guard.look(verdict(GateVerdict::keep), kStart + 59min));
  auto act = guard.look(verdict(GateVerdict::insufficient), kStart + 61min);
  ASSERT_TRUE(act);
  EXPECT_EQ(act->kind, Kind::raised);
  EXPECT_EQ(act->percentage, 10);
  EXPECT_EQ(act->why, "from 1 %, where the verdict is insufficient");
  EXPECT_EQ(guard.overlay()->percentage, 10);
  EXPECT_FALSE(guard.look(verdict(GateVerdict::keep), kStart + 2h));
  act = guard.look(verdict(GateVerdict::keep), kStart + 122min);
  ASSERT_TRUE(act);
  EXPECT_EQ(guard.overlay()->percentage, 100);
  EXPECT_FALSE(guard.next_stage());
  EXPECT_FALSE(guard.look(verdict(GateVerdict::keep), kStart + 99h));
}

TEST(Guard, ARampStaysWhereItHarms) {
  Guard reporting = started(gate(GuardMode::report, {1, 10}));
  EXPECT_EQ(reporting.look(verdict(GateVerdict::rollback), kStart + 2h)->kind, Kind::advised);
  EXPECT_FALSE(reporting.look(verdict(GateVerdict::keep), kStart + 9h));
  EXPECT_EQ(reporting.overlay()->percentage, 1);
  EXPECT_TRUE(reporting.held_by().starts_with("the verdict was rollback"));

  Guard enforcing = started(gate(GuardMode::enforce, {1, 10}));
  EXPECT_EQ(enforcing.look(verdict(GateVerdict::rollback), kStart + 2h)->kind, Kind::rolled_back);
  EXPECT_EQ(enforcing.overlay()->mode, GateMode::off);
  EXPECT_FALSE(enforcing.look(verdict(GateVerdict::keep), kStart + 9h));
}

TEST(Guard, ARampStaysWhereItHarmsAlsoWithoutAGuard) {
  Guard guard = started(gate(GuardMode::off, {1, 10, 100}));
  EXPECT_FALSE(guard.look(verdict(GateVerdict::rollback), kStart + 9h));
  EXPECT_EQ(guard.held_by(), "the verdict is rollback");
  EXPECT_EQ(guard.overlay()->percentage, 1);
  EXPECT_EQ(guard.look(verdict(GateVerdict::keep), kStart + 10h)->kind, Kind::raised);
}

TEST(Guard, ARampStaysWhereTooLittleIsKnownOrSuccessOrLatencyIsWorse) {
  Guard guard = started(gate(GuardMode::enforce, {1, 10, 100}));
  Comparison few = verdict(GateVerdict::insufficient);
  few.enough = false;
  EXPECT_FALSE(guard.look(few, kStart + 1min));
  EXPECT_EQ(guard.held_by(), "") << "the step is not over";
  EXPECT_FALSE(guard.look(few, kStart + 9h));
  EXPECT_EQ(guard.held_by(), "an arm has too few exchanges to tell");
  Comparison worse = verdict(GateVerdict::observe);
  worse.harm = true;
  EXPECT_FALSE(guard.look(worse, kStart + 9h));
  EXPECT_EQ(guard.held_by(), "success or latency is surely worse");
  EXPECT_EQ(guard.look(verdict(GateVerdict::observe), kStart + 9h)->percentage, 10);
  EXPECT_EQ(guard.held_by(), "");
}

TEST(Guard, ARampGoesTo100OnlyWhenAHarmIsExcluded) {
  Guard guard = started(gate(GuardMode::enforce, {0, 50, 100}));
  Comparison none;
  EXPECT_EQ(guard.look(none, kStart + 2h)->percentage, 50);  // from 0 %, where there is nothing to tell
  EXPECT_FALSE(guard.look(verdict(GateVerdict::insufficient), kStart + 9h));
  EXPECT_TRUE(guard.held_by().starts_with("a harm is not excluded yet"));
  EXPECT_FALSE(guard.blind());
  EXPECT_EQ(guard.look(verdict(GateVerdict::keep), kStart + 9h)->percentage, 100);
  EXPECT_EQ(guard.held_by(), "") << "there is nothing to go up to";
  EXPECT_TRUE(guard.blind());
}

TEST(Guard, IsBlindWhereEverythingIsTreated) {
  GateSetting all = gate(GuardMode::enforce);
  EXPECT_FALSE(started(all).blind());
  all.percentage = 100;
  EXPECT_TRUE(started(all).blind());
  all.mode = GateMode::shadow;
  EXPECT_FALSE(started(all).blind());
}

TEST(Guard, TheStagesOfARampShareAlpha) {
  EXPECT_EQ(started(gate(GuardMode::enforce)).alpha_share(), 1);
  EXPECT_EQ(started(gate(GuardMode::enforce, {1, 10, 50, 100})).alpha_share(), 0.25);
}

}  // namespace
}  // namespace backoffd::policy
