#include "policy/prober.h"

#include <algorithm>
#include <cmath>

namespace backoffd::policy {
namespace {

constexpr double kLeastStep = 0.05;
constexpr double kLargestStep = 1.0;
constexpr double kExcess = 1.5;        // seconds' worth of extra requests before a trial counts
constexpr double kExcessBanned = 3.0;  // ... of a provider that bans
constexpr double kBanMemory = 3600;
constexpr double kRefusedMemory = 600;  // limits move: a refused pace is worth another try after this
constexpr double kExercised = 0.8;      // a trial that sent less than this share of its pace shows nothing
constexpr double kRefusalShare = 0.01;  // refusals caused by trials, of all requests
constexpr double kLongestRest = 900;
constexpr double kCreditMost = 180;
constexpr double kCreditShare = 0.02;

}  // namespace

double Prober::rest(double pace) { return std::max(5.0, 20 / pace); }

double Prober::tick(double pace, double top, bool saturated, double now) {
  if (pace >= top - 1e-9) {
    gain_ = 1;
    return pace;
  }
  if (probing()) {
    if (now < ends_) return pace;
    const double tried = pace * gain_;
    gain_ = 1;
    if (sent_ < kExercised * pace * (now - began_)) {
      next_ = now + 5;
      return pace;
    }
    ++successes_;
    failures_ = 0;
    if (tried >= refused_) refused_ = kNever;
    next_ = now;
    return std::min(top, tried);
  }
  if (now < next_ || !saturated) return pace;
  if (now - refused_at_ > kRefusedMemory) refused_ = kNever;
  double step = kLeastStep * std::exp2(successes_);
  if (refused_ < kNever && pace < refused_) step = std::max(kLeastStep, (refused_ / pace - 1) / 2);
  step = std::min({step, kLargestStep, top / pace - 1});
  gain_ = 1 + step;
  const double excess = now - banned_ < kBanMemory ? kExcessBanned : kExcess;
  began_ = now;
  ends_ = now + std::max({2.0, 3 / pace, excess / step});
  sent_ = 0;
  return pace;
}

void Prober::failed(double pace, double lost, int refusals, double now) {
  ++failures_;
  successes_ = 0;
  double wait = rest(pace) * std::exp2(std::min(failures_ - 1, 3));
  wait = std::min(std::max(wait, refusals / (kRefusalShare * pace)), kLongestRest);
  if (lost > 1) {
    credit_ = std::min(kCreditMost, credit_ + kCreditShare * (now - credit_at_)) - lost;
    credit_at_ = now;
    wait = std::max(std::min(wait, 60.0), (lost - credit_) / kCreditShare);  // until another such loss is covered
  }
  next_ = now + wait;
}

void Prober::cut(double pace, double now) {
  successes_ = 0;
  next_ = now + rest(pace);
}

void Prober::remember_refused(double rate, double now) {
  refused_ = rate;
  refused_at_ = now;
}

void Prober::remember_lower_refused(double rate, double now) {
  refused_ = now - refused_at_ < 60 ? std::min(refused_, rate) : rate;
  refused_at_ = now;
}

void Prober::restart(double now, int boldness) {
  refused_ = kNever;
  next_ = now;
  successes_ = boldness;
}

}  // namespace backoffd::policy
