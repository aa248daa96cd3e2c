#include "admin/rollback_store.h"

#include <cerrno>
#include <cstring>
#include <optional>

#include "admin/config_keys.h"
#include "admin/file.h"

namespace backoffd::admin {
namespace {

using policy::GateLayer;
using policy::GateSetting;
using policy::GuardAct;

constexpr int kVersion = 1;
constexpr std::size_t kLargestFile = 1 << 20;

// What files, environment and flags say; flips end with the process, and so are no part of it.
const GateSetting& configured(const policy::Gate& gate) {
  auto layer = static_cast<std::size_t>(GateLayer::command_line);
  while (layer > 0 && !gate.at(static_cast<GateLayer>(layer))) --layer;
  return *gate.at(static_cast<GateLayer>(layer));
}

// The act that took it back; none: it was not.
const GuardAct* rollback_of(const policy::GateStatus& status) {
  if (!status.guard.rolled_back()) return nullptr;
  for (auto act = status.acts.rbegin(); act != status.acts.rend(); ++act) {
    if (act->kind == GuardAct::Kind::rolled_back) return &*act;
  }
  return nullptr;
}

std::optional<GuardAct> read_act(const json::Value& entry, const Clocks& clocks) {
  const json::Value* at = entry.find("at");
  const json::Value* why = entry.find("why");
  const json::Value* evidence = entry.find("evidence");
  if (!at || !at->is_number() || !why || !why->string() || !evidence || !evidence->array()) return std::nullopt;
  GuardAct act{.kind = GuardAct::Kind::rolled_back, .by = "guard", .why = *why->string(), .comparison = {}};
  const policy::Duration age = clocks.wall.time_since_epoch() - policy::from_seconds(at->number());
  act.when = clocks.now - std::max(policy::Duration::zero(), age);
  act.comparison.verdict = policy::GateVerdict::rollback;
  for (const json::Value& sentence : *evidence->array()) {
    if (sentence.string()) act.comparison.evidence.push_back(*sentence.string());
  }
  return act;
}

}  // namespace

void RollbackStore::restore(policy::Engine& engine, const Clocks& clocks) {
  const auto text = read_file(path_, kLargestFile);
  if (!text) {
    if (errno != ENOENT) tell_("gates: " + path_ + " cannot be read: " + std::strerror(errno));
    return;
  }
  kept_ = *text;
  const auto document = json::parse(*text, json::Dialect::strict);
  const json::Value* version = document ? document->root.find("version") : nullptr;
  const json::Value* gates = document ? document->root.find("rolled_back") : nullptr;
  if (!version || !version->is_number() || !gates || !gates->object()) {
    tell_("gates: " + path_ + " is not usable; no gate is rolled back by it");
    return;
  }
  if (version->number() > kVersion) {
    usable_ = false;
    tell_("gates: " + path_ + " is of a newer version; it is left alone, and rollbacks are not kept");
    return;
  }
  for (const policy::GateStatus& status : engine.gates()) {
    const json::Value* entry = gates->find(name(status.id));
    const json::Value* of = entry ? entry->find("configured") : nullptr;
    if (!of) continue;
    GateSetting then;
    Problems problems;
    GateType(status.id).read(then, Place{*of, "", problems});
    auto act = read_act(*entry, clocks);
    if (!problems.empty() || !act) {
      tell_("gates: " + path_ + " is not usable for gate " + std::string(name(status.id)));
    } else if (then != configured(status.gate)) {
      tell_("gate " + std::string(name(status.id)) + ": configured anew since its guard rolled it back");
    } else if (then.mode == policy::GateMode::on) {
      tell_("gate " + std::string(name(status.id)) +
            ": stays off until it is flipped, as its guard rolled it back before the restart: " + act->why);
      engine.restore_rollback(status.id, std::move(*act), clocks.now);
    }
  }
}

void RollbackStore::save(const policy::Engine& engine, const Clocks& clocks) {
  if (!usable_) return;
  json::Value file;
  file["version"] = kVersion;
  file["rolled_back"] = json::Object();
  bool any = false;
  for (const policy::GateStatus& status : engine.gates()) {
    const GuardAct* act = rollback_of(status);
    if (!act) continue;
    any = true;
    json::Value& entry = file["rolled_back"][name(status.id)];
    const auto at = clocks.wall.time_since_epoch() - (clocks.now - act->when);
    entry["at"] = static_cast<std::int64_t>(std::chrono::round<std::chrono::minutes>(at).count()) * 60;
    entry["why"] = act->why;
    entry["evidence"] = json::Array(act->comparison.evidence.begin(), act->comparison.evidence.end());
    entry["configured"] = show_setting(configured(status.gate));
  }
  std::string text = json::write(file);
  if (text == kept_ || (!any && kept_.empty())) return;
  kept_ = std::move(text);
  if (const std::string wrong = replace_file(path_, kept_); !wrong.empty()) {
    tell_("gates: that one was rolled back is not kept over a restart: " + wrong);
  }
}

}  // namespace backoffd::admin
