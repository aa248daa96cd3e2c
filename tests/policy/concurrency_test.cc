#include "policy/concurrency.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "policy/random.h"

namespace backoffd::policy {
namespace {

ConcurrencyFinder seen(int accepted, int accepted_at, int refused, int refused_at) {
  ConcurrencyFinder finder;
  for (int i = 0; i < accepted; ++i) finder.accepted(accepted_at);
  for (int i = 0; i < refused; ++i) finder.refused(refused_at);
  return finder;
}

TEST(Concurrency, ToldOnlyByEnoughAnswersThatCanBeToldApart) {
  EXPECT_FALSE(seen(39, 2, 10, 5).separable());
  EXPECT_FALSE(seen(100, 2, 2, 5).separable());
  EXPECT_FALSE(seen(100, 5, 10, 5).separable());
  EXPECT_FALSE(seen(100, 5, 10, 2).separable());
  const auto cut = seen(100, 3, 10, 4).separable();
  ASSERT_TRUE(cut);
  EXPECT_EQ(*cut, 3);
}

TEST(Concurrency, FewRefusalsHaveToTellMoreClearly) {
  struct Case {
    int refused, accepted_above, accepted;
    bool separable;
  };
  for (const Case& c : {Case{3, 5, 100, true}, Case{3, 15, 100, false}, Case{4, 15, 100, true}, Case{4, 30, 100, false},
                        Case{8, 30, 100, true}, Case{8, 60, 100, false}}) {
    ConcurrencyFinder finder = seen(c.accepted - c.accepted_above, 2, c.refused, 6);
    for (int i = 0; i < c.accepted_above; ++i) finder.accepted(6);
    EXPECT_EQ(finder.separable().has_value(), c.separable) << c.refused << " of " << c.accepted_above;
  }
}

TEST(Concurrency, WhatWasLongAgoWeighsHalf) {
  ConcurrencyFinder finder = seen(0, 0, 6, 5);
  for (int i = 0; i < 999; ++i) finder.accepted(2);
  EXPECT_TRUE(finder.separable());
  for (int i = 0; i < 2001; ++i) finder.accepted(2);  // the six have become none
  EXPECT_FALSE(finder.separable());
}

TEST(Concurrency, MoreThanItCanCountAreTheMost) {
  ConcurrencyFinder finder = seen(100, 10, 10, 30000);
  ASSERT_TRUE(finder.separable());
  EXPECT_GE(*finder.separable(), 10);
  EXPECT_LT(*finder.separable(), ConcurrencyFinder::kMost);
}

TEST(Concurrency, TheCapIsHeldAndRaisedByOneWhileItIsClean) {
  ConcurrencyFinder finder;
  EXPECT_TRUE(finder.allows(1000));
  finder.found(3, 100);
  EXPECT_TRUE(finder.allows(2));
  EXPECT_FALSE(finder.allows(3));
  finder.tick(119, 0.2);
  EXPECT_EQ(finder.cap(), 3);
  finder.tick(120, 0.2);
  EXPECT_EQ(finder.cap(), 4);
  finder.tick(129, 0.2);
  EXPECT_EQ(finder.cap(), 4);
  finder.tick(130, 5);
  EXPECT_EQ(finder.cap(), 5);
  finder.tick(140, 5);  // twenty latencies
  EXPECT_EQ(finder.cap(), 5);
}

TEST(Concurrency, ARefusedRaiseIsTakenBackAndTriedLaterEachTime) {
  ConcurrencyFinder finder;
  finder.found(3, 0);
  double now = 20, wait = 20;
  for (int i = 0; i < 10; ++i) {
    finder.tick(now, 0.2);
    ASSERT_EQ(finder.cap(), 4) << i;
    EXPECT_TRUE(finder.explains(4, now));
    EXPECT_EQ(finder.cap(), 3);
    wait = std::min(2 * wait, 20.0 * 64);
    finder.tick(now + wait - 0.01, 0.2);
    ASSERT_EQ(finder.cap(), 3) << i;
    now += wait;
  }
}

TEST(Concurrency, RefusalsBelowTheCapLowerItOrShowThatThereIsNone) {
  ConcurrencyFinder finder;
  finder.found(3, 0);
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(finder.explains(3, 1));
  EXPECT_EQ(finder.cap(), 2);
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(finder.explains(1, 1));
  EXPECT_EQ(finder.cap(), 0);
  EXPECT_FALSE(finder.explains(1, 1));
}

// Providers that refuse the one above their limit, clients whose numbers come and go.
TEST(Concurrency, FindsTheLimitOfAnyProviderAndNoneWhereRefusalsFallAnywhere) {
  Random random(11);
  for (int limit = 1; limit <= 32; ++limit) {
    ConcurrencyFinder finder, blind;
    for (int i = 0; i < 500; ++i) {
      const int in_flight = 1 + static_cast<int>(random.uniform(0, 2 * limit));
      in_flight <= limit ? finder.accepted(in_flight) : finder.refused(in_flight);
      random.uniform(0, 1) < 0.7 ? blind.accepted(in_flight) : blind.refused(in_flight);
    }
    ASSERT_TRUE(finder.separable()) << limit;
    EXPECT_EQ(*finder.separable(), limit);
    EXPECT_FALSE(blind.separable()) << limit;
  }
}

}  // namespace
}  // namespace backoffd::policy
