#include "policy/guard.h"

#include <cstdio>

namespace backoffd::policy {
namespace {

// The sentence that decided, which is the last one.
std::string reason_of(const Comparison& comparison) {
  return comparison.evidence.empty() ? std::string() : comparison.evidence.back();
}

std::string percent(double percentage) {
  char text[32];
  std::snprintf(text, sizeof text, "%g %%", percentage);
  return text;
}

}  // namespace

void Guard::restart(const GateSetting& setting, MonoTime now) {
  setting_ = setting;
  stage_ = 0;
  stage_began_ = now;
  rolled_back_ = false;
  advised_ = false;
}

std::optional<GateSetting> Guard::overlay() const {
  if (!rolled_back_ && setting_.ramp.empty()) return std::nullopt;
  GateSetting changed = setting_;
  if (!setting_.ramp.empty()) changed.percentage = setting_.ramp[stage_];
  if (rolled_back_) changed.mode = GateMode::off;
  return changed;
}

std::optional<MonoTime> Guard::next_stage() const {
  if (rolled_back_ || advised_ || setting_.mode != GateMode::on || stage_ + 1 >= setting_.ramp.size()) return {};
  return stage_began_ + setting_.step;
}

bool Guard::may_go_up(const Comparison& comparison) const {
  if (comparison.verdict == GateVerdict::rollback) return false;
  if (setting_.ramp[stage_] <= 0) return true;  // nobody is treated yet
  const bool loses_control = setting_.ramp[stage_ + 1] >= 100;
  return comparison.enough && !comparison.harm && (comparison.harmless || !loses_control);
}

std::optional<GuardAct> Guard::look(const Comparison& comparison, MonoTime now) {
  if (rolled_back_ || setting_.mode != GateMode::on) return std::nullopt;
  const double percentage = setting_.ramp.empty() ? setting_.percentage : setting_.ramp[stage_];
  if (comparison.verdict == GateVerdict::rollback && setting_.guard != GuardMode::off) {
    if (setting_.guard == GuardMode::enforce) {
      rolled_back_ = true;
      return GuardAct{GuardAct::Kind::rolled_back, "guard", reason_of(comparison), 0, now, comparison};
    }
    if (advised_) return std::nullopt;
    advised_ = true;
    return GuardAct{GuardAct::Kind::advised, "guard", reason_of(comparison), percentage, now, comparison};
  }
  const auto due = next_stage();
  if (!due || now < *due || !may_go_up(comparison)) return std::nullopt;
  ++stage_;
  stage_began_ = now;
  const double next = setting_.ramp[stage_];
  return GuardAct{GuardAct::Kind::raised,
                  "guard",
                  std::string("from ")
                      .append(percent(percentage))
                      .append(", where the verdict is ")
                      .append(name(comparison.verdict)),
                  next,
                  now,
                  comparison};
}

}  // namespace backoffd::policy
