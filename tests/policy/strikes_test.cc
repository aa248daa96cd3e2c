#include "policy/strikes.h"

#include <gtest/gtest.h>

namespace backoffd::policy {
namespace {

TEST(Strikes, TheLadderTakesTenThenTwentyThenThirtyPointsAndEightyAtMost) {
  Strikes strikes;
  const double expected[] = {0, 0, 10, 20, 40, 60, 80, 80};
  for (const double reduction : expected) {
    strikes.add();
    strikes.climb();
    EXPECT_DOUBLE_EQ(strikes.ladder(), reduction);
  }
  strikes.step_down();
  EXPECT_EQ(strikes.ladder(), 0);
  EXPECT_EQ(strikes.count(), 8);
}

TEST(Strikes, OneIsForgivenAfterThirtySecondsAndAHundredAcceptedRequests) {
  Strikes strikes;
  strikes.begin(0);
  strikes.accepted(0);
  strikes.add();
  strikes.add();
  for (int i = 0; i < 99; ++i) strikes.accepted(31);
  EXPECT_EQ(strikes.count(), 2);  // the time has come, the requests have not
  strikes.accepted(31);
  EXPECT_EQ(strikes.count(), 1);
  for (int i = 0; i < 500; ++i) strikes.accepted(59);
  EXPECT_EQ(strikes.count(), 1);  // the requests have come, the time has not
  strikes.accepted(60);
  EXPECT_EQ(strikes.count(), 0);
}

}  // namespace
}  // namespace backoffd::policy
