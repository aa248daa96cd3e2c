#include "admin/state_route.h"

namespace backoffd::admin {

void add_state_routes(Router& router, const std::function<bool()>& draining, const std::function<void()>& drain) {
  const auto status = [](const char* word, int code = 200) {
    return json_response(json::Object{{"status", word}}, code);
  };
  router.add("GET", "/healthz", [status](const Request&, const std::string&) { return status("ok"); });
  router.add("GET", "/readyz", [status, draining](const Request&, const std::string&) {
    return draining() ? error_response(503, "draining", "This proxy takes no new requests.") : status("ready");
  });
  router.add("POST", "/drain", [status, drain](const Request&, const std::string&) {
    drain();
    return status("draining", 202);
  });
}

}  // namespace backoffd::admin
