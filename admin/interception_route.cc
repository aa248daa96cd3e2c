#include "admin/interception_route.h"

#include <spdlog/spdlog.h>

#include <cmath>

#include "admin/authority_json.h"
#include "admin/config_keys.h"
#include "proxy/net/loop.h"

namespace backoffd::admin {
namespace {

using proxy::Loop;

json::Value learned_json(const proxy::PassThrough& pass_through, policy::MonoTime now) {
  json::Array out;
  for (const auto& entry : pass_through.entries(now)) {
    json::Value one;
    one["client"] = entry.client;
    one["host"] = entry.host;
    one["why"] = entry.why;
    one["seconds_left"] = std::ceil(policy::seconds(entry.until - now));
    out.push_back(std::move(one));
  }
  return out;
}

json::Value interception_json(const Config& config, const proxy::Interceptor* interceptor) {
  const auto& passthrough = config.proxy.tls.passthrough;
  json::Value out;
  out["intercept"] = show_intercept(config);
  out["passthrough"] = json::Array(passthrough.begin(), passthrough.end());
  out["ca"] = json::Value();
  out["learned_passthrough"] = json::Array();
  if (!interceptor) return out;
  out["ca"] = authority_json(interceptor->authority());
  out["leaves_minted"] = static_cast<std::int64_t>(interceptor->mint().minted());
  out["leaves_kept"] = static_cast<std::int64_t>(interceptor->mint().size());
  out["learned_passthrough"] = learned_json(interceptor->pass_through(), Loop::now());
  return out;
}

}  // namespace

void add_interception_routes(Router& router, const Config& config, proxy::Interceptor* interceptor) {
  router.add("GET", "/interception", [&config, interceptor](const Request&, const std::string&) {
    return json_response(interception_json(config, interceptor));
  });
  router.add("POST", "/interception/reset", [interceptor](const Request&, const std::string&) {
    std::size_t forgotten = 0;
    if (interceptor) {
      forgotten = interceptor->pass_through().entries(Loop::now()).size();
      interceptor->pass_through().clear();
    }
    spdlog::warn("interception: {} learned pass-throughs are forgotten, by the admin interface", forgotten);
    return json_response(json::Object{{"forgotten", static_cast<std::int64_t>(forgotten)}});
  });
}

}  // namespace backoffd::admin
