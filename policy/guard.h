// The guard of one gate: takes the gate back when its comparison says that it harms, and carries it up its ramp while
// it does not. A state machine in virtual time that decides and does nothing itself: the engine does what it says.
//
//     watching(stage) --rollback, enforce--> rolled_back
//         |    ^  \__ rollback, report: says so once, and the ramp stays where it is
//         |    | step is over, and nothing is to be said against it
//         +----+                                                    any --operator's flip--> watching(0)
//
// A ramp stays where it is as long as the verdict is rollback (whatever the guard's mode), success or latency is surely
// worse, or an arm has too few exchanges to tell. At 100 % there is no control any more, and the guard is blind; so it
// goes there only when a harm at the thresholds is excluded.
//
// A gate that was rolled back stays off until an operator flips it; so the guard never has to be trusted twice. In
// shadow nothing acts, so there is nothing to take back or to carry up.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "policy/comparison.h"
#include "policy/gate.h"
#include "policy/time.h"

namespace backoffd::policy {

struct GuardAct {
  enum class Kind {
    flipped,      // by an operator
    advised,      // report: it would have been rolled back
    rolled_back,  // enforce
    raised,       // the next percentage of the ramp
  };
  static constexpr std::array<std::string_view, 4> kKindNames = {"flipped", "advised", "rolled_back", "raised"};

  Kind kind = Kind::flipped;
  std::string_view by;    // "guard", or the layer that an operator's flip came by
  std::string why;        // a sentence
  double percentage = 0;  // from now on
  MonoTime when{};
  Comparison comparison;  // the figures it rests on; empty for a flip
};
constexpr std::string_view name(GuardAct::Kind kind) { return GuardAct::kKindNames[static_cast<std::size_t>(kind)]; }

class Guard {
 public:
  // A flip by an operator, with the setting that holds without the guard.
  void restart(const GateSetting& setting, MonoTime now);

  // It was rolled back before the process was started, under the same setting.
  void restore_rollback() { rolled_back_ = true; }

  // What the guard puts in the place of that setting; none: nothing.
  std::optional<GateSetting> overlay() const;

  // Something to be done now; none: nothing. To be called now and then, a second apart is plenty.
  std::optional<GuardAct> look(const Comparison& comparison, MonoTime now);

  // What one stage of the ramp may spend of the gate's alpha, as a part of it: the stages are tests of their own.
  double alpha_share() const { return setting_.ramp.empty() ? 1.0 : 1.0 / static_cast<double>(setting_.ramp.size()); }
  bool rolled_back() const { return rolled_back_; }
  std::size_t stage() const { return stage_; }
  // When the next percentage is due; none: never.
  std::optional<MonoTime> next_stage() const;
  // Why the ramp stays where it is, as of the last look: half a sentence. Empty: it goes up when the step is over, or
  // there is nothing to go up to.
  std::string_view held_by() const;
  // Everything is treated: there is no control arm that a harm could show against, so the guard can never act.
  bool blind() const;

 private:
  bool has_next_stage() const { return stage_ + 1 < setting_.ramp.size(); }
  double percentage() const { return setting_.ramp.empty() ? setting_.percentage : setting_.ramp[stage_]; }
  // What stands against the next stage; empty: nothing. REQUIRES: has_next_stage()
  std::string_view hindrance(const Comparison& comparison) const;

  GateSetting setting_;
  std::size_t stage_ = 0;
  MonoTime stage_began_{};
  bool rolled_back_ = false;
  bool advised_ = false;
  std::string_view hindrance_;  // since the step is over
};

}  // namespace backoffd::policy
