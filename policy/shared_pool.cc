#include "policy/shared_pool.h"

#include <algorithm>

#include "policy/learning_constants.h"

namespace backoffd::policy {

void SharedPool::enter() {
  active_ = true;
  checking_ = false;
  futile_ = 0;
  count_ = 0;
}

std::optional<double> SharedPool::futile_cut(double pace, std::uint64_t total, double now) {
  const std::uint64_t since = total - last_total_;
  last_total_ = total;
  if (since <= learning::kFutileAccepted && pace < last_pace_) {
    if (++futile_ == 1) {
      first_total_ = total;
      first_at_ = now;
    }
  } else if (since > learning::kHelpedAccepted) {
    futile_ = 0;
  }
  last_pace_ = pace;
  if (futile_ < learning::kFutileCuts || total - first_total_ < learning::kFutileAccepted) return std::nullopt;
  stale_ = true;
  enter();
  return learning::kFutileBoost * static_cast<double>(total - first_total_) / std::max(1.0, now - first_at_);
}

SharedPool::Turn SharedPool::interval(double& pace, double floor, double top, double now) {
  if (stale_) {
    stale_ = false;
    began_ = now;
    accepted_ = refused_ = 0;
  }
  const int answers = accepted_ + refused_;
  if (answers < learning::kIntervalAnswers || now - began_ < learning::kIntervalSeconds) return Turn::none;
  const double share = static_cast<double>(refused_) / answers;
  const double rate = accepted_ / (now - began_);
  began_ = now;
  accepted_ = refused_ = 0;

  if (!active_) {
    high_ = share >= learning::kEnterShare ? high_ + 1 : 0;
    if (high_ <= 1) pace_before_ = pace;
    if (high_ < 2) return Turn::none;
    enter();
    pace = std::max(pace, pace_before_);
    return Turn::entered;
  }
  if (share < learning::kLeaveShare) {
    active_ = false;
    high_ = 0;
    return Turn::left;
  }
  pace = std::clamp(next_pace(pace, share, rate, top), floor, top);
  return Turn::adjusted;
}

double SharedPool::next_pace(double pace, double share, double rate, double top) {
  if (checking_) {
    checking_ = false;
    return pace_to_return_to_;
  }
  if (++intervals_ % learning::kCheckEvery == 0) {
    checking_ = true;
    pace_to_return_to_ = std::min(pace, top);
    return learning::kCheckPace * pace;
  }
  points_[count_++ % points_.size()] = {static_cast<float>(pace), static_cast<float>(rate)};
  return pace * (share <= learning::kMostShare && climb_pays() ? learning::kPoolUp : learning::kPoolDown);
}

bool SharedPool::climb_pays() const {
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
  return covariance / variance >= learning::kWorthIt * mean_accepted / mean_pace;
}

}  // namespace backoffd::policy
