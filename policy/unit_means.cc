#include "policy/unit_means.h"

#include <algorithm>
#include <vector>

namespace backoffd::policy {
namespace {

constexpr double kLeastWeight = 1.0 / 16;  // of a slice in the mean of its key: the hours of the day are told apart

std::size_t index(Side side) { return static_cast<std::size_t>(side); }

}  // namespace

void UnitMeans::add(std::uint64_t unit, std::uint64_t key, MonoTime ends, Side side, const Figures& figures) {
  if (units_.size() >= kMostUnits && !units_.contains(unit)) return;
  Unit& to = units_.try_emplace(unit, Unit{.key = key, .ends = ends, .side = side}).first->second;
  ++to.exchanges;
  for (std::size_t i = 0; i < kFigures; ++i) to.sums[i] += figures[i];
  next_end_ = std::min(next_end_, ends);
}

void UnitMeans::count(const Figures& means, const Figures& centres, Side side, double share, UnitFigures& into) {
  ++into.units[index(side)];
  for (std::size_t i = 0; i < kFigures; ++i) {
    into.sums[index(side)][i] += means[i];
    into.walks[i].add(side == Side::treatment, share, means[i] - centres[i]);
  }
}

void UnitMeans::close(MonoTime now, double share) {
  closed_before_ = std::max(closed_before_, now);
  if (now < next_end_) return;
  std::vector<std::pair<MonoTime, std::uint64_t>> over;
  next_end_ = kNever;
  for (const auto& [id, unit] : units_) {
    if (unit.ends < now) over.emplace_back(unit.ends, id);
    if (unit.ends >= now) next_end_ = std::min(next_end_, unit.ends);
  }
  std::sort(over.begin(), over.end());  // a slice is measured against those before it
  for (const auto& [ends, id] : over) {
    const Unit unit = units_.extract(id).mapped();
    Figures means = unit.sums;
    for (double& mean : means) mean /= unit.exchanges;
    if (before_.size() >= kMostUnits && !before_.contains(unit.key)) continue;
    const RunningMean fresh(kLeastWeight);
    Centres& centres = before_.try_emplace(unit.key, Centres{fresh, fresh, fresh}).first->second;
    // The first slice of a key has nothing to be measured against; on which arm it was makes no difference to that.
    if (!centres[0].empty()) {
      count(means, {centres[0].get(), centres[1].get(), centres[2].get()}, unit.side, share, closed_);
    }
    for (std::size_t i = 0; i < kFigures; ++i) centres[i].add(means[i]);
  }
}

UnitFigures UnitMeans::compare(double share) const {
  UnitFigures all = closed_;
  Figures total{};
  double lasting = 0;
  for (const auto& [id, unit] : units_) {
    if (unit.ends != kNever) continue;
    ++lasting;
    for (std::size_t i = 0; i < kFigures; ++i) total[i] += unit.sums[i] / unit.exchanges;
  }
  if (lasting < 2) return all;
  for (const auto& [id, unit] : units_) {
    if (unit.ends != kNever) continue;
    Figures means{}, others{};
    for (std::size_t i = 0; i < kFigures; ++i) {
      means[i] = unit.sums[i] / unit.exchanges;
      others[i] = (total[i] - means[i]) / (lasting - 1);
    }
    count(means, others, unit.side, share, all);
  }
  return all;
}

}  // namespace backoffd::policy
