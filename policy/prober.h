// The way back up: when may a reduced pace be raised for trial, by how much, for how long, and how long to leave it
// alone when the trial fails. A trial runs until it has sent 1.5 seconds' worth of requests more than the old pace
// would have, because a bucket hides a smaller excess. Towards a pace that is known to have failed it goes by halves,
// else by doubling steps. The first one is 5 %, and grows up to 30 % where the limit turns out to rise often: what
// moves has to be followed. The time lost to failed trials is bounded: 120 s and 2 % of all time, more only where bans
// have left open what the limit is.
//
// Times are seconds of one monotonic clock, paces requests per second. Not thread-safe: owned by a Learner.
#pragma once

#include <algorithm>
#include <limits>

#include "policy/learning_constants.h"

namespace backoffd::policy {

class Prober {
 public:
  double gain() const { return gain_; }  // 1: no trial is under way
  bool probing() const { return gain_ > 1; }
  void sent() { sent_ += probing() ? 1 : 0; }
  void stop() { gain_ = 1; }

  // Starts or ends a trial when it is time to. Returns the pace to hold from here: a higher one after a clean trial.
  // `saturated`: requests have waited all through the last second; without that a trial would show nothing.
  double tick(double pace, double top, bool saturated, double now);

  // A refused trial: `lost` seconds without sending, `refusals` answers.
  void failed(double pace, double lost, int refusals, double now);
  // The next trial, whatever failed() said of it: not before another loss of `lost` seconds is within the share of all
  // time, which is the larger the more there may be to win. `gain`: by how much the pace may be too low at most.
  void rest_until_covered(double lost, double gain, double now) {
    next_ = now + lost / (learning::kCreditShare * std::max(1.0, gain / learning::kLeastStep));
  }
  // A refused pace that was no trial, and the pace after the cut.
  void cut(double pace, double now);

  void remember_refused(double rate, double now);        // do not go near it for ten minutes
  void remember_lower_refused(double rate, double now);  // the same, but the lowest of the last minute counts
  void banned(double now) { banned_ = now; }  // the provider answers excess by a ban: trials become longer and rarer
  void restart(double now, int boldness);     // the picture has changed: try again at once, in larger steps

  double next() const { return next_; }
  void begin(double at) { next_ = at; }

  static double rest(double pace);  // shortest wait after a cut or failed trial

 private:
  static constexpr double kNever = std::numeric_limits<double>::infinity();

  void start(double pace, double top, double now);
  double end(double pace, double top, double now);

  double gain_ = 1;
  double began_ = 0, ends_ = 0;
  int sent_ = 0;
  double first_step_ = learning::kLeastStep;
  int successes_ = 0;
  int failures_ = 0;
  double next_ = kNever;       // no trial before
  double refused_ = kNever;    // a pace that is known to be too much ...
  double refused_at_ = -1e18;  // ... since
  double banned_ = -1e18;
  double credit_ = learning::kCredit;  // seconds that trials may still cost
  double credit_at_ = 0;
};

}  // namespace backoffd::policy
