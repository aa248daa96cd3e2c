#include "policy/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace backoffd::policy {
namespace {

constexpr int kBits = 4;                        // 2^kBits buckets to a power of two
constexpr std::uint64_t kLinear = 2u << kBits;  // below it each microsecond has a bucket of its own

std::size_t bucket_of(std::uint64_t us) {
  if (us < kLinear) return us;
  const int shift = std::bit_width(us) - (kBits + 1);
  return (static_cast<std::size_t>(shift) << kBits) + (us >> shift);
}

// The middle of a bucket, in seconds.
double value_of(std::size_t bucket) {
  if (bucket < kLinear) return static_cast<double>(bucket) * 1e-6;
  const std::size_t shift = (bucket >> kBits) - 1;
  const auto low = static_cast<double>(bucket - (shift << kBits));
  return std::ldexp(low + 0.5, static_cast<int>(shift)) * 1e-6;
}

void raise(std::uint32_t& bin, std::uint64_t by) {
  bin = static_cast<std::uint32_t>(std::min<std::uint64_t>(bin + by, UINT32_MAX));
}

}  // namespace

void LatencyHistogram::add(Duration latency) {
  latency = std::clamp(latency, Duration(0), kLongest);
  sum_ += seconds(latency);
  ++count_;
  add(bucket_of(static_cast<std::uint64_t>(latency / std::chrono::microseconds(1))), 1);
}

void LatencyHistogram::add(std::size_t bucket, std::uint64_t count) {
  if (bins_.empty()) first_ = bucket;
  if (bucket >= first_ + bins_.size()) {
    bins_.resize(bucket - first_ + 1);
    if (bins_.size() > kMostBins) {
      const auto excess = static_cast<std::ptrdiff_t>(bins_.size() - kMostBins);
      const std::uint64_t collapsed = std::accumulate(bins_.begin(), bins_.begin() + excess, std::uint64_t{0});
      bins_.erase(bins_.begin(), bins_.begin() + excess);
      first_ += static_cast<std::size_t>(excess);
      raise(bins_.front(), collapsed);
    }
  } else if (bucket < first_) {
    const std::size_t lower = std::max(bucket, first_ + bins_.size() - std::min(first_ + bins_.size(), kMostBins));
    bins_.insert(bins_.begin(), first_ - lower, 0);
    first_ = lower;
    bucket = std::max(bucket, first_);
  }
  raise(bins_[bucket - first_], count);
}

void LatencyHistogram::merge(const LatencyHistogram& other) {
  sum_ += other.sum_;
  count_ += other.count_;
  // From the top, so that what has to be collapsed is collapsed once.
  for (std::size_t i = other.bins_.size(); i-- > 0;) {
    if (other.bins_[i] > 0) add(other.first_ + i, other.bins_[i]);
  }
}

double LatencyHistogram::quantile(double q) const {
  if (count_ == 0) return 0;
  const double rank = q * static_cast<double>(count_);
  std::uint64_t below = 0;
  std::size_t i = 0;
  while (i + 1 < bins_.size() && static_cast<double>(below += bins_[i]) < rank) ++i;
  return value_of(first_ + i);
}

}  // namespace backoffd::policy
