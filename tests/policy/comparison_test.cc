#include "policy/comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "policy/random.h"

namespace backoffd::policy {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

// So many exchanges of one arm, as exact shares: no chance in it.
struct Arm {
  std::uint64_t exchanges = 20'000;
  double failures = 0.05;
  double throttled = 0.0;
  double latency = 0.2;
  double tail = 1.0;  // what a twelfth of them take, in seconds
};

Evidence evidence_of(const Arm& control, const Arm& treatment, double share = 0.5) {
  Evidence evidence;
  evidence.mode = GateMode::on;
  evidence.share = share;
  evidence.alpha = 0.01;
  for (std::size_t side = 0; side < 2; ++side) {
    const Arm& arm = side == 0 ? control : treatment;
    const auto n = static_cast<double>(arm.exchanges);
    evidence.counts[side] = {arm.exchanges, static_cast<std::uint64_t>(n * arm.failures),
                             static_cast<std::uint64_t>(n * arm.throttled), n * std::log(arm.latency)};
    for (std::uint64_t i = 0; i < arm.exchanges; ++i) {
      const double noise = i % 2 == 0 ? 0.5 : -0.5;
      evidence.latency.add(side == 1, share, std::log(arm.latency) + noise - std::log(0.2));
      evidence.since_flip[side].latency.add(from_seconds(i % 12 == 0 ? arm.tail : arm.latency));
    }
  }
  return evidence;
}

Comparison judged(const Arm& control, const Arm& treatment, double share = 0.5, const Resources& resources = {}) {
  return compare(evidence_of(control, treatment, share), {}, resources);
}

std::string last(const Comparison& comparison) { return comparison.evidence.back(); }

TEST(Comparison, WithoutTwoArmsThereIsNothingToCompare) {
  Evidence evidence = evidence_of({}, {});
  evidence.mode = GateMode::off;
  EXPECT_EQ(last(compare(evidence, {}, {})), "the gate is off");
  evidence.mode = GateMode::on;
  for (const double share : {0.0, 1.0}) {
    evidence.share = share;
    const Comparison comparison = compare(evidence, {}, {});
    EXPECT_EQ(comparison.verdict, GateVerdict::insufficient);
    EXPECT_THAT(last(comparison), HasSubstr("arm to compare with"));
    EXPECT_TRUE(comparison.effects.empty());
  }
}

TEST(Comparison, ShadowIsComparedAndSaysSo) {
  Evidence evidence = evidence_of({}, {});
  evidence.mode = GateMode::shadow;
  const Comparison comparison = compare(evidence, {}, {});
  EXPECT_THAT(comparison.evidence, Contains(HasSubstr("in shadow both arms act alike")));
  EXPECT_EQ(comparison.verdict, GateVerdict::keep);
}

TEST(Comparison, TooFewSayNothing) {
  const Comparison comparison = judged({.exchanges = 5000}, {.exchanges = 199, .failures = 1}, 0.05);
  EXPECT_EQ(comparison.verdict, GateVerdict::insufficient);
  EXPECT_EQ(last(comparison), "too few exchanges: 199 in treatment, 5000 in control, of 200 each");
}

TEST(Comparison, NothingSaysNothing) {
  for (const GateUnit unit : {GateUnit::request, GateUnit::slice}) {
    Evidence evidence;
    evidence.mode = GateMode::on;
    evidence.unit = unit;
    evidence.share = 0.5;
    evidence.alpha = 0.01;
    const Comparison comparison = compare(evidence, {}, {});
    EXPECT_EQ(last(comparison), "nothing to compare yet");
    EXPECT_TRUE(comparison.effects.empty());
    EXPECT_FALSE(comparison.enough);
  }
}

TEST(Comparison, WhatHasNoBoundsYetIsToldSo) {
  const Comparison comparison = judged({.exchanges = 1}, {.exchanges = 1});
  EXPECT_THAT(comparison.evidence, Contains(HasSubstr("(no bounds yet)")));
  EXPECT_THAT(comparison.evidence, Not(Contains(HasSubstr("inf"))));
}

TEST(Comparison, NoHarmIsKept) {
  const Comparison comparison = judged({}, {});
  EXPECT_EQ(comparison.verdict, GateVerdict::keep) << last(comparison);
  ASSERT_EQ(comparison.effects.size(), 4u);
  EXPECT_EQ(comparison.effects[0].figure, "success_rate");
  EXPECT_NEAR(comparison.effects[0].control, 0.95, 1e-9);
  EXPECT_NEAR(comparison.effects[0].difference, 0, 1e-9);
  EXPECT_TRUE(comparison.effects[0].interval.low < 0 && comparison.effects[0].interval.high > 0);
}

TEST(Comparison, FewerExchangesDoNotExcludeAHarm) {
  const Comparison comparison = judged({.exchanges = 1000}, {.exchanges = 1000});
  EXPECT_EQ(comparison.verdict, GateVerdict::insufficient);
  EXPECT_EQ(last(comparison), "a harm at the threshold is not excluded yet");
}

TEST(Comparison, LessSuccessIsRolledBack) {
  const Comparison comparison = judged({}, {.failures = 0.07});
  EXPECT_EQ(comparison.verdict, GateVerdict::rollback);
  EXPECT_EQ(last(comparison), "success fell by 1.00 % or more, and surely fell: roll back");
  EXPECT_THAT(comparison.evidence, Contains(HasSubstr("93.00 % in treatment, 95.00 % in control; difference -2.00")));
  EXPECT_LT(comparison.effects[0].interval.low, -0.02);
  EXPECT_LT(comparison.effects[0].interval.high, 0);
}

TEST(Comparison, MoreLatencyIsRolledBack) {
  const Comparison comparison = judged({}, {.latency = 0.23});
  EXPECT_EQ(comparison.verdict, GateVerdict::rollback);
  EXPECT_EQ(last(comparison), "latency rose by 10.00 % or more, and surely rose: roll back");
  EXPECT_NEAR(comparison.effects[2].difference, 0.15, 0.001);
  EXPECT_NEAR(comparison.effects[2].control, 0.2, 0.001);
}

TEST(Comparison, AHarmBelowTheThresholdIsObserved) {
  EXPECT_EQ(last(judged({.exchanges = 200'000}, {.exchanges = 200'000, .failures = 0.055})),
            "success surely fell, by less than the threshold: observe");
  EXPECT_EQ(last(judged({}, {.latency = 0.21})), "latency surely rose, by less than the threshold: observe");
}

TEST(Comparison, AHarmToFewThatTheMeanHidesIsObserved) {
  const Comparison comparison = judged({}, {.tail = 2.0});
  EXPECT_EQ(comparison.verdict, GateVerdict::observe);
  EXPECT_THAT(last(comparison), HasSubstr("95th percentile"));
  EXPECT_NEAR(comparison.effects[3].difference, 1.0, 0.1);
}

TEST(Comparison, ThrottleAnswersShouldBecomeFewer) {
  EXPECT_EQ(last(judged({.throttled = 0.05}, {.throttled = 0.05})),
            "throttle answers are not shown to be fewer: observe");
  EXPECT_EQ(judged({.throttled = 0.05}, {.throttled = 0.03}).verdict, GateVerdict::keep);
  EXPECT_EQ(judged({.throttled = 0.0005}, {.throttled = 0.0005}).verdict, GateVerdict::keep);
}

TEST(Comparison, MoreThrottleAnswersAreObserved) {
  const Comparison comparison = judged({}, {.throttled = 0.05});
  EXPECT_EQ(comparison.verdict, GateVerdict::observe);
  EXPECT_EQ(last(comparison), "throttle answers surely became more: observe");
}

TEST(Comparison, WhatTheArmsAsAWholeContradictIsNotRolledBack) {
  Evidence evidence = evidence_of({}, {.latency = 0.23});
  evidence.counts[1].log_latency = static_cast<double>(evidence.counts[1].exchanges) * std::log(0.15);
  const Comparison comparison = compare(evidence, {}, {});
  EXPECT_EQ(comparison.verdict, GateVerdict::observe);
  EXPECT_EQ(last(comparison), "latency surely rose key by key, and yet fell as a whole: observe");
  EXPECT_TRUE(comparison.harm);
}

// Also where one arm has no events at all.
TEST(Comparison, TheIntervalOfAShareHoldsTheTruth) {
  std::mt19937_64 random(5);
  const auto drawn = [&](std::uint64_t n, double p) {
    return static_cast<std::uint64_t>(
        std::binomial_distribution<std::int64_t>(static_cast<std::int64_t>(n), p)(random));
  };
  for (const double control : {0.0, 0.0005, 0.002, 0.05}) {
    for (const double treatment : {0.0, 0.05, 0.3}) {
      for (const std::uint64_t n : {2'000u, 50'000u, 400'000u}) {
        int outside = 0;
        for (int run = 0; run < 300; ++run) {
          Evidence evidence;
          evidence.mode = GateMode::on;
          evidence.share = 0.5;
          evidence.alpha = 0.01;
          evidence.counts[1].exchanges = drawn(n, evidence.share);
          evidence.counts[0].exchanges = n - evidence.counts[1].exchanges;
          evidence.counts[1].throttled = drawn(evidence.counts[1].exchanges, treatment);
          evidence.counts[0].throttled = drawn(evidence.counts[0].exchanges, control);
          const Interval interval = compare(evidence, {}, {}).effects.at(1).interval;
          outside += interval.above(treatment - control) || interval.below(treatment - control) ? 1 : 0;
        }
        EXPECT_LE(outside, 3) << control << " against " << treatment << ", " << n;
      }
    }
  }
}

TEST(Comparison, TheProcessIsLookedAtToo) {
  EXPECT_THAT(last(judged({}, {}, 0.5, {.memory_growth = 0.25})), HasSubstr("25.00 % more memory"));
  EXPECT_EQ(judged({}, {}, 0.5, {.memory_growth = 0.25}).verdict, GateVerdict::observe);
  EXPECT_THAT(last(judged({}, {}, 0.5, {.cpu_rise = 0.06})), HasSubstr("6.00 % more CPU"));
  EXPECT_EQ(judged({}, {}, 0.5, {.memory_growth = 0.19, .cpu_rise = 0.04}).verdict, GateVerdict::keep);
}

// Each with traffic that is on this side of it by default, and on the other side of another.
TEST(Comparison, EachThresholdIsTheOperators) {
  const auto verdict = [](const Evidence& evidence, auto change, const Resources& resources = {}) {
    ExperimentConfig config;
    change(config);
    return compare(evidence, config, resources).verdict;
  };
  const auto as_it_is = [](ExperimentConfig&) {};
  const Evidence fails = evidence_of({}, {.failures = 0.07});
  EXPECT_EQ(verdict(fails, as_it_is), GateVerdict::rollback);
  EXPECT_EQ(verdict(fails, [](auto& c) { c.success_drop = 0.03; }), GateVerdict::observe);
  const Evidence slow = evidence_of({}, {.latency = 0.23});
  EXPECT_EQ(verdict(slow, as_it_is), GateVerdict::rollback);
  EXPECT_EQ(verdict(slow, [](auto& c) { c.latency_rise = 0.2; }), GateVerdict::observe);
  const Evidence throttled = evidence_of({.throttled = 0.05}, {.throttled = 0.05});
  EXPECT_EQ(verdict(throttled, as_it_is), GateVerdict::observe);
  EXPECT_EQ(verdict(throttled, [](auto& c) { c.throttled_share = 0.06; }), GateVerdict::keep);
  const Evidence equal = evidence_of({}, {});
  EXPECT_EQ(verdict(equal, as_it_is, {.memory_growth = 0.15}), GateVerdict::keep);
  EXPECT_EQ(verdict(equal, [](auto& c) { c.memory_growth = 0.1; }, {.memory_growth = 0.15}), GateVerdict::observe);
  EXPECT_EQ(verdict(equal, as_it_is, {.cpu_rise = 0.06}), GateVerdict::observe);
  EXPECT_EQ(verdict(equal, [](auto& c) { c.cpu_rise = 0.1; }, {.cpu_rise = 0.06}), GateVerdict::keep);
  EXPECT_EQ(verdict(equal, [](auto& c) { c.min_exchanges = 30'000; }), GateVerdict::insufficient);
}

TEST(Comparison, ArmsThatAreNotWhatTheyShouldBeAreDoubted) {
  EXPECT_THAT(last(judged({.exchanges = 21'000}, {.exchanges = 20'000})), HasSubstr("did not get its share"));
}

// Whatever the counts: numbers, and ends around the estimate.
TEST(Comparison, IntervalsHoldTheEstimate) {
  Random random(8);
  for (int i = 0; i < 2000; ++i) {
    const double share = random.uniform(0.01, 0.99);
    const auto n = static_cast<std::uint64_t>(std::exp(random.uniform(0, 9)));
    Evidence evidence;
    evidence.mode = GateMode::on;
    evidence.share = share;
    evidence.alpha = 0.01;
    for (std::size_t side = 0; side < 2; ++side) {
      ArmCounts& arm = evidence.counts[side];
      arm.exchanges = 1 + static_cast<std::uint64_t>(static_cast<double>(n) * (side == 1 ? share : 1 - share));
      arm.failures = static_cast<std::uint64_t>(random.uniform(0, static_cast<double>(arm.exchanges) + 1));
    }
    const Comparison comparison = compare(evidence, {}, {});
    const Effect& success = comparison.effects.at(0);
    ASSERT_LE(success.interval.low, success.interval.high);
    ASSERT_TRUE(success.interval.low >= -1 && success.interval.high <= 1);
  }
}

}  // namespace
}  // namespace backoffd::policy
