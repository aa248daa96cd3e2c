#include "policy/shared_pool.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "policy/learning_constants.h"

namespace backoffd::policy {
namespace {

// Intervals of one answer each 0.5 s, of which `refused` in twenty are refusals.
struct Pool {
  SharedPool pool;
  double pace = 1;
  double now = 0;

  SharedPool::Turn interval(int refused) {
    auto turn = SharedPool::Turn::none;
    for (int i = 0; i < learning::kIntervalAnswers; ++i, now += 0.5) {
      i < refused ? pool.refused() : pool.accepted();
      const auto next = pool.interval(pace, 1.0 / 60, 10, now + 0.5);
      if (next != SharedPool::Turn::none) turn = next;
    }
    return turn;
  }
};

TEST(SharedPool, ManyRefusalsInTwoIntervalsAreTakenForOneAndThePaceGoesBack) {
  Pool world;
  world.pace = 2;
  EXPECT_EQ(world.interval(4), SharedPool::Turn::none);
  world.pace = 1.5;  // cuts meanwhile
  EXPECT_EQ(world.interval(4), SharedPool::Turn::entered);
  EXPECT_TRUE(world.pool.active());
  EXPECT_DOUBLE_EQ(world.pace, 2);
}

TEST(SharedPool, ADeepCutMakesWhatWasRefusedBeforeOldNews) {
  Pool world;
  EXPECT_EQ(world.interval(4), SharedPool::Turn::none);
  for (int i = 0; i < 10; ++i) world.pool.refused();
  world.pool.deep_cut();
  EXPECT_EQ(world.interval(0), SharedPool::Turn::none);
  EXPECT_FALSE(world.pool.active());
}

TEST(SharedPool, CutsThatDoNotHelpAreTakenForOne) {
  SharedPool pool;
  double pace = 10;
  std::uint64_t accepted = 100;
  std::optional<double> entered;
  int cuts = 0;
  for (; cuts < 20 && !entered; ++cuts, pace *= 0.95, accepted += 4)
    entered = pool.futile_cut(pace, accepted, cuts * 2.0);
  ASSERT_TRUE(entered);
  EXPECT_EQ(cuts, learning::kFutileCuts + 1);
  EXPECT_NEAR(*entered, learning::kFutileBoost * 2, 0.01);  // 4 in 2 s were accepted
}

TEST(SharedPool, CutsThatHelpAreNot) {
  SharedPool pool;
  double pace = 20;
  std::uint64_t accepted = 0;
  for (int cut = 0; cut < 30; ++cut, pace *= 0.95) {
    accepted += cut % 3 == 2 ? learning::kHelpedAccepted + 1 : 3;
    EXPECT_FALSE(pool.futile_cut(pace, accepted, cut * 5.0));
  }
}

TEST(SharedPool, ALowerPaceThatIsNotRefusedShowsThatItIsALimitAfterAll) {
  Pool world;
  world.interval(4);
  world.interval(4);
  ASSERT_TRUE(world.pool.active());
  auto turn = SharedPool::Turn::adjusted;
  int intervals = 0;
  for (; turn == SharedPool::Turn::adjusted && intervals < 100; ++intervals)
    turn = world.interval(static_cast<int>(20 * std::max(0.0, 1 - 0.9 / world.pace)));  // a limit of .9/s
  EXPECT_EQ(turn, SharedPool::Turn::left);
  EXPECT_LT(intervals, 20);
  EXPECT_FALSE(world.pool.active());
}

TEST(SharedPool, ThePaceDoesNotRiseWhileTooMuchIsRefused) {
  Pool world;
  world.interval(10);
  world.interval(10);
  ASSERT_TRUE(world.pool.active());
  const double before = world.pace;
  for (int i = 0; i < 12; ++i) world.interval(10);  // half of everything
  EXPECT_LT(world.pace, before);
}

}  // namespace
}  // namespace backoffd::policy
