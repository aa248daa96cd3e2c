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

void Bans::long_block(double hold) {
  worked_ = hold;
  if (failed_ >= worked_) failed_ = 0;
}

}  // namespace backoffd::policy
