// What the log says at start of interception and of certificates that are not looked at.
#pragma once

#include "admin/config.h"
#include "proxy/tls/interceptor.h"

namespace backoffd::admin {

// `interceptor`: null where nothing is intercepted.
void log_interception(const Config& config, const proxy::Interceptor* interceptor);

}  // namespace backoffd::admin
