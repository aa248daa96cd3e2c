#include "policy/quota.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "policy/random.h"

namespace backoffd::policy {
namespace {

constexpr Quota::Bounds kBounds{.believed = 900, .for_long = 300};

Hint told(std::int64_t limit, std::int64_t remaining, double reset) {
  Hint hint;
  hint.limit = limit;
  hint.remaining = remaining;
  hint.reset = from_seconds(reset);
  return hint;
}

struct QuotaTest : testing::Test {
  void read(std::int64_t limit, std::int64_t remaining, double reset, std::uint64_t number = 0) {
    quota.read(told(limit, remaining, reset), number, kBounds, now);
  }
  Quota quota;
  double now = 1000;
};

TEST_F(QuotaTest, HoldsNobodyBeforeAnythingIsTold) {
  quota.sent(now);
  EXPECT_FALSE(quota.running(now));
  EXPECT_FALSE(quota.used_up(now));
  EXPECT_EQ(quota.next_time(now, now), now);
}

TEST_F(QuotaTest, WhatIsLeftSaysWhenTheNextMayStart) {
  struct Case {
    const char* what;
    std::int64_t limit, remaining;
    double reset;
    double wait;
    bool for_long;
  };
  for (const Case& c : {
           Case{"plenty", 60, 30, 60, 0, false},
           Case{"a tenth is not less than a tenth", 60, 6, 60, 0, false},
           Case{"the last ones are spread over the time that is left", 60, 5, 60, 10, false},
           Case{"never slower than one a minute", 10000, 1, 800, 60, false},
           Case{"none is left", 60, 0, 60, 60.02, false},
           Case{"none for longer than a pause", 60, 0, 301, 301.02, true},
           Case{"none for longer than is believed", 60, 0, 7200, 900, true},
           Case{"whole seconds: a reset that near may be over", 60, 0, 3, 0, false},
       }) {
    SCOPED_TRACE(c.what);
    quota = {};
    read(c.limit, c.remaining, c.reset);
    EXPECT_NEAR(quota.next_time(now, now) - now, c.wait, 1e-3);
    EXPECT_EQ(quota.for_long(now), c.for_long);
    EXPECT_EQ(quota.used_up(now), c.remaining == 0 && c.wait > 0);
    EXPECT_EQ(quota.next_time(now + c.reset + 1, now), now + c.reset + 1);
  }
}

TEST_F(QuotaTest, AResetThatIsNearHoldsWhereItsWindowHasRoomForWhatComesBackMeanwhile) {
  for (const auto& [window, wait] :
       {std::pair{1.0, 0.0}, std::pair{1.9, 0.0}, std::pair{2.0, 1.02}, std::pair{60.0, 1.02}}) {
    quota = {};
    Hint hint = told(40, 0, 1);
    hint.window = from_seconds(window);
    quota.read(hint, 0, kBounds, now);
    EXPECT_NEAR(quota.next_time(now, now) - now, wait, 1e-3) << window;
  }
}

TEST_F(QuotaTest, EachRequestTakesOneAndTheLastHoldsTheOthersUntilItsAnswer) {
  read(100, 2, 600);
  quota.sent(now);
  EXPECT_EQ(quota.left(), 1);
  EXPECT_FALSE(quota.used_up(now));
  const std::uint64_t last = quota.sent(now);
  EXPECT_TRUE(quota.used_up(now));
  EXPECT_NEAR(quota.blocked_until(), now + 60, 1e-6);  // its answer may have been lost
  EXPECT_FALSE(quota.for_long(now));
  now += 1;
  read(100, 50, 599, last);
  EXPECT_FALSE(quota.used_up(now));
}

TEST_F(QuotaTest, AnAnswerThatWasOvertakenIsNoNews) {
  read(100, 90, 60);
  const std::uint64_t first = quota.sent(now), second = quota.sent(now);
  read(100, 40, 60, second);
  EXPECT_EQ(quota.left(), 40);
  read(100, 89, 60, first);
  EXPECT_EQ(quota.left(), 40);
  const std::uint64_t third = quota.sent(now);
  quota.sent(now);  // under way when the answer to the third comes
  read(100, 39, 60, third);
  EXPECT_EQ(quota.left(), 38);
}

TEST_F(QuotaTest, AnswersToRequestsOfTheOneBeforeAreToldApart) {
  read(100, 90, 60);
  const std::uint64_t old = quota.sent(now);
  quota.begin_anew();
  EXPECT_FALSE(quota.running(now));
  read(50, 20, 60, old);
  EXPECT_EQ(quota.left(), 20);
  EXPECT_GT(quota.sent(now), old);
}

TEST_F(QuotaTest, RetryAfterTakesThePlaceOfTheResetWhereNoneIsLeft) {
  Hint hint = told(60, 0, 3600);
  hint.retry_after = std::chrono::seconds(5);
  quota.read(hint, 0, kBounds, now);
  EXPECT_NEAR(quota.blocked_until(), now + 5.02, 1e-6);
}

TEST_F(QuotaTest, KnowsSinceWhenItHolds) {
  read(100, 50, 60);
  now += 5;
  read(100, 5, 55);
  EXPECT_EQ(quota.since(), now);
  now += 5;
  read(100, 4, 50);
  EXPECT_EQ(quota.since(), now - 5);
  now += 5;
  read(100, 0, 45);
  EXPECT_EQ(quota.since(), now);
}

// A provider with a fixed window, answers that overtake each other, one client that always has something to ask.
TEST_F(QuotaTest, NobodyIsRefusedByAProviderThatTellsWhatIsLeft) {
  Random random(3);
  for (int run = 0; run < 20; ++run) {
    quota = {};
    now = 1000;
    const int limit = 20 + static_cast<int>(random.uniform(0, 200));
    const double window = random.uniform(20, 300);
    const double began = now;
    int left = limit, window_number = 0, refused = 0, accepted = 0;
    double last = now;
    while (now < began + 5 * window) {
      const double at = quota.next_time(now, last);
      now = std::max(at, now) + 0.05;
      if (const int number = static_cast<int>((now - began) / window); number != window_number) {
        window_number = number;
        left = limit;
      }
      const std::uint64_t number = quota.sent(now);
      last = now;
      const double reset = began + (window_number + 1) * window - now;
      refused += left == 0 && reset > learning::kCoarseReset + 1 ? 1 : 0;
      accepted += left > 0 ? 1 : 0;
      left = std::max(0, left - 1);
      read(limit, left, reset, number);
    }
    EXPECT_EQ(refused, 0) << run;  // but for a reset that is too near to wait for
    EXPECT_GE(accepted, 4 * limit) << run;
  }
}

}  // namespace
}  // namespace backoffd::policy
