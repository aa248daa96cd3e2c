// What the process counts, in the Prometheus text format and by its conventions. Pure but for the process's own
// figures.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/webhook.h"
#include "policy/arm_figures.h"
#include "policy/engine.h"
#include "policy/time.h"
#include "proxy/counters.h"
#include "proxy/tls/interceptor.h"

namespace backoffd::admin {

inline constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

// Keys with series of their own: those with the most requests. A client can make up hosts, and with them keys; what
// scrapes this must not pay for it.
inline constexpr std::size_t kMostKeySeries = 256;

struct GateFigures {
  policy::GateStatus status;
  policy::BothArms arms;  // since the gate's flip, all keys
};

struct MetricsSource {
  std::vector<const proxy::Counters*> workers = {};  // added up
  std::uint64_t lost_log_lines = 0;
  std::uint64_t connection_limit = 0;  // of clients
  bool draining = false;
  std::vector<policy::KeyStatus> keys = {};  // those with series of their own
  std::size_t key_count = 0;                 // of all keys
  std::vector<GateFigures> gates = {};
  policy::MonoTime now{};
  const proxy::Interceptor* interceptor = nullptr;  // null: nothing is intercepted
  std::optional<bool> learning_kept = {};           // what is learned reaches its file; none: it has none
  std::optional<WebhookCounts> webhook = {};        // none: there is none
};
std::string metrics_text(const MetricsSource& source);

}  // namespace backoffd::admin
