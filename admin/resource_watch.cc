#include "admin/resource_watch.h"

namespace backoffd::admin {
namespace {

constexpr std::size_t kMinutes = 60;

// Between two samples; 0 where there is too little to tell.
double cpu_per_exchange(const ResourceSample& from, const ResourceSample& to) {
  const std::uint64_t exchanges = to.exchanges - from.exchanges;
  return exchanges < ResourceWatch::kLeastExchanges
             ? 0
             : (to.cpu_seconds - from.cpu_seconds) / static_cast<double>(exchanges);
}

}  // namespace

void ResourceWatch::add(const ResourceSample& sample) {
  const std::size_t size = hour_.size();
  if (size >= 2 && sample.at < hour_[size - 2].at + std::chrono::minutes(1)) hour_.pop_back();
  hour_.push_back(sample);
  if (hour_.size() > kMinutes) hour_.pop_front();
}

void ResourceWatch::began(policy::GateId id, policy::MonoTime when) {
  Base& base = bases_[static_cast<std::size_t>(id)];
  if (base.began == when || hour_.empty()) return;
  base = {.began = when, .at_flip = hour_.back(), .cpu_per_exchange = cpu_per_exchange(hour_.front(), hour_.back())};
}

policy::Resources ResourceWatch::resources(policy::GateId id) const {
  const Base& base = bases_[static_cast<std::size_t>(id)];
  policy::Resources out;
  if (base.began == policy::kNever) return out;
  const ResourceSample& now = hour_.back();
  if (base.at_flip.exchanges >= kLeastExchanges && base.at_flip.memory > 0) {
    out.memory_growth = now.memory / base.at_flip.memory - 1;
  }
  const double since = cpu_per_exchange(base.at_flip, now);
  if (base.cpu_per_exchange > 0 && since > 0) out.cpu_rise = since / base.cpu_per_exchange - 1;
  return out;
}

}  // namespace backoffd::admin
