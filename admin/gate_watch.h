// Lets the guards of the gates look once a second, and tells what they did: in the log and to the webhook. Owned by the
// Service; the admin's loop only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "admin/resource_watch.h"
#include "admin/webhook.h"
#include "policy/engine.h"
#include "proxy/net/loop.h"

namespace backoffd::admin {

class GateWatch {
 public:
  static constexpr proxy::Duration kTick = std::chrono::seconds(1);

  // `engine` outlives it. `exchanges`: ended so far. `changed`: called after a flip, as by add_gate_routes().
  // `webhook`: null: none.
  GateWatch(proxy::Loop& loop, policy::Engine& engine, std::function<std::uint64_t()> exchanges,
            std::function<void()> changed, std::unique_ptr<Webhook> webhook);

  void start() { on_tick(); }  // at once: experiments begin now
  // None: there is no webhook.
  std::optional<WebhookCounts> webhook_counts() const {
    return webhook_ ? std::optional(webhook_->counts()) : std::nullopt;
  }
  policy::Resources resources(policy::GateId id) const { return resources_.resources(id); }

 private:
  void on_tick();
  void tell(policy::GateId id, const policy::GuardAct& act);

  policy::Engine& engine_;
  const std::function<std::uint64_t()> exchanges_;
  const std::function<void()> changed_;
  const std::unique_ptr<Webhook> webhook_;
  ResourceWatch resources_;
  proxy::Timer tick_;
};

}  // namespace backoffd::admin
