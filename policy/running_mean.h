// Exponential moving average that begins as the plain one. A plain value.
#pragma once

#include <cstdint>

namespace backoffd::policy {

class RunningMean {
 public:
  explicit RunningMean(double least_weight) : least_weight_(least_weight) {}
  void add(double x) {
    ++count_;
    const double weight = 1.0 / static_cast<double>(count_);
    mean_ += (weight > least_weight_ ? weight : least_weight_) * (x - mean_);
  }
  bool empty() const { return count_ == 0; }
  double get() const { return mean_; }

 private:
  double least_weight_;
  double mean_ = 0;
  std::uint64_t count_ = 0;
};

}  // namespace backoffd::policy
