#include "policy/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

namespace backoffd::policy {
namespace {

using namespace std::chrono_literals;

struct Spread {
  Duration least = Duration::max();
  Duration most{};
  double mean = 0;  // seconds
};

template <class Draw>
Spread spread(Draw draw) {
  constexpr int kDraws = 20'000;
  Spread s;
  for (int i = 0; i < kDraws; ++i) {
    const Duration d = draw();
    s.least = std::min(s.least, d);
    s.most = std::max(s.most, d);
    s.mean += seconds(d) / kDraws;
  }
  return s;
}

TEST(Backoff, FullJitterIsUniformBelowTheDoublingIntervalUpToTheCap) {
  Random random(1);
  for (int n = 1; n <= 12; ++n) {
    const Duration top = std::min<Duration>(60s, 500ms * (1 << n));
    const Spread s = spread([&] { return full_jitter(500ms, 60s, n, random); });
    EXPECT_GE(s.least, 0s) << n;
    EXPECT_LT(s.least, top / 1000) << n;
    EXPECT_LT(s.most, top) << n;
    EXPECT_GT(s.most, top - top / 1000) << n;
    EXPECT_NEAR(s.mean, seconds(top) / 2, seconds(top) / 100) << n;
  }
}

TEST(Backoff, FullJitterNeverOverflows) {
  Random random(2);
  for (const int n : {62, 63, 64, 1023, 1024, 100'000, std::numeric_limits<int>::max()}) {
    for (int i = 0; i < 100; ++i) {
      const Duration d = full_jitter(500ms, 60s, n, random);
      ASSERT_GE(d, 0s);
      ASSERT_LT(d, 60s);
    }
  }
  EXPECT_EQ(full_jitter(0s, 60s, 100'000, random), 0s);
  EXPECT_EQ(full_jitter(1s, 0s, 1, random), 0s);
}

TEST(Backoff, AHintIsNeverShortened) {
  Random random(3);
  for (const Duration x : {Duration(0s), Duration(1ns), Duration(1s), Duration(30s), Duration(24h * 366)}) {
    const Spread s = spread([&] { return jitter_upward(x, random); });
    EXPECT_GE(s.least, x);
    EXPECT_LE(s.most, x + x / 10 + 100ms);
    EXPECT_NEAR(s.mean, seconds(x) * 1.05 + 0.05, seconds(x) / 500 + 0.001);
  }
}

}  // namespace
}  // namespace backoffd::policy
