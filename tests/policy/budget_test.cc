#include "policy/budget.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "policy/random.h"

namespace backoffd::policy {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kStart{1h};

int spend_all(RetryBudget& budget, MonoTime now) {
  int spent = 0;
  for (; spent < 1000 && budget.allows(now); ++spent) budget.spend(now);
  return spent;
}

TEST(Budget, TheFloorIsThereFromTheFirstMoment) {
  const BudgetConfig config;
  RetryBudget budget(config);
  EXPECT_EQ(spend_all(budget, kStart), 10);
  EXPECT_EQ(spend_all(budget, kStart + 500ms), 5);
  EXPECT_EQ(spend_all(budget, kStart + 500ms), 0);
  EXPECT_EQ(spend_all(budget, kStart + 10min), 10);  // not saved up beyond a second's worth
}

TEST(Budget, ThreeAtOnceHoweverSmallTheFloor) {
  const BudgetConfig config{.ratio = 0, .min_per_second = 0.5};
  RetryBudget budget(config);
  EXPECT_EQ(spend_all(budget, kStart), 3);
  EXPECT_EQ(spend_all(budget, kStart + 1s), 0);
  EXPECT_EQ(spend_all(budget, kStart + 2s), 1);
  EXPECT_EQ(spend_all(budget, kStart + 20s), 3);
}

TEST(Budget, AShareOfTheRequestsOfTheLastTenSeconds) {
  const BudgetConfig config{.ratio = 0.2, .min_per_second = 0};
  RetryBudget budget(config);
  for (int i = 0; i < 100; ++i) budget.count_request(kStart + 9s);
  EXPECT_EQ(spend_all(budget, kStart + 9s), 20);  // the floor's 3 are among them, not on top
  EXPECT_EQ(spend_all(budget, kStart + 18s), 0);
  for (int i = 0; i < 50; ++i) budget.count_request(kStart + 18s);
  EXPECT_EQ(spend_all(budget, kStart + 18s), 10);  // 150 requests in the window, 20 retries used
  EXPECT_EQ(spend_all(budget, kStart + 19s), 0);   // the first 100 and their 20 retries have left it together
  EXPECT_EQ(spend_all(budget, kStart + 40s), 0);
}

TEST(Budget, ALongSilenceEmptiesTheWindow) {
  const BudgetConfig config{.ratio = 1, .min_per_second = 0};
  RetryBudget budget(config);
  for (int i = 0; i < 1000; ++i) budget.count_request(kStart);
  EXPECT_TRUE(budget.allows(kStart + 9s));
  spend_all(budget, kStart + 9s);
  EXPECT_EQ(spend_all(budget, kStart + 100h), 0);
}

TEST(Budget, AClockReadBeforeTheLockDoesNoHarm) {
  const BudgetConfig config{.ratio = 0.2, .min_per_second = 0};
  RetryBudget budget(config);
  spend_all(budget, kStart);  // the floor
  for (int i = 0; i < 100; ++i) budget.count_request(kStart + 500ms);
  EXPECT_TRUE(budget.allows(kStart + 499ms));
  EXPECT_EQ(spend_all(budget, kStart + 500ms), 17);  // 20 % of all 100, less the 3 above
}

// The same rule over lists of events that are never forgotten.
struct Model {
  BudgetConfig config;
  std::deque<std::int64_t> requests, retries;  // bucket numbers
  double floor;
  MonoTime then{};

  explicit Model(BudgetConfig c) : config(c), floor(std::max(3.0, c.min_per_second)) {}
  static std::int64_t bucket(MonoTime now) { return now.time_since_epoch() / 500ms; }
  static double recent(const std::deque<std::int64_t>& events, MonoTime now) {
    return static_cast<double>(
        std::count_if(events.begin(), events.end(), [&](std::int64_t b) { return b > bucket(now) - 20; }));
  }
  void roll(MonoTime now) {
    floor = std::min(std::max(3.0, config.min_per_second), floor + config.min_per_second * seconds(now - then));
    then = now;
  }
  bool allows(MonoTime now) {
    roll(now);
    return recent(retries, now) + 1 <= config.ratio * recent(requests, now) || floor >= 1;
  }
  void spend(MonoTime now) {
    roll(now);
    retries.push_back(bucket(now));
    floor = std::max(0.0, floor - 1);
  }
};

TEST(Budget, RandomRunsAgreeWithTheModel) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    const BudgetConfig config{random.uniform(), random.uniform(0, 5)};
    RetryBudget budget(config);
    Model model(config);
    MonoTime now = kStart;
    for (int i = 0; i < 2000; ++i) {
      now += from_seconds(random.uniform() < 0.01 ? random.uniform(0, 30) : random.uniform(0, 0.1));
      if (random.uniform() < 0.6) {
        budget.count_request(now);
        model.requests.push_back(Model::bucket(now));
      }
      const bool allowed = budget.allows(now);
      ASSERT_EQ(allowed, model.allows(now)) << "seed " << seed << ", step " << i;
      if (allowed) {
        budget.spend(now);
        model.spend(now);
      }
    }
  }
}

}  // namespace
}  // namespace backoffd::policy
