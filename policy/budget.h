// The retry budget of one provider (POLICY 2): retries are at most a share of its requests over the last 10 seconds,
// so that an outage is not multiplied by the clients that meet it; but a trickle is always allowed, because a share of
// few requests is no retry at all. A plain value of fixed size; its owner (the Engine) serialises the calls.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "policy/config.h"
#include "policy/time.h"

namespace backoffd::policy {

class RetryBudget {
 public:
  explicit RetryBudget(const BudgetConfig& config);  // REQUIRES: `config` outlives it

  // A `now` before that of an earlier call counts as that one: threads read the clock before they get the lock.
  void count_request(MonoTime now);  // a first attempt; retries are not requests, or they would earn more retries
  bool allows(MonoTime now);         // may one more retry be made?
  void spend(MonoTime now);          // one is made

  static constexpr Duration kWindow = std::chrono::seconds(10);
  static constexpr double kAtOnce = 3;  // retries that are possible together however small the floor is

 private:
  // The window slides by whole buckets: it covers the last 9.5 to 10 seconds.
  static constexpr std::size_t kBuckets = 20;
  static constexpr Duration kBucket = kWindow / kBuckets;
  struct Bucket {
    std::uint32_t requests = 0;
    std::uint32_t retries = 0;
  };

  void roll(MonoTime now);

  double floor_cap() const { return std::max(kAtOnce, config_.min_per_second); }  // retries that can be saved up

  const BudgetConfig& config_;
  double floor_;                            // retries that are always allowed, at `rolled_`; every one takes from it
  MonoTime rolled_{};                       // time of the last roll()
  std::int64_t current_ = 0;                // number of the bucket that `rolled_` lies in
  std::array<Bucket, kBuckets> buckets_{};  // bucket n lies at n % kBuckets
  Bucket sum_{};                            // of all buckets
};

}  // namespace backoffd::policy
