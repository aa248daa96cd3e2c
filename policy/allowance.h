// What a provider allows that answers excess by long blocks: at most b + r t requests in any t seconds since the last
// block ended, when its bucket was full again. Neither r nor b is told, but what was accepted and what was refused
// bound them together; two stretches of unlike pace are enough to know both.
//
// For each of many candidates r the bucket is kept as if r refilled it: how empty did it get at most with everything
// accepted, and how empty was it at least when a request was refused? Of the true rate the two agree. Of a lower one
// slow stretches seem to have taken more from the bucket than fast ones that were refused, of a higher one less.
// A window, which allows a number whatever the time, fits no rate but 0; there is no finding then.
//
// Times are seconds of one monotonic clock. Not thread-safe: owned by a Learner, from the first long block on.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace backoffd::policy {

class Allowance {
 public:
  // `refused`: a pace, requests per second, that was too much.
  explicit Allowance(double refused) : refused_pace_(refused) { fewest_.fill(kNotRefused); }

  void resumed(double now);  // a long block is over
  void sent(double now, std::uint64_t number);
  void accepted(std::uint64_t number);
  // The first refusal of a block, of request `number`, which was sent at `at`. Nothing counts from here to resumed().
  void refused(std::uint64_t number, double at);

  struct Finding {
    double low, high;  // requests per second that may be the limit
  };
  // None before two blocks agree on a rate, nor where a block of `seconds`, the last one, does not fill the bucket.
  std::optional<Finding> finding(double seconds) const;
  // No candidate explains what was seen: the limit has moved, or is of another kind.
  bool contradicted() const;

 private:
  static constexpr std::size_t kRates = 64;
  static constexpr float kNotRefused = 1e9F;
  using Each = std::array<float, kRates>;  // one figure for each candidate, in requests
  static const Each kShares;               // of the refused pace: the candidates, rising, the first is 0

  float rate(std::size_t k) const { return static_cast<float>(refused_pace_) * kShares[k]; }
  float gap(std::size_t k) const;
  float least_gap() const;

  double refused_pace_;
  Each missing_{};  // from the bucket now
  Each recent_{};   // the most that were missing since request mark_, ...
  Each open_{};     // ... since the mark before it: no answer shows yet that all of these were accepted
  Each most_{};     // ... and with everything accepted
  Each fewest_{};   // that were missing when one was refused, it included
  bool counting_ = false;
  int blocks_ = 0;
  std::uint64_t mark_ = 0;
  std::uint64_t last_number_ = 0;
  double last_sent_ = 0;
};

}  // namespace backoffd::policy
