#include "policy/bans.h"

#include <gtest/gtest.h>

#include "policy/learning_constants.h"

namespace backoffd::policy {
namespace {

TEST(Bans, TheFirstHoldIsShortUntilASilentBlockWasLong) {
  Bans bans;
  EXPECT_DOUBLE_EQ(bans.first_hold(), learning::kFirstHold);
  bans.test_failed(20);
  bans.long_block(30, 60, 10, 70, 50);
  EXPECT_DOUBLE_EQ(bans.first_hold(), 30);  // 20 was too short, 30 was enough: no poking before
  bans.short_block();
  EXPECT_DOUBLE_EQ(bans.first_hold(), learning::kFirstHold);
}

TEST(Bans, AWideBracketIsTriedInItsMiddle) {
  Bans bans;
  bans.test_failed(4);
  bans.long_block(100, 150, 10, 160, 50);
  EXPECT_DOUBLE_EQ(bans.first_hold(), 20);  // between 4 and 100
}

TEST(Bans, BlocksOfOneLengthAreBansHoweverLongItTookToRunIntoThem) {
  Bans bans;
  bans.begin(0);
  bans.long_block(0, 30, 5, 35, 40);  // 5 s of sending, 30 s of block
  EXPECT_FALSE(bans.of_one_length());
  bans.long_block(0, 31, 95, 126, 400);  // 60 s of sending, 31 s of block
  EXPECT_TRUE(bans.of_one_length());
}

TEST(Bans, BlocksThatEndWithTheirWindowAreNone) {
  Bans bans;
  bans.begin(0);
  bans.long_block(0, 50, 10, 60, 100);  // windows of 60 s
  bans.long_block(0, 40, 80, 120, 200);
  EXPECT_FALSE(bans.of_one_length());
  bans.long_block(0, 20, 160, 180, 300);
  EXPECT_FALSE(bans.of_one_length());
}

TEST(Bans, WhatIsCertainOfALimitGrowsWithTheTimeThatAPaceHeld) {
  Bans bans;  // a bucket of 7 and 2/s: at 12/s it was empty after .7 s and 8 accepted
  bans.begin(0);
  bans.long_block(80, 100, 0.7, 100.7, 8);
  bans.long_block(80, 81, 120.7, 201.7, 60);  // 20 s at 2.4/s
  EXPECT_NEAR(bans.least_limit(2.4, 0), 2.4 - 8.0 / 20, 1e-9);
  bans.long_block(80, 81, 401.7, 482.7, 470);  // 200 s at 2.05/s
  EXPECT_NEAR(bans.least_limit(2.05, 0), 2.05 - 8.0 / 200, 1e-9);
  EXPECT_NEAR(bans.least_limit(2.05, 301.7), 2.05 - 8.0 / 100, 1e-9);  // the pace is younger than that
}

}  // namespace
}  // namespace backoffd::policy
