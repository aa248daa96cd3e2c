#include "admin/learning_route.h"

#include <spdlog/spdlog.h>

#include "admin/learning_status.h"
#include "proxy/net/loop.h"

namespace backoffd::admin {

using proxy::Loop;

void add_learning_routes(Router& router, policy::Engine& engine, const std::function<void()>& changed) {
  router.add("GET", "/learning", [&engine](const Request&, const std::string&) {
    const auto now = Loop::now();
    return json_response(learning_json(engine.status(now), now, Loop::wall_now()));
  });
  router.add("POST", "/learning/{}/reset", [&engine, changed](const Request&, const std::string& key) {
    if (!engine.reset(key, Loop::now())) {
      return error_response(404, "no_such_key", "Nothing is known of this provider@host.");
    }
    spdlog::warn("learning: what was learned of {} is forgotten, by the admin interface", json::write(key));
    changed();
    return json_response(json::Object{{"reset", key}});
  });
}

}  // namespace backoffd::admin
