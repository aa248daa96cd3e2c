#include "policy/prober.h"

#include <gtest/gtest.h>

#include <cmath>

namespace backoffd::policy {
namespace {

// Lets a trial begin and run clean to its end, making use of it. Returns the step that was tried.
struct Trials {
  Prober prober;
  double pace = 10;
  double now = 100;

  double start(double top = 1000) {
    now = std::max(now, prober.next());
    prober.tick(pace, top, true, now);
    return prober.gain() - 1;
  }
  void finish(double top = 1000) {
    for (int i = 0; i < 4000 && prober.probing(); ++i) {
      prober.sent();
      now += 1 / (pace * prober.gain());
      pace = prober.tick(pace, top, true, now);
    }
  }
};

TEST(Prober, StepsDoubleWhileNothingIsInTheWay) {
  Trials trials;
  trials.prober.begin(trials.now);
  EXPECT_NEAR(trials.start(), 0.05, 1e-9);
  trials.finish();
  EXPECT_NEAR(trials.pace, 10.5, 1e-9);
  EXPECT_NEAR(trials.start(), 0.10, 1e-9);
  trials.finish();
  EXPECT_GT(trials.start(), 0.2);
}

TEST(Prober, TheFirstStepGrowsWhereTheLimitRisesOftenAndShrinksWithRefusals) {
  Trials trials;
  trials.prober.begin(trials.now);
  for (int i = 0; i < 3; ++i) trials.start(), trials.finish();
  trials.prober.cut(trials.pace, trials.now);
  const double grown = trials.start();
  EXPECT_GT(grown, 0.1);
  for (int i = 0; i < 100; ++i) {
    trials.prober.stop();
    trials.prober.failed(trials.pace, 0.3, 1, trials.now);
  }
  EXPECT_NEAR(trials.start(), 0.05, 1e-9);
}

TEST(Prober, TowardsAPaceThatFailedItGoesByHalves) {
  Trials trials;
  trials.prober.remember_refused(14, trials.now);
  trials.prober.begin(trials.now);
  EXPECT_NEAR(trials.start(), 0.2, 1e-9);
}

TEST(Prober, ATrialNobodyMadeUseOfShowsNothing) {
  Trials trials;
  trials.prober.begin(trials.now);
  trials.start();
  trials.now += 1000;
  EXPECT_EQ(trials.prober.tick(trials.pace, 1000, true, trials.now), 10);
  EXPECT_FALSE(trials.prober.probing());
}

TEST(Prober, NoTrialWhereNobodyWaits) {
  Prober prober;
  prober.begin(0);
  prober.tick(10, 20, false, 100);
  EXPECT_FALSE(prober.probing());
}

TEST(Prober, RestsDoubleAndRefusalsByTrialsStayRare) {
  Prober prober;
  double last = 0;
  for (int i = 0; i < 4; ++i) {
    prober.failed(100, 0.3, 1, 0);
    EXPECT_GT(prober.next(), last);
    last = prober.next();
  }
  prober.failed(10, 0.3, 40, 0);
  EXPECT_GE(prober.next(), 40 / (0.01 * 10));
}

TEST(Prober, ATrialThatMayCostMuchWaitsForItsShareOfTheTimeThatItMayBeWorth) {
  Prober prober;
  for (const double gain : {0.0, 0.01, 0.05}) {
    prober.rest_until_covered(30, gain, 1000);
    EXPECT_DOUBLE_EQ(prober.next(), 1000 + 30 / 0.02) << gain;
  }
  prober.rest_until_covered(30, 0.5, 1000);
  EXPECT_DOUBLE_EQ(prober.next(), 1000 + 30 / 0.2);
}

TEST(Prober, TheTimeThatFailedTrialsCostIsBounded) {
  Prober prober;
  double now = 0;
  double lost = 0;
  while (now < 24 * 3600) {
    prober.failed(5, 110, 1, now);  // bans
    lost += 110;
    now = std::max(now + 110, prober.next());
  }
  EXPECT_LT(lost, 180 + 0.02 * now + 110);
}

}  // namespace
}  // namespace backoffd::policy
