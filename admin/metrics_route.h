// GET /metrics.
#pragma once

#include "admin/learning_store.h"
#include "admin/router.h"
#include "policy/engine.h"
#include "proxy/server.h"

namespace backoffd::admin {

// All of them outlive the router. `learning`: null: nothing is kept over a restart.
void add_metrics_route(Router& router, policy::Engine& engine, proxy::Server& server, const LearningStore* learning);

}  // namespace backoffd::admin
