// GET /healthz (is the process alive), GET /readyz (should it get requests), POST /drain.
#pragma once

#include <functional>

#include "admin/router.h"

namespace backoffd::admin {

// `draining`: no new requests any more. `drain`: as SIGTERM; must not end the process before the call is answered.
void add_state_routes(Router& router, const std::function<bool()>& draining, const std::function<void()>& drain);

}  // namespace backoffd::admin
