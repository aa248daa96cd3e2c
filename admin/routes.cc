#include "admin/routes.h"

#include "admin/config_route.h"
#include "admin/exchanges_route.h"
#include "admin/interception_route.h"
#include "admin/learning_route.h"
#include "admin/state_route.h"
#include "admin/web_route.h"

namespace backoffd::admin {

Router all_routes(const RouteSources& sources) {
  Router router;
  proxy::Server& server = sources.server;
  const auto settle = [&server] { server.pacer().settle(); };
  add_state_routes(
      router, [&server] { return server.draining(); }, sources.drain);
  add_gate_routes(router, sources.engine, settle, sources.resources, !sources.config.state_dir.empty());
  add_learning_routes(router, sources.engine, settle);
  add_config_route(router, sources.config);
  add_interception_routes(router, sources.config, server.interceptor());
  sources.feed.add_routes(router);
  add_exchange_routes(router, server, sources.callers, sources.loop);
  add_metrics_route(router, sources.engine, server, sources.learning, sources.webhook);
  add_web_routes(router);
  return router;
}

}  // namespace backoffd::admin
