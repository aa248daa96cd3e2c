// GET /gates: every gate with its layers, what is in force and what its guard did. GET /gates/{name}/comparison: both
// arms of its experiment side by side. POST /gates/{name}: flips one until the next restart.
#pragma once

#include <functional>

#include "admin/router.h"
#include "policy/engine.h"

namespace backoffd::admin {

// What the process needs now against what it needed before a gate's flip.
using ResourcesOf = std::function<policy::Resources(policy::GateId id)>;

// `engine` outlives the router. `changed` is called after a flip: who waits may be let through by it. `rollbacks_kept`:
// over a restart, by a RollbackStore.
void add_gate_routes(
    Router& router, policy::Engine& engine, const std::function<void()>& changed,
    const ResourcesOf& resources = [](policy::GateId) { return policy::Resources(); }, bool rollbacks_kept = false);

}  // namespace backoffd::admin
