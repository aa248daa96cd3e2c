// GET / and the files of admin/web/: the dashboard, and the description of this interface. The page may load its own
// files and speak to its own origin, and nothing else: no other host, no inline script, no form, no frame around it.
#pragma once

#include "admin/router.h"

namespace backoffd::admin {

void add_web_routes(Router& router);

}  // namespace backoffd::admin
