#include "policy/bans.h"

#include <algorithm>
#include <cmath>

#include "policy/learning_constants.h"

namespace backoffd::policy {

double Bans::first_hold() const {
  if (worked_ < learning::kBanRemembered) return learning::kFirstHold;
  return failed_ >= 0.5 * worked_ ? worked_ : std::sqrt(worked_ * std::max(failed_, 1.0));
}

void Bans::test_failed(double hold) { failed_ = std::max(failed_, hold); }

void Bans::short_block() { worked_ = failed_ = 0; }

void Bans::long_block(double hold, double lost, double refused, double resumed, std::uint64_t accepted) {
  worked_ = hold;
  if (failed_ >= worked_) failed_ = 0;

  const double clear = refused - free_since_;
  if (lost_ > 0) {
    const double apart = std::abs(clear - clear_);
    if (std::abs(lost - lost_) <= learning::kSameLength * apart)
      of_one_length_ = true;
    else if (std::abs(lost + clear - lost_ - clear_) <= learning::kSameLength * apart)
      of_one_length_ = false;
  }
  lost_ = lost;
  clear_ = clear;
  least_burst_ = std::min(least_burst_, static_cast<double>(accepted - accepted_before_));
  refused_ = refused;
  was_free_since_ = free_since_;
  free_since_ = resumed;
  accepted_before_ = accepted;
}

double Bans::least_limit(double rate, double since) const {
  const double held = refused_ - std::max(since, was_free_since_);
  return rate - least_burst_ / std::max(held, 1e-3);
}

}  // namespace backoffd::policy
