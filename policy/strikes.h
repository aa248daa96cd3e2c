// A leaky count of limit events, and the ladder: the cut where nothing better is measured, and the provisional
// reduction while a key is blocked. For one sequential client that is refused always it is the count of refusals.
// Times are seconds of one monotonic clock. Not thread-safe: owned by a Learner.
#pragma once

#include <algorithm>

#include "policy/learning_constants.h"

namespace backoffd::policy {

class Strikes {
 public:
  void begin(double now) { leaked_at_ = now; }
  void add() { ++count_; }
  void forget() { count_ = 0; }
  int count() const { return count_; }
  // Points of the configured limit that the next step of the ladder takes off.
  double points() const { return count_ < 5 ? 10 : count_ < 10 ? 20 : 30; }

  void accepted(double now) {
    ++accepted_;
    while (count_ > 0 && now - leaked_at_ >= learning::kStrikeSeconds && accepted_ >= learning::kStrikeAccepted) {
      --count_;
      leaked_at_ += learning::kStrikeSeconds;
      accepted_ -= learning::kStrikeAccepted;
    }
    if (count_ > 0) return;
    leaked_at_ = now;
    accepted_ = 0;
  }

  // The reduction to show while the key is blocked, percent: climbs with every refusal from the third strike on.
  double ladder() const { return ladder_; }
  void climb() {
    if (count_ > learning::kIsolated) ladder_ = std::min(learning::kLadderMost, ladder_ + points());
  }
  void step_down() { ladder_ = 0; }

 private:
  int count_ = 0;
  int accepted_ = 0;
  double leaked_at_ = 0;
  double ladder_ = 0;
};

}  // namespace backoffd::policy
