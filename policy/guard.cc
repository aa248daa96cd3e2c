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
  hindrance_ = {};
}

std::optional<GateSetting> Guard::overlay() const {
  if (!rolled_back_ && setting_.ramp.empty()) return std::nullopt;
  GateSetting changed = setting_;
  changed.percentage = percentage();
  if (rolled_back_) changed.mode = GateMode::off;
  return changed;
}

std::optional<MonoTime> Guard::next_stage() const {
  if (rolled_back_ || advised_ || setting_.mode != GateMode::on || !has_next_stage()) return {};
  return stage_began_ + setting_.step;
}

std::string_view Guard::held_by() const {
  if (rolled_back_ || !has_next_stage()) return {};
  if (setting_.mode == GateMode::shadow) return "in shadow nothing acts that could be carried up";
  if (advised_) return "the verdict was rollback; it goes on when the gate is flipped";
  return hindrance_;
}

bool Guard::blind() const {
  return setting_.mode == GateMode::on && setting_.guard != GuardMode::off && !rolled_back_ && percentage() >= 100;
}

std::string_view Guard::hindrance(const Comparison& comparison) const {
  if (comparison.verdict == GateVerdict::rollback) return "the verdict is rollback";
  if (percentage() <= 0) return {};  // nobody is treated yet
  if (!comparison.enough) return "an arm has too few exchanges to tell";
  if (comparison.harm) return "success or latency is surely worse";
  if (setting_.ramp[stage_ + 1] >= 100 && !comparison.harmless) {
    return "a harm is not excluded yet, and at 100 % there is no control arm left to find it";
  }
  return {};
}

std::optional<GuardAct> Guard::look(const Comparison& comparison, MonoTime now) {
  if (rolled_back_ || setting_.mode != GateMode::on) return std::nullopt;
  if (comparison.verdict == GateVerdict::rollback && setting_.guard != GuardMode::off) {
    if (setting_.guard == GuardMode::enforce) {
      rolled_back_ = true;
      return GuardAct{GuardAct::Kind::rolled_back, "guard", reason_of(comparison), 0, now, comparison};
    }
    if (advised_) return std::nullopt;
    advised_ = true;
    return GuardAct{GuardAct::Kind::advised, "guard", reason_of(comparison), percentage(), now, comparison};
  }
  const auto due = next_stage();
  if (!due || now < *due) return std::nullopt;
  hindrance_ = hindrance(comparison);
  if (!hindrance_.empty()) return std::nullopt;
  const double before = percentage();
  ++stage_;
  stage_began_ = now;
  return GuardAct{
      GuardAct::Kind::raised,
      "guard",
      std::string("from ").append(percent(before)).append(", where the verdict is ").append(name(comparison.verdict)),
      percentage(),
      now,
      comparison};
}

}  // namespace backoffd::policy
