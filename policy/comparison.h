// Both arms of a gate side by side: the differences with their intervals, and the verdict with its reasons in words.
// Pure: the evidence is an argument (policy/experiment collects it), and so are the figures of the whole process.
//
// What is compared, and how (policy/sequential_test says why one may look at any time):
//   success_rate     the share of exchanges whose client got a good answer. Unit request: the failures, by their
//                    beta-binomial mixture. Larger units: the units' means, as a ScoreWalk; of units that stay at
//                    the looks of policy/standing_units, between which nothing is said anew.
//   throttled_share  the share of exchanges that met a throttle answer; likewise.
//   latency          the ratio of geometric means of the latency to the last byte, as a ScoreWalk of logarithms: a
//                    download a thousand times as long as the others weighs seven times as much, not a thousand times.
//   latency_p95      the arms' 95th percentiles, each between the order statistics that hold it: a harm to few requests
//                    that the mean of logarithms would hide. Its test needs exchanges that are alike, which nobody
//                    promises; so it may raise a hand, but roll nothing back. Larger units are surely not alike: theirs
//                    are shown without a test.
//
// The verdict: the first that holds of
//   rollback      success fell by `success_drop` or more, or latency rose by `latency_rise` or more, and the interval
//                 of the same figure excludes "no worse". Both share alpha, so a gate that harms nobody is rolled back
//                 with probability alpha at most, however long and often one looks. Not where the arms as a whole say
//                 the opposite of what was found key by key
//   observe       a harm that is sure but no ground for rollback; throttle answers surely became more; slower at the
//                 95th percentile; memory or CPU grows; the arms do not have their shares
//   insufficient  too few exchanges, or an interval that still holds a harm at the threshold
//   observe       throttle answers are not yet shown to be fewer
//   keep
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/arm_figures.h"
#include "policy/config.h"
#include "policy/gate.h"
#include "policy/sequential_test.h"
#include "policy/standing_units.h"
#include "policy/unit_figures.h"

namespace backoffd::policy {

enum class GateVerdict { insufficient, keep, observe, rollback };
inline constexpr std::array<std::string_view, 4> kGateVerdictNames = {"insufficient", "keep", "observe", "rollback"};
constexpr std::string_view name(GateVerdict verdict) { return kGateVerdictNames[static_cast<std::size_t>(verdict)]; }

// Of the process as a whole, which has no arms: what it needs now against what it needed before the flip. Fractions;
// 0: the same, or not known.
struct Resources {
  double memory_growth = 0;
  double cpu_rise = 0;  // CPU time for each exchange
};

// What is compared of one arm where each exchange is a unit.
struct ArmCounts {
  std::uint64_t exchanges = 0;
  std::uint64_t failures = 0;
  std::uint64_t throttled = 0;
  double log_latency = 0;  // sum

  void merge(const ArmCounts& other);
};

struct Evidence {
  GateMode mode = GateMode::off;
  GateUnit unit = GateUnit::request;
  double share = 0;  // of units that are treated, 0..1
  double alpha = 0;
  std::array<ArmCounts, kSideNames.size()> counts;  // unit request
  ScoreWalk latency;                                // unit request
  UnitFigures slices;                               // unit slice
  UnitLook standing;                                // units client and key
  BothArms since_flip;
};

// One figure of both arms.
struct Effect {
  std::string_view figure;
  std::string_view test;
  double control = 0;
  double treatment = 0;
  double difference = 0;  // treatment against control: shares are subtracted, latencies divided, less 1
  Interval interval;      // ... and what it may be
};

struct Comparison {
  GateVerdict verdict = GateVerdict::insufficient;
  bool enough = false;                // both arms have what a verdict needs
  bool harm = false;                  // success or latency is surely worse, by however little
  bool harmless = false;              // ... and surely not worse by the threshold
  std::vector<std::string> evidence;  // sentences
  std::vector<Effect> effects;        // empty where there are not two arms
  double alpha = 0;
};

Comparison compare(const Evidence& evidence, const ExperimentConfig& config, const Resources& resources);

}  // namespace backoffd::policy
