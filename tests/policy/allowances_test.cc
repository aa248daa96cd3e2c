#include "policy/allowances.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <utility>

#include "policy/random.h"

namespace backoffd::policy {
namespace {

TEST(Allowances, NoneIsNone) {
  Allowances allowances;
  EXPECT_EQ(allowances.find(Allowances::kNone), nullptr);
}

TEST(Allowances, TheOneMadeLongestAgoGivesWay) {
  Allowances allowances;
  const Allowances::Id first = allowances.make(10);
  EXPECT_NE(first, Allowances::kNone);
  for (std::size_t i = 1; i < Allowances::kMost; ++i) allowances.make(10);
  EXPECT_NE(allowances.find(first), nullptr);
  const Allowances::Id last = allowances.make(10);
  EXPECT_EQ(allowances.find(first), nullptr);
  EXPECT_NE(allowances.find(first + 1), nullptr);
  EXPECT_NE(allowances.find(last), nullptr);
}

// Told apart by what they found: each has had two bans of a provider of its own.
TEST(Allowances, EachKeepsItsOwnEvidence) {
  Allowances allowances;
  std::deque<std::pair<Allowances::Id, double>> known;
  Random random(1);
  for (std::size_t i = 0; i < 2 * Allowances::kMost; ++i) {
    const double rate = random.uniform(1, 9);
    known.emplace_back(allowances.make(2 * rate), rate);
    if (known.size() > Allowances::kMost) known.pop_front();
    Allowance& one = *allowances.find(known.back().first);
    double now = 0;
    std::uint64_t number = 0;
    for (const double pace : {2 * rate, 1.1 * rate}) {  // a bucket of 5
      one.resumed(now);
      double tokens = 5;
      while (true) {
        one.sent(now, ++number);
        if (tokens < 1) break;
        one.accepted(number);
        tokens = std::min(5.0, tokens - 1 + rate / pace);
        now += 1 / pace;
      }
      one.refused(number, now);
      now += 30;
    }
  }
  for (const auto& [id, rate] : known) {
    const auto finding = allowances.find(id)->finding(30);
    ASSERT_TRUE(finding.has_value()) << rate;
    EXPECT_LT(finding->low, 1.05 * rate);
    EXPECT_GT(finding->high, 0.95 * rate);
  }
}

}  // namespace
}  // namespace backoffd::policy
