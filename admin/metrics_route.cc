#include "admin/metrics_route.h"

#include "admin/metrics.h"
#include "proxy/net/loop.h"

namespace backoffd::admin {
namespace {

std::vector<GateFigures> figures_of(const policy::Engine& engine, policy::MonoTime now) {
  std::vector<GateFigures> all;
  for (const policy::GateStatus& status : engine.gates()) {
    GateFigures gate{status, {}};
    for (const policy::KeyArms& key : engine.arm_figures(status.id, policy::FigureWindow::since_flip, now)) {
      for (std::size_t i = 0; i < gate.arms.size(); ++i) gate.arms[i].merge(key.arms[i]);
    }
    all.push_back(std::move(gate));
  }
  return all;
}

}  // namespace

void add_metrics_route(Router& router, policy::Engine& engine, proxy::Server& server, const LearningStore* learning,
                       const WebhookCountsOf& webhook) {
  router.add("GET", "/metrics", [&engine, &server, learning, webhook](const Request&, const std::string&) {
    const auto now = proxy::Loop::now();
    Response response;
    response.body = metrics_text({.workers = server.counters(),
                                  .lost_log_lines = server.lost_log_lines(),
                                  .connection_limit = server.config().limits.connections,
                                  .draining = server.draining(),
                                  .keys = engine.status(now, kMostKeySeries, policy::Engine::Foremost::busiest),
                                  .key_count = engine.key_count(),
                                  .gates = figures_of(engine, now),
                                  .now = now,
                                  .interceptor = server.interceptor(),
                                  .learning_kept = learning ? std::optional(learning->keeps()) : std::nullopt,
                                  .webhook = webhook()});
    response.content_type = kMetricsType;
    return response;
  });
}

}  // namespace backoffd::admin
