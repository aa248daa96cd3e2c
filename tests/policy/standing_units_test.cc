#include "policy/standing_units.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "policy/random.h"

namespace backoffd::policy {
namespace {

using namespace std::chrono_literals;

const MonoTime kStart{1000h};
constexpr Figures kFailed = {1, 0, 0};
constexpr Figures kServed = {0, 0, 0};

Side side_of(std::uint64_t unit) { return unit % 2 == 1 ? Side::treatment : Side::control; }

TEST(StandingUnits, AreLookedAtWhenThereAreExchangesAndUnitsEnough) {
  StandingUnits units(10, 4);
  const auto add = [&](std::uint64_t unit, int times) {
    for (int i = 0; i < times; ++i) units.add(unit, side_of(unit), kServed, kStart, kStart);
  };
  add(1, 50);
  EXPECT_EQ(units.look(0.5, kStart).number, 0);
  EXPECT_EQ(units.look(0.5, kStart).part(), 0) << "nothing may be said before";
  add(2, 1);
  add(3, 1);
  EXPECT_EQ(units.look(0.5, kStart).number, 0);
  EXPECT_EQ(units.look(0.5, kStart).units, 3u);
  add(4, 1);
  EXPECT_EQ(units.look(0.5, kStart).number, 1);
  EXPECT_EQ(units.look(0.5, kStart).exchanges, 53u);

  StandingUnits few(10, 4);
  for (std::uint64_t unit = 0; unit < 9; ++unit) few.add(unit, side_of(unit), kServed, kStart, kStart);
  EXPECT_EQ(few.look(0.5, kStart).number, 0);
}

// A look each second finds what chance makes soon: between the looks that alpha was spent on, nothing is new.
TEST(StandingUnits, NothingIsNewBetweenLooks) {
  StandingUnits units(100, 4);
  double spent = 0;
  int looks = 0;
  std::uint64_t due = 100;
  for (std::uint64_t i = 1; i <= 100'000; ++i) {
    units.add(i % 10, side_of(i), i % 10 == 3 ? kFailed : kServed, kStart, kStart);
    const UnitLook& look = units.look(0.5, kStart);
    ASSERT_EQ(look.number > looks, i == due) << i;
    if (look.number == looks) continue;
    looks = look.number;
    spent += look.part();
    due = look.next;
    EXPECT_EQ(look.next, static_cast<std::uint64_t>(1.5 * static_cast<double>(i)) + 1);
  }
  EXPECT_GT(looks, 10);
  EXPECT_LT(spent, 1);
}

// What is compared, written out: weighted means, each unit against all others.
TEST(StandingUnits, AreComparedByWeightedMeans) {
  Random random(3);
  StandingUnits units(500, 2);
  std::map<std::uint64_t, std::vector<double>> all;
  for (int i = 0; i < 500; ++i) {
    const auto unit = static_cast<std::uint64_t>(std::pow(random.uniform(), 3) * 30);
    const double latency = random.uniform();
    all[unit].push_back(latency);
    units.add(unit, side_of(unit), {0, 0, latency}, kStart, kStart);
  }
  const UnitLook& look = units.look(0.3, kStart);
  ASSERT_EQ(look.number, 1);

  std::map<std::uint64_t, std::pair<double, double>> means;  // weight, mean
  double weights = 0, total = 0;
  for (const auto& [unit, latencies] : all) {
    double sum = 0;
    for (const double latency : latencies) sum += latency;
    const auto n = static_cast<double>(latencies.size());
    means[unit] = {n / (n + 16), sum / n};
    weights += n / (n + 16);
    total += n / (n + 16) * sum / n;
  }
  double score = 0, treated_weight = 0, treated = 0;
  for (const auto& [unit, of] : means) {
    const auto& [weight, mean] = of;
    const bool is_treated = side_of(unit) == Side::treatment;
    score += (is_treated ? 0.7 : -0.3) * weight * (mean - (total - weight * mean) / (weights - weight));
    treated_weight += is_treated ? weight : 0;
    treated += is_treated ? weight * mean : 0;
  }
  const auto figure = static_cast<std::size_t>(Figure::log_latency);
  EXPECT_NEAR(look.figures.walks[figure].effect(0.3), score / (weights * 0.3 * 0.7), 1e-12);
  EXPECT_NEAR(look.figures.mean(Side::treatment, Figure::log_latency), treated / treated_weight, 1e-12);
  EXPECT_EQ(look.figures.units[0] + look.figures.units[1], all.size());
}

// Treatment fails at once what control fails after a minute: a look has the exchanges that began before it was due,
// all of them.
TEST(StandingUnits, ALookWaitsForWhatItIsOf) {
  StandingUnits units(40, 4);
  MonoTime now = kStart;
  for (int second = 0; second < 20; ++second, now += 1s) {
    units.add(1, Side::treatment, kFailed, now, now);
    units.add(3, Side::treatment, kServed, now, now);
    units.add(4, Side::control, kServed, now, now);
  }
  const MonoTime due = kStart + 13s;  // the 40th
  EXPECT_EQ(units.look(0.5, due - 1ms).number, 0);
  for (int second = 0; second < 20; ++second) {
    units.add(2, Side::control, kFailed, kStart + second * 1s, kStart + second * 1s + 60s);
  }
  const UnitLook first = units.look(0.5, kStart + 2min);
  ASSERT_EQ(first.number, 1);
  EXPECT_DOUBLE_EQ(first.figures.mean(Side::treatment, Figure::failures), 0.5);
  EXPECT_DOUBLE_EQ(first.figures.mean(Side::control, Figure::failures), 0.5);
  // What began later is part of the next one.
  now = kStart + 3min;
  while (units.look(0.5, now).number == 1) units.add(3, Side::treatment, kServed, now, now);
  const UnitFigures& second = units.look(0.5, now).figures;
  EXPECT_EQ(second.units[0] + second.units[1], 4u);
  EXPECT_EQ(units.look(0.5, now).number, 2);
}

TEST(StandingUnits, BeyondTheirNumberTheyAreLeftOut) {
  StandingUnits units(1, 2);
  for (std::uint64_t unit = 0; unit < 2 * StandingUnits::kMostUnits; ++unit) {
    units.add(unit, side_of(unit), kServed, kStart, kStart);
  }
  EXPECT_EQ(units.look(0.5, kStart).units, StandingUnits::kMostUnits);
}

}  // namespace
}  // namespace backoffd::policy
