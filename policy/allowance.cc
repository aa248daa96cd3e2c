#include "policy/allowance.h"

#include <algorithm>
#include <cmath>

#include "policy/learning_constants.h"

namespace backoffd::policy {

const Allowance::Each Allowance::kShares = [] {
  Each shares{};
  for (std::size_t k = 1; k < kRates; ++k)
    shares[k] = static_cast<float>(std::pow(learning::kCandidateStep, static_cast<double>(kRates - 1 - k)));
  return shares;
}();

void Allowance::resumed(double now) {
  missing_.fill(0);
  recent_.fill(0);
  open_.fill(0);
  mark_ = last_number_ + 1;
  last_sent_ = now;
  counting_ = true;
}

void Allowance::sent(double now, std::uint64_t number) {
  if (!counting_) return;
  const float refill = static_cast<float>(now - last_sent_) * static_cast<float>(refused_pace_);
  for (std::size_t k = 0; k < kRates; ++k) {
    missing_[k] = std::max(0.0F, missing_[k] - refill * kShares[k]) + 1;
    recent_[k] = std::max(recent_[k], missing_[k]);
  }
  last_sent_ = now;
  last_number_ = number;
}

// Whoever is accepted was not sent into a block: everything before it was accepted too, or will be.
void Allowance::accepted(std::uint64_t number) {
  if (!counting_ || number < mark_) return;
  for (std::size_t k = 0; k < kRates; ++k) most_[k] = std::max(most_[k], open_[k]);
  open_ = recent_;
  recent_ = missing_;
  mark_ = last_number_ + 1;
}

void Allowance::refused(std::uint64_t number, double at) {
  if (!counting_) return;
  counting_ = false;
  ++blocks_;
  const auto later = static_cast<float>(last_number_ - number);
  const auto passed = static_cast<float>(last_sent_ - at);
  for (std::size_t k = 0; k < kRates; ++k) {
    const float missing = std::max(1.0F, missing_[k] - later + rate(k) * passed);
    fewest_[k] = std::min(fewest_[k], missing);
    most_[k] = std::max(most_[k], missing - 1);
  }
}

// By how much a candidate is wrong: above 0, something was accepted that took more than what was refused. A candidate
// by which the bucket was full has no explanation for the refusal at all.
float Allowance::gap(std::size_t k) const {
  return fewest_[k] > 1 + learning::kFullBucket ? most_[k] - fewest_[k] : kNotRefused;
}

float Allowance::least_gap() const {
  float least = gap(0);
  for (std::size_t k = 1; k < kRates; ++k) least = std::min(least, gap(k));
  return least;
}

bool Allowance::contradicted() const {
  const float least = least_gap();
  for (std::size_t k = 0; k < kRates; ++k)
    if (gap(k) <= least) return least > learning::kContradiction + learning::kContradictionShare * fewest_[k];
  return true;
}

std::optional<Allowance::Finding> Allowance::finding(double seconds) const {
  if (blocks_ < 2 || contradicted()) return std::nullopt;
  const float good = std::max(least_gap(), 0.0F) + 1;  // requests on their way may change places: one more or less
  std::size_t low = 0;
  while (gap(low) > good) ++low;
  std::size_t high = kRates - 1;
  while (gap(high) > good) --high;
  if (low == 0 || fewest_[low] - 1 > rate(low) * seconds) return std::nullopt;
  return Finding{rate(low), rate(high)};
}

}  // namespace backoffd::policy
