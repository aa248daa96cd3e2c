#include "policy/concurrency.h"

#include <algorithm>
#include <numeric>

#include "policy/learning_constants.h"

namespace backoffd::policy {
namespace {

std::size_t bin(int in_flight) { return static_cast<std::size_t>(std::clamp(in_flight, 0, ConcurrencyFinder::kMost)); }

}  // namespace

void ConcurrencyFinder::accepted(int in_flight) {
  ++accepted_[bin(in_flight)];
  if (++since_halved_ < learning::kFinderHalfLife) return;
  since_halved_ = 0;
  for (auto& n : accepted_) n /= 2;
  for (auto& n : refused_) n /= 2;
}

void ConcurrencyFinder::refused(int in_flight) {
  std::uint16_t& n = refused_[bin(in_flight)];
  if (n < std::numeric_limits<std::uint16_t>::max()) ++n;
}

std::optional<int> ConcurrencyFinder::separable() const {
  const int refused = std::accumulate(refused_.begin(), refused_.end(), 0);
  const int accepted = std::accumulate(accepted_.begin(), accepted_.end(), 0);
  if (refused < learning::kFinderRefused || accepted < learning::kFinderAccepted) return std::nullopt;
  const double enough = refused < 4 ? 0.9 : refused < 8 ? 0.8 : 0.6;  // few refusals have to tell more clearly
  double best = 0;
  int cut = 0;
  int refused_above = 0;
  int accepted_above = 0;
  for (int c = kMost - 1; c > 0; --c) {
    refused_above += refused_[bin(c + 1)];
    accepted_above += accepted_[bin(c + 1)];
    const double j = static_cast<double>(refused_above) / refused - static_cast<double>(accepted_above) / accepted;
    if (j <= best) continue;
    best = j;
    cut = c;
  }
  if (best < enough) return std::nullopt;
  return cut;
}

void ConcurrencyFinder::found(int cap, double now) {
  cap_ = good_ = cap;
  fails_ = refusals_below_ = 0;
  next_raise_ = now + learning::kCapRaiseFirst;
  accepted_ = {};
  refused_ = {};
}

void ConcurrencyFinder::forget() {
  cap_ = good_ = 0;
  next_raise_ = std::numeric_limits<double>::infinity();
}

void ConcurrencyFinder::tick(double now, double latency) {
  if (cap_ == 0 || now < next_raise_) return;
  good_ = cap_++;
  next_raise_ = now + std::max(learning::kCapRaise, learning::kCapRaiseLatencies * latency);
}

bool ConcurrencyFinder::explains(int in_flight, double now) {
  if (cap_ == 0) return false;
  if (in_flight > good_) {
    cap_ = good_;
    fails_ = std::min(learning::kCapDoublings, fails_ + 1);
    next_raise_ = now + learning::kCapRaiseFirst * (1 << fails_);
    return true;
  }
  if (++refusals_below_ < learning::kCapDoubted) return false;
  refusals_below_ = 0;
  if (cap_ > 1 && in_flight == cap_)
    good_ = --cap_;
  else
    forget();
  return false;
}

}  // namespace backoffd::policy
