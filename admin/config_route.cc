#include "admin/config_route.h"

#include "admin/config_keys.h"

namespace backoffd::admin {

void add_config_route(Router& router, const Config& config) {
  // Made once: nothing of it changes while the process runs (gates in force: GET /gates).
  router.add("GET", "/config",
             [response = json_response(show_config(config))](const Request&, const std::string&) { return response; });
}

}  // namespace backoffd::admin
