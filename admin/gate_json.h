// Gates, their experiments and what their guards did, as JSON: for the routes and for the webhook. Pure functions.
#pragma once

#include <vector>

#include "admin/json.h"
#include "policy/engine.h"

namespace backoffd::admin {

// The two clocks at one moment, to tell the civil time of what happened.
struct Clocks {
  policy::MonoTime now{};
  policy::WallTime wall{};
};

// {"effective": {...}, "layer": "admin", "layers": {...}, "verdict": "keep", "guard": {...}}
json::Value show_gate(const policy::GateStatus& status, const Clocks& clocks);
// {"gates": {name: ...}}
json::Value show_gates(const std::vector<policy::GateStatus>& gates, const Clocks& clocks);

// {"act": "rolled_back", "by": "guard", "at": ..., "why": ..., "percentage": 0, "comparison": {...}}; an operator's
// flip has no comparison.
json::Value show_act(const policy::GuardAct& act, const Clocks& clocks);

// {"verdict", "evidence": [...], "alpha", "effects": {"success_rate": {"control", "treatment", "difference", "low",
// "high", "test"}, ...}}
json::Value show_comparison(const policy::Comparison& comparison);

// {"control": {...}, "treatment": {...}}: the figures of both arms.
json::Value show_arms(const policy::BothArms& arms);

}  // namespace backoffd::admin
