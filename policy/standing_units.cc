#include "policy/standing_units.h"

#include <algorithm>

namespace backoffd::policy {
namespace {

// Of a unit with so many exchanges.
double weight_of(double exchanges) { return exchanges / (exchanges + StandingUnits::kHalfWeight); }

Figures over(Figures figures, double n) {
  for (double& figure : figures) figure /= n;
  return figures;
}

}  // namespace

void StandingUnits::add(std::uint64_t id, Side side, const Figures& figures, MonoTime began, MonoTime ended) {
  if (units_.size() >= kMostUnits && !units_.contains(id)) return;
  Unit& unit = units_.try_emplace(id, Unit{.side = side, .seen = {}, .later = {}}).first->second;
  Sums& to = due_ && began > *due_ ? unit.later : unit.seen;
  ++to.exchanges;
  for (std::size_t i = 0; i < kFigures; ++i) to.figures[i] += figures[i];
  ++exchanges_;
  if (!due_ && exchanges_ >= last_.next && units_.size() >= last_.least) due_ = ended;
}

const UnitLook& StandingUnits::look(double share, MonoTime before) {
  last_.units = units_.size();
  if (!due_ || before < *due_) return last_;
  due_.reset();
  ++last_.number;
  last_.exchanges = exchanges_;
  last_.next = static_cast<std::uint64_t>(static_cast<double>(exchanges_) * kGrowth) + 1;
  last_.figures = compare(share);
  for (auto& [id, unit] : units_) {
    unit.seen.exchanges += unit.later.exchanges;
    for (std::size_t i = 0; i < kFigures; ++i) unit.seen.figures[i] += unit.later.figures[i];
    unit.later = {};
  }
  return last_;
}

UnitFigures StandingUnits::compare(double share) const {
  Figures total{};
  double weights = 0;
  double units = 0;
  for (const auto& [id, unit] : units_) {
    if (unit.seen.exchanges == 0) continue;
    const double weight = weight_of(unit.seen.exchanges);
    const Figures means = over(unit.seen.figures, unit.seen.exchanges);
    for (std::size_t i = 0; i < kFigures; ++i) total[i] += weight * means[i];
    weights += weight;
    ++units;
  }
  UnitFigures all;
  if (units < 2) return all;
  for (const auto& [id, unit] : units_) {
    if (unit.seen.exchanges == 0) continue;
    const double weight = weight_of(unit.seen.exchanges);
    const Figures means = over(unit.seen.figures, unit.seen.exchanges);
    Figures others = total;
    for (std::size_t i = 0; i < kFigures; ++i) others[i] = (total[i] - weight * means[i]) / (weights - weight);
    // Weights of 1 on average: what the walk makes of the sum is the effect on the weighted mean.
    all.add(unit.side, share, weight * units / weights, means, others);
  }
  return all;
}

}  // namespace backoffd::policy
