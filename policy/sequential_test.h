// The statistics of an experiment that is looked at all the time: intervals that hold at every look at once
// ("anytime-valid", "confidence sequences"; Howard, Ramdas, McAuliffe, Sekhon 2021, Annals of Statistics 49:2, 1055). A
// dashboard that refreshes each second and a guard that acts on the first bad verdict make no more false alarms than
// one look at the end would.
//
// All of it rests on one fact that we make true ourselves: a unit falls on the treatment with a known probability
// ("share"), by a hash that knows nothing of its fate. So "the treatment changes nothing" can be tested without a word
// on how requests fail, which they do in bursts, at all keys at once and by the hour of the day.
//
//   share_evidence  events of which each has its own arm. Under the null each falls on the treatment with probability
//                   `share`, whatever the events: a Bernoulli sequence, tested by its beta-binomial mixture
//                   martingale. Exact at any share and any number. Lindon, Malek 2022, "Anytime-valid inference for
//                   multinomial count data", NeurIPS 35.
//   ScoreWalk       figures of units. Its sum of (arm - share) * (figure - centre) is a martingale under the null whose
//                   conditional variance is known, because the figure would have been the same on the other arm:
//                   "design based", as in Ham, Bojinov, Lindon, Tingley 2022 (arXiv:2210.08639). A third of its squares
//                   and two thirds of that variance bound it however heavy the tails are (Delyon 2009, Electronic
//                   Journal of Probability 14, 768; Howard et al. 2020, Probability Surveys 17, 257), at every look by
//                   Robbins' normal mixture. Exact for "no effect" at any share; for other effects to first order.
//   quantile_ranks  which order statistics hold a quantile. Howard, Ramdas 2022, "Sequential estimation of quantiles",
//                   Bernoulli 28:3, 1704.
//
// Pure functions and a plain value. REQUIRES everywhere: 0 < share < 1, 0 < alpha < 1.
#pragma once

#include <cstdint>

namespace backoffd::policy {

struct Interval {
  double low = 0;
  double high = 0;

  bool above(double x) const { return low > x; }
  bool below(double x) const { return high < x; }
};

// Natural logarithm of the evidence against "each event falls on the treatment with probability `share`"; the null is
// refused at level alpha where it reaches log(1 / alpha).
double share_evidence(std::uint64_t treated, std::uint64_t control, double share);

// How many times as often as a unit of control one of the treatment meets the event: all ratios that the same test does
// not refuse. high: infinite where it may be that control never does.
Interval rate_ratio_interval(std::uint64_t treated, std::uint64_t control, double share, double alpha);

// How often exchanges meet the event: all rates that a gamma mixture of Poisson martingales does not refuse, at every
// look at once (Robbins 1970, Annals of Mathematical Statistics 41:5, 1397). REQUIRES: events <= exchanges.
Interval event_rate_interval(std::uint64_t events, std::uint64_t exchanges, double alpha);

class ScoreWalk {
 public:
  // `residual`: the figure minus a centre that was fixed before the figure was known. The better it predicts, the
  // narrower the interval; no centre makes it wrong.
  void add(bool treated, double share, double residual) {
    const double arm = treated ? 1.0 - share : -share;
    ++count_;
    sum_ += arm * residual;
    squares_ += residual * residual;
    variation_ += (arm * arm + 2 * share * (1.0 - share)) / 3 * residual * residual;
  }
  void merge(const ScoreWalk& other) {
    count_ += other.count_;
    sum_ += other.sum_;
    squares_ += other.squares_;
    variation_ += other.variation_;
  }

  std::uint64_t count() const { return count_; }
  // What the treatment adds to the figure, on average.
  double effect(double share) const;
  // `scale`: sum of variances at which the interval shall be narrowest for its alpha; being wrong by a factor of 100
  // costs a quarter of its width.
  Interval interval(double share, double scale, double alpha) const;
  // The same for one look alone, which may be as narrow as the variances allow. `least`: sum of variances below which
  // it gets no narrower, or units that met no event yet would seem to be known.
  Interval interval_of_one_look(double share, double least, double alpha) const;

 private:
  Interval around_effect(double share, double bound) const;

  std::uint64_t count_ = 0;
  double sum_ = 0;
  double squares_ = 0;
  double variation_ = 0;
};

// The quantile `p` of the distribution lies between the sample's quantiles low and high. REQUIRES: 0 < p < 1.
Interval quantile_ranks(double p, std::uint64_t count, double alpha);

}  // namespace backoffd::policy
