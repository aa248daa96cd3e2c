// GET /interception: what is intercepted, with which CA, and which clients turned it down. POST /interception/reset
// forgets the latter, so that they are intercepted again.
#pragma once

#include "admin/config.h"
#include "admin/router.h"
#include "proxy/tls/interceptor.h"

namespace backoffd::admin {

// `interceptor`: null where nothing is intercepted; it and `config` outlive the router.
void add_interception_routes(Router& router, const Config& config, proxy::Interceptor* interceptor);

}  // namespace backoffd::admin
