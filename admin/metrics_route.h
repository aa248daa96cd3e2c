// GET /metrics.
#pragma once

#include <functional>
#include <optional>

#include "admin/learning_store.h"
#include "admin/router.h"
#include "admin/webhook.h"
#include "policy/engine.h"
#include "proxy/server.h"

namespace backoffd::admin {

// None: there is no webhook.
using WebhookCountsOf = std::function<std::optional<WebhookCounts>()>;

// All of them outlive the router. `learning`: null: nothing is kept over a restart.
void add_metrics_route(Router& router, policy::Engine& engine, proxy::Server& server, const LearningStore* learning,
                       const WebhookCountsOf& webhook);

}  // namespace backoffd::admin
