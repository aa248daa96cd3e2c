#include "policy/prober.h"

#include <algorithm>
#include <cmath>

#include "policy/learning_constants.h"

namespace backoffd::policy {
double Prober::rest(double pace) { return std::max(learning::kRestSeconds, learning::kRestRequests / pace); }

double Prober::tick(double pace, double top, bool saturated, double now) {
  if (pace >= top - 1e-9) {
    gain_ = 1;
  } else if (probing()) {
    if (now >= ends_) return end(pace, top, now);
  } else if (now >= next_ && saturated) {
    start(pace, top, now);
  }
  return pace;
}

void Prober::start(double pace, double top, double now) {
  if (now - refused_at_ > learning::kRefusedMemory) refused_ = kNever;
  double step = first_step_ * std::exp2(successes_);
  if (refused_ < kNever && pace < refused_) step = std::max(first_step_, (refused_ / pace - 1) / 2);
  step = std::min({step, learning::kLargestStep, top / pace - 1});
  const double excess = now - banned_ < learning::kBanMemory ? learning::kExcessBanned : learning::kExcess;
  gain_ = 1 + step;
  began_ = now;
  ends_ = now + std::max({2.0, 3 / pace, excess / step});
  sent_ = 0;
}

double Prober::end(double pace, double top, double now) {
  const double tried = pace * gain_;
  gain_ = 1;
  if (sent_ < learning::kExercised * pace * (now - began_)) {
    next_ = now + learning::kRestSeconds;
    return pace;
  }
  ++successes_;
  failures_ = 0;
  // Rise upon rise, and nothing in the way: the limit moves, and is followed in larger steps.
  if (successes_ >= 2 && refused_ == kNever)
    first_step_ = std::min(learning::kLargestFirst, first_step_ * learning::kStepGrowth);
  if (tried >= refused_) refused_ = kNever;
  next_ = now;
  return std::min(top, tried);
}

void Prober::failed(double pace, double lost, int refusals, double now) {
  ++failures_;
  successes_ = 0;
  first_step_ = std::max(learning::kLeastStep, first_step_ * learning::kStepDecay);
  // Of a limit that moves more may be asked.
  const double moving = first_step_ / learning::kLeastStep;
  const double worth = refusals / (moving * pace);
  double wait = std::max(rest(pace) * std::exp2(std::min(failures_ - 1, learning::kRestDoublings)),
                         worth / learning::kRefusalShare);
  if (lost > 1) {
    credit_ = std::min(learning::kCreditMost, credit_ + learning::kCreditShare * (now - credit_at_)) - lost;
    credit_at_ = now;
    wait = std::max(std::min(wait, learning::kRestLong), worth / learning::kRefusalShareLong);
  }
  wait = std::min(wait, learning::kRestMost);
  if (lost > 1) wait = std::max(wait, (lost - credit_) / learning::kCreditShare);  // until another such loss is covered
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
