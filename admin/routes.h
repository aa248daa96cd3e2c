// All routes of the admin interface in one table. What they answer is described in web/openapi.json.
#pragma once

#include <functional>

#include "admin/config.h"
#include "admin/event_feed.h"
#include "admin/gates_route.h"
#include "admin/learning_store.h"
#include "admin/metrics_route.h"
#include "admin/router.h"
#include "policy/engine.h"
#include "proxy/net/loop.h"
#include "proxy/server.h"

namespace backoffd::admin {

// What they speak for. All of it outlives the router.
struct RouteSources {
  const Config& config;
  policy::Engine& engine;
  proxy::Server& server;
  EventFeed& feed;
  Callers& callers;
  proxy::Loop& loop;              // the admin's
  const LearningStore* learning;  // null: nothing is kept over a restart
  std::function<void()> drain;    // as add_state_routes() has it
  ResourcesOf resources;
  WebhookCountsOf webhook;
};
Router all_routes(const RouteSources& sources);

}  // namespace backoffd::admin
