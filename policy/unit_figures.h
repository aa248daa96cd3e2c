// The figures of a gate whose unit is larger than a request. All exchanges of a unit share its arm, so a unit is
// compared as one, by the means of its exchanges. Plain values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "policy/arm_figures.h"
#include "policy/sequential_test.h"

namespace backoffd::policy {

// What is compared of a unit.
enum class Figure { failures, throttled, log_latency };
inline constexpr std::size_t kFigures = 3;
using Figures = std::array<double, kFigures>;

// Units that were compared.
struct UnitFigures {
  std::array<std::uint64_t, kSideNames.size()> units{};
  std::array<double, kSideNames.size()> weights{};
  std::array<Figures, kSideNames.size()> sums{};  // of the units' means, by their weights
  std::array<ScoreWalk, kFigures> walks;

  // A unit of `weight` whose means lie so far from what was expected of it.
  void add(Side side, double share, double weight, const Figures& means, const Figures& expected) {
    const auto of = static_cast<std::size_t>(side);
    ++units[of];
    weights[of] += weight;
    for (std::size_t i = 0; i < kFigures; ++i) {
      sums[of][i] += weight * means[i];
      walks[i].add(side == Side::treatment, share, weight * (means[i] - expected[i]));
    }
  }
  double mean(Side side, Figure figure) const {
    const auto of = static_cast<std::size_t>(side);
    return weights[of] == 0 ? 0 : sums[of][static_cast<std::size_t>(figure)] / weights[of];
  }
};

}  // namespace backoffd::policy
