#include "policy/slice_means.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace backoffd::policy {
namespace {

constexpr double kLeastWeight = 1.0 / 16;  // of a slice in the mean of its key: the hours of the day are told apart

}  // namespace

void SliceMeans::add(std::uint64_t slice, std::uint64_t key, MonoTime ends, Side side, const Figures& figures) {
  if (open_.size() >= kMostSlices && !open_.contains(slice)) return;
  Slice& to = open_.try_emplace(slice, Slice{.key = key, .ends = ends, .side = side}).first->second;
  ++to.exchanges;
  for (std::size_t i = 0; i < kFigures; ++i) to.sums[i] += figures[i];
  next_end_ = std::min(next_end_, ends);
}

void SliceMeans::close(MonoTime now, double share) {
  closed_before_ = std::max(closed_before_, now);
  if (now < next_end_) return;
  std::vector<std::pair<MonoTime, std::uint64_t>> over;
  next_end_ = kNever;
  for (const auto& [id, slice] : open_) {
    if (slice.ends < now) over.emplace_back(slice.ends, id);
    if (slice.ends >= now) next_end_ = std::min(next_end_, slice.ends);
  }
  std::sort(over.begin(), over.end());  // a slice is measured against those before it
  for (const auto& [ends, id] : over) {
    const Slice slice = open_.extract(id).mapped();
    Figures means = slice.sums;
    for (double& mean : means) mean /= slice.exchanges;
    if (before_.size() >= kMostSlices && !before_.contains(slice.key)) continue;
    const RunningMean fresh(kLeastWeight);
    Centres& centres = before_.try_emplace(slice.key, Centres{fresh, fresh, fresh}).first->second;
    // The first slice of a key has nothing to be measured against; on which arm it was makes no difference to that.
    if (!centres[0].empty()) {
      compared_.add(slice.side, share, 1, means, {centres[0].get(), centres[1].get(), centres[2].get()});
    }
    for (std::size_t i = 0; i < kFigures; ++i) centres[i].add(means[i]);
  }
}

}  // namespace backoffd::policy
