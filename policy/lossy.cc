#include "policy/lossy.h"

#include <algorithm>

namespace backoffd::policy {

LossyPool::Turn LossyPool::interval(double& pace, double floor, double top, double now) {
  const int answers = accepted_ + refused_;
  if (answers < kAnswers || now - began_ < kSeconds) return Turn::none;
  const double share = static_cast<double>(refused_) / answers;
  const double rate = accepted_ / (now - began_);
  began_ = now;
  accepted_ = refused_ = 0;

  if (!active_) {
    high_ = share >= kEnter ? high_ + 1 : 0;
    if (high_ <= 1) pace_before_ = pace;
    if (high_ < 2) return Turn::none;
    active_ = true;
    count_ = 0;
    pace = std::max(pace, pace_before_);
    return Turn::entered;
  }
  if (share < kLeave) {
    active_ = false;
    high_ = 0;
    return Turn::left;
  }
  points_[count_++ % points_.size()] = {pace, rate};
  pace = std::clamp(pace * (climb_pays() ? kUp : kDown), floor, top);
  return Turn::adjusted;
}

bool LossyPool::climb_pays() const {
  const auto n = std::min<std::size_t>(count_, points_.size());
  double mean_pace = 0;
  double mean_accepted = 0;
  for (std::size_t i = 0; i < n; ++i) {
    mean_pace += points_[i].pace / static_cast<double>(n);
    mean_accepted += points_[i].accepted / static_cast<double>(n);
  }
  double variance = 0;
  double covariance = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double d = points_[i].pace - mean_pace;
    variance += d * d;
    covariance += d * (points_[i].accepted - mean_accepted);
  }
  if (n < 3 || variance < 0.01 * static_cast<double>(n) * mean_pace * mean_pace) return true;
  return covariance / variance >= kWorthIt * mean_accepted / mean_pace;
}

}  // namespace backoffd::policy
