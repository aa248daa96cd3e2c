// GET /config: the configuration as it is in force, as a file that would say the same. No secret is in it: a token
// stays in its own file.
#pragma once

#include "admin/config.h"
#include "admin/router.h"

namespace backoffd::admin {

void add_config_route(Router& router, const Config& config);

}  // namespace backoffd::admin
