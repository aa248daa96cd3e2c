// GET /learning: what is known of each key. POST /learning/{provider@host}/reset: forgets what was learned of one.
#pragma once

#include <functional>

#include "admin/router.h"
#include "policy/engine.h"

namespace backoffd::admin {

// `engine` outlives the router. `changed` is called after a reset: who waits may be let through by it.
void add_learning_routes(Router& router, policy::Engine& engine, const std::function<void()>& changed);

}  // namespace backoffd::admin
