#include "policy/allowance.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace backoffd::policy {
namespace {

// A provider that bans whoever takes from an empty bucket, until it is full again; answers come at once.
class Provider {
 public:
  Provider(double rate, double burst) : rate_(rate), burst_(burst) {}

  void allow(double rate) { rate_ = rate; }

  // Sends at `pace` for so many seconds, or until a refusal, after which the ban is sat out. True: refused.
  bool send(Allowance& allowance, double pace, double seconds) {
    for (const double end = now_ + seconds; now_ < end; now_ += 1 / pace) {
      tokens_ = std::min(burst_, tokens_ + rate_ * (now_ - filled_));
      filled_ = now_;
      allowance.sent(now_, ++number_);
      if (tokens_ < 1) {
        allowance.refused(number_, now_);
        now_ = filled_ = now_ + 30;
        tokens_ = burst_;
        allowance.resumed(now_);
        return true;
      }
      tokens_ -= 1;
      allowance.accepted(number_);
    }
    return false;
  }
  double now() const { return now_; }

 private:
  double rate_, burst_;
  double now_ = 0, filled_ = 0;
  double tokens_ = burst_;
  std::uint64_t number_ = 0;
};

TEST(Allowance, OneBlockMayBeOfAnyRate) {
  Allowance allowance(10);
  Provider provider(5, 5);
  allowance.resumed(provider.now());
  EXPECT_TRUE(provider.send(allowance, 8, 60));
  EXPECT_FALSE(allowance.finding(30).has_value());
  EXPECT_FALSE(allowance.contradicted());
}

TEST(Allowance, TwoBlocksAtUnlikePacesTellTheLimit) {
  Allowance allowance(10);
  Provider provider(5, 5);
  allowance.resumed(provider.now());
  ASSERT_TRUE(provider.send(allowance, 8, 60));
  ASSERT_TRUE(provider.send(allowance, 5.5, 60));
  const auto found = allowance.finding(30);
  ASSERT_TRUE(found.has_value());
  EXPECT_NEAR(found->low, 5, 0.5);
  EXPECT_LE(found->low, 5.1);
  EXPECT_GE(found->high, 4.9);
  EXPECT_LE(found->high, 5.5);
}

TEST(Allowance, TimeBelowTheLimitIsNoEvidenceAgainstIt) {  // the bucket runs over meanwhile
  Allowance allowance(10);
  Provider provider(5, 5);
  allowance.resumed(provider.now());
  ASSERT_FALSE(provider.send(allowance, 2, 100));
  ASSERT_TRUE(provider.send(allowance, 8, 60));
  ASSERT_FALSE(provider.send(allowance, 3, 50));
  ASSERT_TRUE(provider.send(allowance, 5.5, 60));
  const auto found = allowance.finding(30);
  ASSERT_TRUE(found.has_value());
  EXPECT_NEAR(found->low, 5, 0.5);
  EXPECT_NEAR(found->high, 5, 0.5);
}

TEST(Allowance, WhatIsAcceptedForLongNarrowsIt) {
  Allowance allowance(10);
  Provider provider(5, 5);
  allowance.resumed(provider.now());
  ASSERT_TRUE(provider.send(allowance, 8, 60));
  ASSERT_TRUE(provider.send(allowance, 5.5, 60));
  ASSERT_FALSE(provider.send(allowance, 4.95, 600));
  const auto found = allowance.finding(30);
  ASSERT_TRUE(found.has_value());
  EXPECT_NEAR(found->low, 4.95, 0.1);
  EXPECT_LE(found->high, 5.25);
}

TEST(Allowance, AnswersStillOnTheirWayAtARefusalCountForNothing) {
  Allowance early(10);
  Allowance late(10);  // three more were sent before the refusal was known
  for (Allowance* allowance : {&early, &late}) {
    allowance->resumed(0);
    for (int i = 1; i <= 9; ++i) {
      allowance->sent(0.125 * i, static_cast<std::uint64_t>(i));
      if (i <= 6) allowance->accepted(static_cast<std::uint64_t>(i));
    }
  }
  for (int i = 10; i <= 12; ++i) late.sent(0.125 * i, static_cast<std::uint64_t>(i));
  for (Allowance* allowance : {&early, &late}) {
    allowance->refused(9, 0.125 * 9);
    allowance->resumed(100);
    for (int i = 1; i <= 40; ++i) {
      allowance->sent(100 + 0.18 * i, static_cast<std::uint64_t>(12 + i));
      allowance->accepted(static_cast<std::uint64_t>(12 + i));
    }
    allowance->refused(52, 107.2);
  }
  ASSERT_EQ(early.finding(30).has_value(), late.finding(30).has_value());
  ASSERT_TRUE(early.finding(30).has_value());
  EXPECT_NEAR(early.finding(30)->low, late.finding(30)->low, 1e-3);
  EXPECT_NEAR(early.finding(30)->high, late.finding(30)->high, 1e-3);
}

TEST(Allowance, ANumberWhateverTheTimeIsNoRate) {
  Allowance allowance(10);
  double now = 0;
  std::uint64_t number = 0;
  for (const double pace : {9.0, 6.0, 4.0}) {  // a window of a hundred
    allowance.resumed(now);
    for (int i = 0; i < 100; ++i) {
      allowance.sent(now += 1 / pace, ++number);
      allowance.accepted(number);
    }
    allowance.sent(now += 1 / pace, ++number);
    allowance.refused(number, now);
    now += 40;
  }
  EXPECT_FALSE(allowance.finding(30).has_value());
}

TEST(Allowance, ABucketThatTheBlockDoesNotFillIsNoExplanation) {
  Allowance allowance(10);
  Provider provider(5, 50);
  allowance.resumed(provider.now());
  ASSERT_TRUE(provider.send(allowance, 9, 600));
  ASSERT_TRUE(provider.send(allowance, 6, 600));
  EXPECT_TRUE(allowance.finding(30).has_value());
  EXPECT_FALSE(allowance.finding(5).has_value());  // 50 take ten seconds
}

TEST(Allowance, ALimitThatMovedContradictsWhatWasSeen) {
  Allowance allowance(10);
  Provider provider(5, 20);
  allowance.resumed(provider.now());
  ASSERT_TRUE(provider.send(allowance, 9, 60));
  ASSERT_TRUE(provider.send(allowance, 6, 60));
  ASSERT_FALSE(provider.send(allowance, 4.9, 2000));
  EXPECT_FALSE(allowance.contradicted());
  provider.allow(3);
  ASSERT_TRUE(provider.send(allowance, 4.9, 600));
  EXPECT_TRUE(allowance.contradicted());
  EXPECT_FALSE(allowance.finding(30).has_value());
}

TEST(Allowance, ARefusalOfTheVeryFirstRequestFitsNoRate) {
  Allowance allowance(10);
  allowance.resumed(0);
  allowance.sent(0, 1);
  allowance.refused(1, 0);
  EXPECT_TRUE(allowance.contradicted());
}

}  // namespace
}  // namespace backoffd::policy
