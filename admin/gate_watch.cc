#include "admin/gate_watch.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "admin/gate_json.h"
#include "admin/process_usage.h"

namespace backoffd::admin {

using policy::GateId;
using policy::GuardAct;
using proxy::Loop;

GateWatch::GateWatch(Loop& loop, policy::Engine& engine, std::function<std::uint64_t()> exchanges,
                     std::function<void()> changed, std::unique_ptr<Webhook> webhook)
    : engine_(engine),
      exchanges_(std::move(exchanges)),
      changed_(std::move(changed)),
      webhook_(std::move(webhook)),
      tick_(proxy::Timer::of<GateWatch, &GateWatch::on_tick>(loop, this)) {}

void GateWatch::on_tick() {
  tick_.arm(kTick);
  const policy::MonoTime now = Loop::now();
  // Without this thread, which looks each second however few exchanges there are: by the exchange it would seem to cost
  // more whenever they become fewer.
  resources_.add({now, resident_bytes(), cpu_seconds_of_others(), exchanges_()});
  const auto acts = engine_.look(
      [this](GateId id, policy::MonoTime began) {
        resources_.began(id, began);
        return resources_.resources(id);
      },
      now);
  for (const auto& [id, act] : acts) tell(id, act);
  if (!acts.empty()) changed_();
}

void GateWatch::tell(GateId id, const GuardAct& act) {
  const auto level = act.kind == GuardAct::Kind::raised ? spdlog::level::info : spdlog::level::warn;
  spdlog::log(level, "gate {}: {} to {} % by its guard: {}", name(id), name(act.kind), act.percentage, act.why);
  if (act.kind != GuardAct::Kind::raised) {
    for (const std::string& sentence : act.comparison.evidence) spdlog::log(level, "gate {}: {}", name(id), sentence);
  }
  if (act.kind == GuardAct::Kind::rolled_back) {
    spdlog::warn("gate {}: off until it is flipped; without a state_dir, until the next start", name(id));
  }
  if (!webhook_) return;
  json::Value message = show_act(act, {Loop::now(), Loop::wall_now()});
  message["gate"] = name(id);
  webhook_->post(std::move(message));
}

}  // namespace backoffd::admin
