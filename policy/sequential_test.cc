#include "policy/sequential_test.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace backoffd::policy {
namespace {

// Weight of the mixture's prior, in events: it is centred at the null, and ratios up to about 1.3 or down to 1/1.3 (at
// share 1/2) have most of it, because those are the ones that take long to tell.
constexpr double kPriorEvents = 50;

double log_beta(double a, double b) { return std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b); }

// Events that were seen, and the likelihood of their arms under the mixture centred at `share`.
class Events {
 public:
  Events(std::uint64_t treated, std::uint64_t control, double share)
      : treated_(static_cast<double>(treated)),
        control_(static_cast<double>(control)),
        mixture_(log_beta(kPriorEvents * share + treated_, kPriorEvents * (1 - share) + control_) -
                 log_beta(kPriorEvents * share, kPriorEvents * (1 - share))) {}

  // Against "an event falls on the treatment with probability theta".
  double evidence(double theta) const { return mixture_ - treated_ * std::log(theta) - control_ * std::log1p(-theta); }
  // Where the evidence crosses `limit` between `inside`, where it is below, and `outside`, an end of (0, 1).
  double crossing(double limit, double inside, double outside) const {
    for (int i = 0; i < 40; ++i) {
      const double middle = 0.5 * (inside + outside);
      (evidence(middle) < limit ? inside : outside) = middle;
    }
    return outside;
  }

 private:
  double treated_;
  double control_;
  double mixture_;
};

double odds_to_ratio(double theta, double share) {
  return theta >= 1 ? std::numeric_limits<double>::infinity() : theta / (1.0 - theta) * (1.0 - share) / share;
}

}  // namespace

double share_evidence(std::uint64_t treated, std::uint64_t control, double share) {
  return Events(treated, control, share).evidence(share);
}

Interval rate_ratio_interval(std::uint64_t treated, std::uint64_t control, double share, double alpha) {
  if (treated + control == 0) return {0, std::numeric_limits<double>::infinity()};
  const Events events(treated, control, share);
  const double limit = -std::log(alpha);
  // The evidence is least at the observed share, below zero there, and grows towards both ends.
  const double observed =
      std::clamp(static_cast<double>(treated) / static_cast<double>(treated + control), 1e-12, 1.0 - 1e-12);
  const double low = treated == 0 ? 0 : events.crossing(limit, observed, 0);
  const double high = control == 0 ? 1 : events.crossing(limit, observed, 1);
  return {odds_to_ratio(low, share), odds_to_ratio(high, share)};
}

Interval event_rate_interval(std::uint64_t events, std::uint64_t exchanges, double alpha) {
  if (exchanges == 0) return {0, 1};
  constexpr double kShape = 0.5;  // of the prior, over rates of about that size: vague
  const auto seen = static_cast<double>(events);
  const auto among = static_cast<double>(exchanges);
  const double mixture = std::lgamma(kShape + seen) - std::lgamma(kShape) - (kShape + seen) * std::log1p(among);
  const double limit = -std::log(alpha);
  const auto crossing = [&](double inside, double outside) {
    for (int i = 0; i < 60; ++i) {
      const double rate = 0.5 * (inside + outside);
      const double evidence = mixture + rate * among - (events == 0 ? 0 : seen * std::log(rate));
      (evidence < limit ? inside : outside) = rate;
    }
    return outside;
  };
  return {events == 0 ? 0 : crossing(seen / among, 0), crossing(seen / among, 1)};
}

double ScoreWalk::effect(double share) const {
  return count_ == 0 ? 0 : sum_ / (static_cast<double>(count_) * share * (1.0 - share));
}

Interval ScoreWalk::interval(double share, double scale, double alpha) const {
  // The prior's precision that makes the bound tightest at `scale` (Howard et al. 2021, 3.5, to first order).
  const double rho = scale / (2.0 * std::log(1.0 / alpha) + std::log1p(2.0 * std::log(1.0 / alpha)));
  const double total = variation_ + rho;
  return around_effect(share, std::sqrt(total * std::log(total / (rho * alpha * alpha))));
}

Interval ScoreWalk::interval_of_one_look(double share, double least, double alpha) const {
  // The supermartingale's exponent that is best for the variance under the null, which does not depend on the arms.
  const double limit = std::log(2.0 / alpha);
  const double lambda = std::sqrt(2.0 * limit / std::max(least, share * (1.0 - share) * squares_));
  return around_effect(share, limit / lambda + lambda * variation_ / 2.0);
}

Interval ScoreWalk::around_effect(double share, double bound) const {
  if (count_ == 0) return {-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  const double information = static_cast<double>(count_) * share * (1.0 - share);
  return {(sum_ - bound) / information, (sum_ + bound) / information};
}

Interval quantile_ranks(double p, std::uint64_t count, double alpha) {
  if (count == 0) return {0, 1};
  const auto t = static_cast<double>(count);
  const double l = (1.4 * std::log(std::log(2.1 * t)) + std::log(10.0 / alpha)) / t;
  const double width = 1.5 * std::sqrt(p * (1.0 - p) * l) + 0.8 * l;
  return {std::max(0.0, p - width), std::min(1.0, p + width)};
}

}  // namespace backoffd::policy
