#include "admin/interception_log.h"

#include <spdlog/spdlog.h>

#include "admin/config_keys.h"
#include "admin/units.h"

namespace backoffd::admin {

void log_interception(const Config& config, const proxy::Interceptor* interceptor) {
  if (interceptor) {
    const proxy::Authority& ca = interceptor->authority();
    spdlog::info("https of {} is intercepted; {}, SHA-256 {}, until {}, may sign for {}",
                 json::write(show_intercept(config)), ca.subject(), ca.fingerprint(), format_time(ca.not_after()),
                 ca.constraints().text());
  }
  for (const std::string& host : config.proxy.tls.insecure_skip_verify) {
    spdlog::warn(
        "THE CERTIFICATE OF {} IS NOT VERIFIED (tls.insecure_skip_verify): anybody in between can read and change what "
        "is exchanged with it",
        host);
  }
}

}  // namespace backoffd::admin
