// Intervals that hold at every look at once: shown by looking at each step of many seeded runs.
#include "policy/sequential_test.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "policy/random.h"

namespace backoffd::policy {
namespace {

constexpr double kAlpha = 0.05;

// The share of `runs` in which `missed(run)` is true.
template <class Missed>
double share_of(int runs, Missed missed) {
  int count = 0;
  for (int run = 0; run < runs; ++run) count += missed(static_cast<std::uint64_t>(run)) ? 1 : 0;
  return static_cast<double>(count) / runs;
}

// --- events ---

TEST(ShareEvidence, IsTheClosedFormOfTheMixture) {
  // One event, treated: the mixture's mean is the share itself, so it says nothing.
  EXPECT_NEAR(share_evidence(1, 0, 0.3), 0, 1e-12);
  EXPECT_NEAR(share_evidence(0, 0, 0.3), 0, 1e-12);
  // Two, both treated: Beta(25, 25) gives 25/50 * 26/51 to what the null gives 1/4.
  EXPECT_NEAR(share_evidence(2, 0, 0.5), std::log(25.0 / 50 * 26 / 51 * 4), 1e-12);
  EXPECT_GT(share_evidence(90, 10, 0.5), std::log(1e6));
}

TEST(ShareEvidence, ChanceIsRefusedNoMoreOftenThanAlphaHoweverOftenOneLooks) {
  for (const double share : {0.5, 0.1, 0.01}) {
    const double refused = share_of(1000, [&](std::uint64_t seed) {
      Random random(seed);
      std::uint64_t treated = 0;
      for (std::uint64_t n = 1; n <= 3000; ++n) {
        treated += random.uniform() < share ? 1 : 0;
        if (n % 5 == 0 && share_evidence(treated, n - treated, share) >= -std::log(kAlpha)) return true;
      }
      return false;
    });
    EXPECT_LE(refused, kAlpha) << share;
    EXPECT_GT(refused, 0.001) << share << ": a test that never refuses is none";
  }
}

TEST(RateRatio, TheIntervalHoldsTheTruthAtEveryLook) {
  const double share = 0.3, ratio = 1.5;
  const double treated_share = share * ratio / (share * ratio + 1 - share);
  const double missed = share_of(300, [&](std::uint64_t seed) {
    Random random(seed);
    std::uint64_t treated = 0;
    for (std::uint64_t n = 1; n <= 1500; ++n) {
      treated += random.uniform() < treated_share ? 1 : 0;
      if (n % 10 != 0) continue;
      const Interval interval = rate_ratio_interval(treated, n - treated, share, kAlpha);
      if (interval.above(ratio) || interval.below(ratio)) return true;
    }
    return false;
  });
  EXPECT_LE(missed, kAlpha);
}

TEST(RateRatio, TheIntervalExcludesOneWhereTheEvidenceSaysSo) {
  for (const auto& [treated, control] : {std::pair{130u, 70u}, {110u, 90u}, {5u, 0u}, {0u, 40u}, {0u, 0u}}) {
    const Interval interval = rate_ratio_interval(treated, control, 0.5, kAlpha);
    const bool refused = share_evidence(treated, control, 0.5) >= -std::log(kAlpha);
    EXPECT_EQ(interval.above(1) || interval.below(1), refused) << treated << ":" << control;
  }
  EXPECT_TRUE(std::isinf(rate_ratio_interval(5, 0, 0.5, kAlpha).high));
  EXPECT_EQ(rate_ratio_interval(0, 5, 0.5, kAlpha).low, 0);
}

// --- figures ---

// Heavy tails: a Pareto law without a variance.
double pareto(Random& random) { return std::pow(1 - random.uniform(), -1 / 1.5); }

TEST(ScoreWalk, FindsTheEffect) {
  Random random(4);
  ScoreWalk walk;
  for (int i = 0; i < 100'000; ++i) {
    const bool treated = random.uniform() < 0.2;
    walk.add(treated, 0.2, random.uniform(-1, 1) + (treated ? 0.3 : 0));
  }
  EXPECT_NEAR(walk.effect(0.2), 0.3, 0.02);
  const Interval interval = walk.interval(0.2, 100, kAlpha);
  EXPECT_LT(interval.low, 0.3);
  EXPECT_GT(interval.high, 0.3);
  EXPECT_TRUE(interval.above(0.2));
}

TEST(ScoreWalk, NothingSeenExcludesNothing) {
  const Interval interval = ScoreWalk().interval(0.5, 1, kAlpha);
  EXPECT_FALSE(interval.above(-1e300));
  EXPECT_FALSE(interval.below(1e300));
}

TEST(ScoreWalk, ChanceIsRefusedNoMoreOftenThanAlphaEvenWhereTailsAreHeavy) {
  for (const double share : {0.5, 0.1, 0.01}) {
    const double refused = share_of(1000, [&](std::uint64_t seed) {
      Random random(seed);
      ScoreWalk walk;
      for (int n = 1; n <= 5000; ++n) {
        walk.add(random.uniform() < share, share, pareto(random) - 3);
        if (n < 100 || n % 10 != 0) continue;
        const Interval interval = walk.interval(share, 1000, kAlpha);
        if (interval.above(0) || interval.below(0)) return true;
      }
      return false;
    });
    EXPECT_LE(refused, kAlpha) << share;
    EXPECT_TRUE(refused > 0 || share < 0.1) << share << ": a test that never refuses is none";
  }
}

// --- quantiles ---

TEST(QuantileRanks, HoldTheQuantileAtEveryLook) {
  const double missed = share_of(200, [&](std::uint64_t seed) {
    Random random(seed);
    std::uint64_t below = 0;  // of the true quantile
    for (std::uint64_t n = 1; n <= 3000; ++n) {
      below += random.uniform() < 0.95 ? 1 : 0;
      const Interval ranks = quantile_ranks(0.95, n, kAlpha);
      const double rank = static_cast<double>(below) / static_cast<double>(n);
      if (ranks.low > rank || (ranks.high < 1 && ranks.high < rank)) return true;
    }
    return false;
  });
  EXPECT_LE(missed, kAlpha);
  EXPECT_EQ(quantile_ranks(0.95, 10, kAlpha).high, 1);
  EXPECT_LT(quantile_ranks(0.95, 5000, kAlpha).high, 0.98);
}

}  // namespace
}  // namespace backoffd::policy
