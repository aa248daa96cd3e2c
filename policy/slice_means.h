// The figures of a gate whose unit is a slice: a key for some minutes. Slices make a switchback experiment, in which
// the first part of each is washed out, so that what the other arm left behind (queues, pauses, a limit that was just
// cut) is not held against this one: Bojinov, Simchi-Levi, Zhao 2023, "Design and analysis of switchback experiments",
// Management Science 69:7, 3759. Each slice is drawn anew, so slices are added to a ScoreWalk as they end, each against
// what its key was like before, and a busy one counts no more than a quiet one.
//
// Bounded: beyond kMostSlices, slices are left out. A plain value without a lock; its owner is policy/experiment.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>

#include "policy/running_mean.h"
#include "policy/time.h"
#include "policy/unit_figures.h"

namespace backoffd::policy {

class SliceMeans {
 public:
  static constexpr std::size_t kMostSlices = 4096;  // open ones, and keys

  // `slice`, `key`: hashes. `ends`: the slice.
  void add(std::uint64_t slice, std::uint64_t key, MonoTime ends, Side side, const Figures& figures);
  // Slices that ended before `now` are complete; what comes of one later is not to be added, as it would be a unit
  // anew.
  void close(MonoTime now, double share);
  bool closed(MonoTime ends) const { return ends < closed_before_; }
  const UnitFigures& compared() const { return compared_; }

 private:
  struct Slice {
    std::uint64_t key;
    MonoTime ends;
    Side side;
    double exchanges = 0;
    Figures sums{};
  };
  using Centres = std::array<RunningMean, kFigures>;

  std::unordered_map<std::uint64_t, Slice> open_;
  std::unordered_map<std::uint64_t, Centres> before_;  // by key: what its earlier slices were like
  MonoTime next_end_ = kNever;
  MonoTime closed_before_ = MonoTime::min();
  UnitFigures compared_;
};

}  // namespace backoffd::policy
