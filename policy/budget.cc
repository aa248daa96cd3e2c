#include "policy/budget.h"

#include <algorithm>

namespace backoffd::policy {

RetryBudget::RetryBudget(const BudgetConfig& config) : config_(config), floor_(floor_cap()) {}

void RetryBudget::roll(MonoTime now) {
  now = std::max(now, rolled_);
  floor_ = std::min(floor_cap(), floor_ + config_.min_per_second * seconds(now - rolled_));
  rolled_ = now;
  const std::int64_t bucket = now.time_since_epoch() / kBucket;
  const std::int64_t passed = std::min<std::int64_t>(bucket - current_, kBuckets);
  for (std::int64_t i = 0; i < passed; ++i) {
    Bucket& old = buckets_[static_cast<std::size_t>(bucket - i) % kBuckets];
    sum_.requests -= old.requests;
    sum_.retries -= old.retries;
    old = {};
  }
  current_ = bucket;
}

void RetryBudget::count_request(MonoTime now) {
  roll(now);
  ++buckets_[static_cast<std::size_t>(current_) % kBuckets].requests;
  ++sum_.requests;
}

bool RetryBudget::allows(MonoTime now) {
  roll(now);
  return sum_.retries + 1.0 <= config_.ratio * sum_.requests || floor_ >= 1.0;
}

void RetryBudget::spend(MonoTime now) {
  roll(now);
  ++buckets_[static_cast<std::size_t>(current_) % kBuckets].retries;
  ++sum_.retries;
  floor_ = std::max(0.0, floor_ - 1.0);
}

}  // namespace backoffd::policy
