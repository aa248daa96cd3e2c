// GET /gates: every gate with its layers and what is in force. POST /gates/{name}: flips one until the next restart.
#pragma once

#include <functional>

#include "admin/json.h"
#include "admin/router.h"
#include "policy/engine.h"

namespace backoffd::admin {

// {"gates": {name: {"effective": {...}, "layer": "admin", "layers": {"default": {...}, ...}}}}
json::Value show_gates(const std::vector<policy::GateStatus>& gates);

// `engine` outlives the router. `changed` is called after a flip: who waits may be let through by it.
void add_gate_routes(Router& router, policy::Engine& engine, const std::function<void()>& changed);

}  // namespace backoffd::admin
