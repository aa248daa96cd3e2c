// `backoffd` itself: the service as a process of its own, told what to do by signals.
#pragma once

#include "admin/service.h"

namespace backoffd::admin {

// Serves until a drain is over: SIGTERM and SIGINT begin one, a second one of them ends it; SIGHUP opens the access log
// anew. A service manager is told when it serves and when a signal stops it. Returns the exit status. REQUIRES: no
// other thread runs yet.
int serve(Service& service);

}  // namespace backoffd::admin
