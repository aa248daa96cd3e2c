// Latencies as a histogram of bounded memory and bounded relative error that can be merged: sub-windows add up to a
// window, and keys to a gate, without a quantile ever being averaged.
//
// The buckets are log-linear, as in HdrHistogram (Tene 2012): 16 to each power of two, so that finding one takes two
// shifts and a quantile is off by 1/32 of itself at most. Only the span from the shortest to the longest is kept, and
// where it is wider than kMostBins the lowest are collapsed into one, as in DDSketch (Masson, Rim, Lee 2019, VLDB
// 12:12): the upper quantiles keep their precision.
//
// A plain value without a lock; its owner is policy/arm_figures.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "policy/time.h"

namespace backoffd::policy {

class LatencyHistogram {
 public:
  static constexpr double kRelativeError = 1.0 / 32;
  static constexpr std::size_t kMostBins = 256;
  static constexpr Duration kLongest = std::chrono::hours(24);  // a longer one counts as this long

  void add(Duration latency);  // to the microsecond; a negative one counts as none
  void merge(const LatencyHistogram& other);

  std::uint64_t count() const { return count_; }
  double mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }  // seconds; exact
  // The latency, in seconds, that a share `q` of all do not exceed; 0 where there are none. REQUIRES: 0 <= q <= 1.
  double quantile(double q) const;
  std::size_t bins() const { return bins_.size(); }

 private:
  void add(std::size_t bucket, std::uint64_t count);

  std::size_t first_ = 0;            // bucket of bins_[0]
  std::vector<std::uint32_t> bins_;  // a count that is full stays full
  std::uint64_t count_ = 0;
  double sum_ = 0;  // seconds
};

}  // namespace backoffd::policy
