#include "policy/experiment.h"

#include <algorithm>
#include <cmath>

namespace backoffd::policy {
namespace {

constexpr std::size_t kMostCentres = 1024;  // keys beyond share one
constexpr double kLeastWeight = 1.0 / 256;  // of an exchange in the mean of its key
constexpr double kShortest = 1e-3;          // seconds: below it nobody waits, and a ratio would make much of nothing

// So many that the smaller arm can be expected to have `least`.
std::uint64_t of_both_arms(int least, double share) {
  const double smaller = std::clamp(std::min(share, 1.0 - share), 1e-3, 0.5);
  return static_cast<std::uint64_t>(std::ceil(least / smaller));
}

}  // namespace

void Experiment::Totals::merge(const Totals& other) {
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i].merge(other.counts[i]);
  latency.merge(other.latency);
}

void Experiment::restart(std::uint32_t trial, const GateSetting& setting, double alpha, MonoTime now) {
  trial_ = trial;
  setting_ = setting;
  alpha_ = alpha;
  began_ = now;
  overridden_ = 0;
  washed_out_ = 0;
  late_ = 0;
  table_ = {};
  since_flip_ = {};
  unsettled_ = {};
  settled_before_ = 0;
  settled_ = {};
  centres_.clear();
  slices_ = {};
  standing_ = StandingUnits(of_both_arms(config_.min_exchanges, setting.percentage / 100),
                            of_both_arms(config_.min_units, setting.percentage / 100));
}

void Experiment::finished(const Assignment& assignment, const Arm& arm, std::string_view key, std::uint64_t key_hash,
                          const ExchangeFigures& exchange, const AttemptFigures& attempts, MonoTime now) {
  if (assignment.trial != trial_) return;
  if (arm.overridden) {
    ++overridden_;
    return;
  }
  if (!arm.assigned) return;
  const MonoTime began = now - exchange.to_end;
  const bool slices = setting_.unit == GateUnit::slice;
  if (slices && (assignment.washout || began < began_ + setting_.washout)) {
    ++washed_out_;
    return;
  }
  if (slices && slices_.closed(assignment.unit_ends)) {
    ++late_;
    return;
  }
  const Side side = arm.treated ? Side::treatment : Side::control;
  table_.add(key, side, exchange, attempts, now);
  since_flip_[static_cast<std::size_t>(side)].add(exchange, attempts);

  const double share = setting_.percentage / 100;
  if (share <= 0 || share >= 1) return;
  const bool failed = !exchange.succeeded();
  const bool throttled = attempts.throttle_answers > 0;
  const double log_latency = std::log(std::max(kShortest, seconds(exchange.latency())));
  if (setting_.unit != GateUnit::request) {
    const Figures figures = {failed ? 1.0 : 0.0, throttled ? 1.0 : 0.0, log_latency};
    if (slices) {
      slices_.add(assignment.unit, key_hash, assignment.unit_ends, side, figures);
    } else {
      standing_.add(assignment.unit, side, figures, began, now);
    }
    return;
  }
  Totals& totals = totals_of(began);
  ArmCounts& counts = totals.counts[static_cast<std::size_t>(side)];
  ++counts.exchanges;
  counts.failures += failed ? 1 : 0;
  counts.throttled += throttled ? 1 : 0;
  counts.log_latency += log_latency;
  totals.latency.add(arm.treated, share, log_latency - centre(key_hash, log_latency));
}

// What is known of the key before this exchange; then it is part of it. The first one of a key is its own centre and
// so says nothing, whichever arm it was on.
double Experiment::centre(std::uint64_t key_hash, double log_latency) {
  if (centres_.size() >= kMostCentres && !centres_.contains(key_hash)) key_hash = 0;
  RunningMean& mean = centres_.try_emplace(key_hash, kLeastWeight).first->second;
  const double before = mean.empty() ? log_latency : mean.get();
  mean.add(log_latency);
  return before;
}

Experiment::Totals& Experiment::totals_of(MonoTime began) {
  const std::int64_t number = began.time_since_epoch() / stretch();
  if (config_.settle == Duration::zero() || number < settled_before_) return settled_;
  Stretch& of = unsettled_[static_cast<std::size_t>(number % kStretches)];
  if (of.number > number) return settled_;
  if (of.number < number) {
    // Nobody has looked for so long that the place is needed: what is in it has settled.
    settled_.merge(of.totals);
    settled_before_ = std::max(settled_before_, of.number + 1);
    of = {.number = number, .totals = {}};
  }
  return of.totals;
}

void Experiment::settle(MonoTime now) {
  const std::int64_t before = (now - config_.settle).time_since_epoch() / stretch();
  if (before <= settled_before_) return;
  for (Stretch& of : unsettled_) {
    if (of.number < 0 || of.number >= before) continue;
    settled_.merge(of.totals);
    of = {};
  }
  settled_before_ = before;
}

Evidence Experiment::evidence(MonoTime now) {
  settle(now);
  Evidence all;
  all.mode = setting_.mode;
  all.unit = setting_.unit;
  all.share = setting_.mode == GateMode::off ? 0 : setting_.percentage / 100;
  all.alpha = alpha_;
  all.counts = settled_.counts;
  all.latency = settled_.latency;
  all.since_flip = since_flip_;
  if (all.share <= 0 || all.share >= 1) return all;
  if (setting_.unit == GateUnit::slice) {
    slices_.close(now - patience(), all.share);
    all.slices = slices_.compared();
  } else if (setting_.unit != GateUnit::request) {
    all.standing = standing_.look(all.share, now - config_.settle);
  }
  return all;
}

}  // namespace backoffd::policy
