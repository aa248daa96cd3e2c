#include "policy/measure.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "policy/random.h"

namespace backoffd::policy {
namespace {

// `rate` accepted per second from `begin` on.
double accept(Measure& measure, double begin, double rate, double seconds) {
  const int n = static_cast<int>(rate * seconds);
  for (int i = 0; i < n; ++i) measure.accepted(begin + i / rate);
  return begin + n / rate;
}

TEST(Measure, FewerThanFiveAreNoRate) {
  Measure measure;
  accept(measure, 1000, 4, 1);
  EXPECT_FALSE(measure.rate_before(1001, 5, 1000));
  measure.accepted(1001);
  EXPECT_TRUE(measure.rate_before(1001, 5, 1000));
}

TEST(Measure, TheRateIsThatOfTheWidth) {
  for (const double rate : {0.5, 5.0, 50.0, 1000.0}) {
    Measure measure;
    const double now = accept(measure, 1000, rate / 5, 60);
    const double end = accept(measure, now, rate, 20);
    const auto measured = measure.rate_before(end, 15, 1000);
    ASSERT_TRUE(measured) << rate;
    EXPECT_NEAR(*measured, rate, 0.15 * rate);
  }
}

TEST(Measure, WhatWasAcceptedLaterIsNotOfTheTimeBefore) {
  Measure measure;
  const double at = accept(measure, 1000, 10, 10);
  accept(measure, at + 0.01, 100, 0.5);
  EXPECT_NEAR(measure.rate_before(at, 5, 1000).value(), 10, 1);
}

// The first answer after a long block is accepted before anybody asks what was before the block.
TEST(Measure, ALongBlockHidesNothingOfWhatWasBeforeIt) {
  Measure measure;
  const double at = accept(measure, 1000, 10, 10);
  measure.accepted(at + 500);
  EXPECT_NEAR(measure.rate_before(at, 5, 1000).value(), 10, 1);
  EXPECT_FALSE(measure.rate_before(at + 500, 120, 1000));
  measure.accepted(at + 1000);  // of two of them the one before is forgotten
  EXPECT_FALSE(measure.rate_before(at, 5, 1000));
}

TEST(Measure, FromEmptyBucketToEmptyBucketIsTheLimit) {
  Measure measure;
  accept(measure, 1000, 20, 5);  // a full bucket's burst
  measure.event_ended(1005);
  accept(measure, 1006, 7, 10);
  measure.event_ended(1016);
  accept(measure, 1016, 7, 10);
  EXPECT_NEAR(measure.limit(1026, 20, 1000).value(), 140.0 / 21, 0.1);  // by all that was accepted since the first
}

TEST(Measure, NoLimitIsToldByAQueueThatWasEmpty) {
  Measure measure;
  accept(measure, 1000, 5, 20);
  EXPECT_NEAR(measure.limit(1020, 10, 1000).value(), 5, 0.5);
  measure.idle(1018);
  EXPECT_FALSE(measure.limit(1020, 10, 1000));
}

TEST(Measure, EqualsTheListOfAllTimes) {
  Random random(5);
  for (int run = 0; run < 200; ++run) {
    Measure measure;
    std::vector<double> times;
    double now = 1000;
    const double rate = random.uniform(0.2, 20);
    const int n = static_cast<int>(random.uniform(0, 128));
    for (int i = 0; i < n; ++i) {
      now += random.uniform(0, 2 / rate);
      measure.accepted(now);
      times.push_back(now);
    }
    const double width = random.uniform(1, 120);
    const auto counted = std::count_if(times.begin(), times.end(), [&](double t) { return t >= now - width; });
    const auto measured = measure.rate_before(now, width, 1000);
    ASSERT_EQ(measured.has_value(), counted >= 5) << run;
    if (!measured) continue;
    const double expected = static_cast<double>(counted) / std::min(width, std::max(0.5, now - 1000));
    EXPECT_NEAR(*measured, expected, 1.01 / std::min(width, std::max(0.5, now - 1000))) << run;  // one at the edge
  }
}

}  // namespace
}  // namespace backoffd::policy
