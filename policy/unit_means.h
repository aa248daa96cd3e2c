// The figures of a gate whose unit is larger than a request: all exchanges of a unit share its arm, so a unit counts
// once, by its means, and a busy one no more than a quiet one.
//
// Slices (a key for some minutes) make a switchback experiment, in which the first part of each is washed out, so that
// what the other arm left behind (queues, pauses, a limit that was just cut) is not held against this one: Bojinov,
// Simchi-Levi, Zhao 2023, "Design and analysis of switchback experiments", Management Science 69:7, 3759. Each slice is
// drawn anew, so slices are added to a ScoreWalk as they end, each against what its key was like before. Clients and
// keys keep their arm; they are compared as they stand, each against all others.
//
// Bounded: beyond kMostUnits, units are left out. A plain value without a lock; its owner is policy/experiment.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>

#include "policy/arm_figures.h"
#include "policy/sequential_test.h"
#include "policy/time.h"

namespace backoffd::policy {

// What is compared of a unit.
enum class Figure { failures, throttled, log_latency };
inline constexpr std::size_t kFigures = 3;
using Figures = std::array<double, kFigures>;

// Exponential moving average that begins as the plain one.
class RunningMean {
 public:
  explicit RunningMean(double least_weight) : least_weight_(least_weight) {}
  void add(double x) {
    ++count_;
    const double weight = 1.0 / static_cast<double>(count_);
    mean_ += (weight > least_weight_ ? weight : least_weight_) * (x - mean_);
  }
  bool empty() const { return count_ == 0; }
  double get() const { return mean_; }

 private:
  double least_weight_;
  double mean_ = 0;
  std::uint64_t count_ = 0;
};

// Units that were compared.
struct UnitFigures {
  std::array<std::uint64_t, kSideNames.size()> units{};
  std::array<Figures, kSideNames.size()> sums{};  // of the units' means
  std::array<ScoreWalk, kFigures> walks;

  double mean(Side side, Figure figure) const {
    const auto n = static_cast<double>(units[static_cast<std::size_t>(side)]);
    return n == 0 ? 0 : sums[static_cast<std::size_t>(side)][static_cast<std::size_t>(figure)] / n;
  }
};

class UnitMeans {
 public:
  static constexpr std::size_t kMostUnits = 4096;

  // `unit`, `key`: hashes. `ends`: of a slice; kNever for a unit that stays.
  void add(std::uint64_t unit, std::uint64_t key, MonoTime ends, Side side, const Figures& figures);
  // Slices that ended before `now` are complete; what comes of one later is not to be added, as it would be a unit
  // anew.
  void close(MonoTime now, double share);
  bool closed(MonoTime ends) const { return ends < closed_before_; }
  UnitFigures compare(double share) const;

 private:
  struct Unit {
    std::uint64_t key;
    MonoTime ends;
    Side side;
    double exchanges = 0;
    Figures sums{};
  };
  using Centres = std::array<RunningMean, kFigures>;
  static void count(const Figures& means, const Figures& centres, Side side, double share, UnitFigures& into);

  std::unordered_map<std::uint64_t, Unit> units_;      // open slices, or all clients or keys
  std::unordered_map<std::uint64_t, Centres> before_;  // by key: what its earlier slices were like
  MonoTime next_end_ = kNever;
  MonoTime closed_before_ = MonoTime::min();
  UnitFigures closed_;
};

}  // namespace backoffd::policy
