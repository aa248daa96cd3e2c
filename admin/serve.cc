#include "admin/serve.h"

#include <signal.h>
#include <spdlog/spdlog.h>

#include "admin/service_manager.h"
#include "admin/signals.h"

namespace backoffd::admin {

int serve(Service& service) {
  const auto signals =
      Signals::take(service.loop(), {SIGTERM, SIGINT, SIGHUP}, [&service](const signalfd_siginfo& signal) {
        if (signal.ssi_signo == SIGHUP) {
          service.reopen_log();
        } else if (service.draining()) {
          spdlog::warn("second signal: what is under way is broken off");
          service.stop();
        } else {
          tell_service_manager("STOPPING=1");
          service.drain(signal.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
        }
      });
  if (!signals) {
    spdlog::error("{}", signals.error().text());
    return 1;
  }
  service.loop().post([] { tell_service_manager("READY=1"); });
  service.run();
  return 0;
}

}  // namespace backoffd::admin
