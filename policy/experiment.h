// One gate's experiment: collects what its comparison rests on, from the flip that began it to the next one. What a
// gate was before (another percentage, other providers) is never mixed in: a share that changes while the world does
// would compare one arm's good hours with the other's bad ones (Simpson's paradox).
//
// An exchange counts under the flip it began under. Overridden ones are counted apart and never compared: whoever
// chooses the arm biases it. Where a slice is the unit, its washout is left out, as is that time after the flip. A
// slice waits for its exchanges as long as it lasted itself, an hour at most; one that ends later still is counted
// apart.
//
// Not thread-safe; owned by the engine, behind a mutex of its own. Memory is bounded by its parts.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/arm_figures.h"
#include "policy/comparison.h"
#include "policy/config.h"
#include "policy/gate.h"
#include "policy/running_mean.h"
#include "policy/slice_means.h"
#include "policy/standing_units.h"
#include "policy/time.h"

namespace backoffd::policy {

// Where an exchange stands in a gate's experiment; fixed when it is admitted.
struct Assignment {
  std::uint32_t trial = 0;  // the flip it began under; 0: none
  bool washout = false;
  std::uint64_t unit = 0;       // hash of the unit, where that is no request
  MonoTime unit_ends = kNever;  // of a slice
};

// How an exchange takes part in the gates' experiments: what its first plan said. A failover goes to another key, and
// is itself something that a treatment does; so neither the key that an exchange is measured against nor its arm may
// follow it there.
struct Enrolment {
  std::string key;  // "provider@host" it was meant for; empty: it takes part in none
  std::array<Arm, kGateNames.size()> arms;
  std::array<Assignment, kGateNames.size()> assignments;
};

class Experiment {
 public:
  explicit Experiment(const ExperimentConfig& config) : config_(config) {}

  // A flip: everything begins anew. `alpha`: of this trial; a ramp spends the gate's in parts.
  void restart(std::uint32_t trial, const GateSetting& setting, double alpha, MonoTime now);

  // `key`: its text; `key_hash`: the same for every exchange of the key.
  void finished(const Assignment& assignment, const Arm& arm, std::string_view key, std::uint64_t key_hash,
                const ExchangeFigures& exchange, const AttemptFigures& attempts, MonoTime now);

  std::uint32_t trial() const { return trial_; }
  MonoTime began() const { return began_; }
  const GateSetting& setting() const { return setting_; }
  std::uint64_t overridden() const { return overridden_; }
  std::uint64_t washed_out() const { return washed_out_; }
  std::uint64_t late() const { return late_; }  // ended after their slice had been compared
  const BothArms& since_flip() const { return since_flip_; }
  // What has settled by now.
  Evidence evidence(MonoTime now);
  FiguresTable& figures() { return table_; }

 private:
  struct Totals {
    std::array<ArmCounts, kSideNames.size()> counts;
    ScoreWalk latency;
    void merge(const Totals& other);
  };
  // Exchanges that began in a stretch of time, until they have settled.
  struct Stretch {
    std::int64_t number = -1;
    Totals totals;
  };
  static constexpr std::int64_t kStretches = 16;
  static constexpr Duration kLongestPatience = std::chrono::hours(1);

  Totals& totals_of(MonoTime began);
  void settle(MonoTime now);
  Duration patience() const { return std::max(config_.settle, std::min<Duration>(setting_.slice, kLongestPatience)); }
  Duration stretch() const { return std::max(config_.settle / 8, Duration(std::chrono::milliseconds(1))); }
  double centre(std::uint64_t key_hash, double log_latency);

  const ExperimentConfig& config_;
  std::uint32_t trial_ = 0;
  GateSetting setting_;
  double alpha_ = 0;
  MonoTime began_{};

  std::uint64_t overridden_ = 0;
  std::uint64_t washed_out_ = 0;
  std::uint64_t late_ = 0;
  FiguresTable table_;
  BothArms since_flip_;

  std::array<Stretch, kStretches> unsettled_;
  std::int64_t settled_before_ = 0;  // stretches with a lower number are in settled_
  Totals settled_;
  std::unordered_map<std::uint64_t, RunningMean> centres_;  // log latency by key
  SliceMeans slices_;
  StandingUnits standing_;
};

}  // namespace backoffd::policy
