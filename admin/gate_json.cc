#include "admin/gate_json.h"

#include "admin/config_keys.h"
#include "admin/units.h"

namespace backoffd::admin {
namespace {

using json::Value;
using policy::GateLayer;

Value show_latency(const policy::LatencyHistogram& histogram) {
  Value out;
  out["mean"] = histogram.mean();
  out["p50"] = histogram.quantile(0.50);
  out["p95"] = histogram.quantile(0.95);
  out["p99"] = histogram.quantile(0.99);
  return out;
}

Value show_arm(const policy::ArmFigures& arm) {
  Value out;
  out["exchanges"] = arm.exchanges;
  out["successes"] = arm.successes;
  out["success_rate"] = arm.exchanges > 0 ? Value(arm.share(arm.successes)) : Value();
  out["clients_left"] = arm.left;
  out["throttle_answers_received"] = arm.throttle_answers;
  out["throttled_exchanges"] = arm.throttled_exchanges;
  out["429_given"] = arm.throttled;
  out["timeouts"] = arm.timeouts;
  out["broken_bodies"] = arm.broken_bodies;
  out["resumed_bodies"] = arm.resumed_bodies;
  out["attempts_per_exchange"] = arm.share(arm.attempts);
  out["queue_wait_mean"] = arm.exchanges > 0 ? policy::seconds(arm.queued) / static_cast<double>(arm.exchanges) : 0.0;
  out["bytes"] = arm.bytes;
  out["seconds_to_head"] = show_latency(arm.to_head);
  out["seconds_to_end"] = show_latency(arm.latency);
  return out;
}

}  // namespace

Value show_arms(const policy::BothArms& arms) {
  Value out;
  for (std::size_t i = 0; i < arms.size(); ++i) out[policy::kSideNames[i]] = show_arm(arms[i]);
  return out;
}

Value show_comparison(const policy::Comparison& comparison) {
  Value out;
  out["verdict"] = name(comparison.verdict);
  out["evidence"] = json::Array(comparison.evidence.begin(), comparison.evidence.end());
  out["alpha"] = comparison.alpha;
  out["effects"] = json::Object();
  for (const policy::Effect& effect : comparison.effects) {
    Value& to = out["effects"][effect.figure];
    to["control"] = effect.control;
    to["treatment"] = effect.treatment;
    to["difference"] = effect.difference;
    to["low"] = effect.interval.low;
    to["high"] = effect.interval.high;
    to["test"] = effect.test;
  }
  return out;
}

Value show_act(const policy::GuardAct& act, const Clocks& clocks) {
  Value out;
  out["act"] = name(act.kind);
  out["by"] = act.by;
  out["at"] = format_time(clocks.wall - (clocks.now - act.when));
  out["why"] = act.why;
  out["percentage"] = act.percentage;
  if (act.kind != policy::GuardAct::Kind::flipped) out["comparison"] = show_comparison(act.comparison);
  return out;
}

Value show_gate(const policy::GateStatus& status, const Clocks& clocks) {
  Value out;
  out["effective"] = show_setting_in_force(status.gate.effective());
  out["layer"] = name(status.gate.effective_layer());
  for (std::size_t i = 0; i < policy::kGateLayerNames.size(); ++i) {
    const auto layer = static_cast<GateLayer>(i);
    if (const auto& setting = status.gate.at(layer)) {
      out["layers"][name(layer)] = layer == GateLayer::guard ? show_setting_in_force(*setting) : show_setting(*setting);
    }
  }
  out["verdict"] = name(status.verdict);
  Value& guard = out["guard"];
  guard["mode"] = name(status.gate.effective().guard);
  guard["rolled_back"] = status.guard.rolled_back();
  guard["blind"] = status.guard.blind();
  const auto next = status.guard.next_stage();
  guard["next_stage_at"] =
      next && *next > clocks.now ? Value(format_time(clocks.wall + (*next - clocks.now))) : Value();
  const std::string_view held = status.guard.held_by();
  guard["held_by"] = held.empty() ? Value() : Value(held);
  guard["acts"] = json::Array();
  for (const policy::GuardAct& act : status.acts) guard["acts"].array()->push_back(show_act(act, clocks));
  return out;
}

Value show_gates(const std::vector<policy::GateStatus>& gates, const Clocks& clocks) {
  Value out;
  for (const policy::GateStatus& status : gates) out["gates"][name(status.id)] = show_gate(status, clocks);
  return out;
}

}  // namespace backoffd::admin
