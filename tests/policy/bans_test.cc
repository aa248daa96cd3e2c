#include "policy/bans.h"

#include <gtest/gtest.h>

#include "policy/learning_constants.h"

namespace backoffd::policy {
namespace {

TEST(Bans, TheFirstHoldIsShortUntilASilentBlockWasLong) {
  Bans bans;
  EXPECT_DOUBLE_EQ(bans.first_hold(), learning::kFirstHold);
  bans.test_failed(20);
  bans.long_block(30);
  EXPECT_DOUBLE_EQ(bans.first_hold(), 30);  // 20 was too short, 30 was enough: no poking before
  bans.short_block();
  EXPECT_DOUBLE_EQ(bans.first_hold(), learning::kFirstHold);
}

TEST(Bans, AWideBracketIsTriedInItsMiddle) {
  Bans bans;
  bans.test_failed(4);
  bans.long_block(100);
  EXPECT_DOUBLE_EQ(bans.first_hold(), 20);  // between 4 and 100
}

}  // namespace
}  // namespace backoffd::policy
