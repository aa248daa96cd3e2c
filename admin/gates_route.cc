#include "admin/gates_route.h"

#include <spdlog/spdlog.h>

#include "admin/config_keys.h"
#include "admin/gate_json.h"
#include "admin/units.h"
#include "proxy/net/loop.h"

namespace backoffd::admin {
namespace {

using policy::GateId;
using policy::GateLayer;

Clocks clocks_now() { return {proxy::Loop::now(), proxy::Loop::wall_now()}; }

Response no_such_gate() {
  return error_response(404, "no_such_gate",
                        "There is no gate of this name; there are contextual-retry and "
                        "provider-learning.");
}

Response show_one(const policy::Engine& engine, GateId id) {
  for (const policy::GateStatus& status : engine.gates()) {
    if (status.id == id) return json_response(show_gate(status, clocks_now()));
  }
  return no_such_gate();
}

std::string joined(const Problems& problems) {
  std::string out;
  for (const auto& problem : problems) out += (out.empty() ? "" : "; ") + problem.text();
  return out;
}

// true, false, an object as in the configuration file, or null, which takes an earlier flip back.
Response flip(policy::Engine& engine, GateId id, const std::string& body) {
  const auto document = json::parse(body, json::Dialect::strict);
  if (!document) return error_response(400, "bad_json", document.error().text());
  Problems problems;
  for (const std::string& path : document->repeated) problems.push_back({path, "key given twice"});
  if (document->root.is_null()) {
    engine.clear_gate(id, GateLayer::admin);
    spdlog::warn("gate {}: the setting of the admin interface is taken back", name(id));
    return show_one(engine, id);
  }
  policy::GateSetting setting;
  GateType(id).read(setting, Place{document->root, "", problems});
  if (!problems.empty()) return error_response(400, "bad_setting", joined(problems));
  spdlog::warn("gate {}: {} ({} %) by the admin interface; not kept over a restart", name(id), name(setting.mode),
               setting.ramp.empty() ? setting.percentage : setting.ramp.front());
  engine.set_gate(id, GateLayer::admin, std::move(setting));
  return show_one(engine, id);
}

Response compare(const policy::Engine& engine, GateId id, const policy::Resources& resources) {
  const Clocks clocks = clocks_now();
  const policy::TrialStatus trial = engine.trial(id, resources, clocks.now);
  json::Value out;
  out["gate"] = name(id);
  out["setting"] = show_setting_in_force(trial.setting);
  out["since"] = format_time(clocks.wall - (clocks.now - trial.began));
  const json::Value comparison = show_comparison(trial.comparison);
  for (const auto& [key, value] : *comparison.object()) out[key] = value;
  out["overridden"] = trial.overridden;
  out["washed_out"] = trial.washed_out;
  out["late"] = trial.late;
  out["arms"] = show_arms(trial.since_flip);
  out["keys"] = json::Object();
  for (std::size_t i = 0; i < policy::kFigureWindowNames.size(); ++i) {
    policy::BothArms all;
    for (const policy::KeyArms& key : engine.arm_figures(id, static_cast<policy::FigureWindow>(i), clocks.now)) {
      out["keys"][key.key][policy::kFigureWindowNames[i]] = show_arms(key.arms);
      for (std::size_t side = 0; side < all.size(); ++side) all[side].merge(key.arms[side]);
    }
    out["windows"][policy::kFigureWindowNames[i]] = show_arms(all);
  }
  return json_response(out);
}

}  // namespace

void add_gate_routes(Router& router, policy::Engine& engine, const std::function<void()>& changed,
                     const ResourcesOf& resources, bool rollbacks_kept) {
  router.add("GET", "/gates", [&engine, rollbacks_kept](const Request&, const std::string&) {
    json::Value all = show_gates(engine.gates(), clocks_now());
    all["rollbacks_kept"] = rollbacks_kept;
    return json_response(all);
  });
  router.add("GET", "/gates/{}", [&engine](const Request&, const std::string& gate) {
    const auto id = policy::parse_gate(gate);
    return id ? show_one(engine, *id) : no_such_gate();
  });
  router.add("GET", "/gates/{}/comparison", [&engine, resources](const Request&, const std::string& gate) {
    const auto id = policy::parse_gate(gate);
    return id ? compare(engine, *id, resources(*id)) : no_such_gate();
  });
  router.add("POST", "/gates/{}", [&engine, changed](const Request& request, const std::string& gate) {
    const auto id = policy::parse_gate(gate);
    if (!id) return no_such_gate();
    Response response = flip(engine, *id, request.body);
    changed();
    return response;
  });
}

}  // namespace backoffd::admin
