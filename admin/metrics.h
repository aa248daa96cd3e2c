// What the process counts, in the Prometheus text format. The only file pair that knows prometheus-cpp.
#pragma once

#include <string>
#include <vector>

#include "policy/engine.h"
#include "policy/time.h"
#include "proxy/counters.h"
#include "proxy/tls/interceptor.h"

namespace backoffd::admin {

inline constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

// Keys with series of their own: those with the most requests. A client can make up hosts, and with them keys; what
// scrapes this must not pay for it.
inline constexpr std::size_t kMostKeySeries = 256;

struct MetricsSource {
  std::vector<const proxy::Counters*> workers;  // added up
  std::vector<policy::KeyStatus> keys;
  std::vector<policy::GateStatus> gates;
  policy::MonoTime now{};
  const proxy::Interceptor* interceptor = nullptr;  // null: nothing is intercepted
};
std::string metrics_text(MetricsSource source);

}  // namespace backoffd::admin
