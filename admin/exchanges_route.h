// GET /exchanges?state=waiting|active|recent: what waits (queued or backing off), what moves (attempting, relaying, a
// tunnel), and the last that were tried again, resumed, refused or queued for long. Without a state: all that is in
// flight. At most 1000, the oldest.
#pragma once

#include "admin/router.h"
#include "proxy/server.h"

namespace backoffd::admin {

// `server`, `callers` and `loop`, the admin's, outlive the router.
void add_exchange_routes(Router& router, proxy::Server& server, Callers& callers, proxy::Loop& loop);

}  // namespace backoffd::admin
