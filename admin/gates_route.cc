#include "admin/gates_route.h"

#include <spdlog/spdlog.h>

#include "admin/config_keys.h"

namespace backoffd::admin {
namespace {

using policy::GateId;
using policy::GateLayer;

json::Value show_gate(const policy::GateStatus& status) {
  json::Value out;
  out["effective"] = show_setting(status.gate.effective());
  out["layer"] = name(status.gate.effective_layer());
  for (std::size_t i = 0; i < policy::kGateLayerNames.size(); ++i) {
    if (const auto& setting = status.gate.at(static_cast<GateLayer>(i))) {
      out["layers"][policy::kGateLayerNames[i]] = show_setting(*setting);
    }
  }
  return out;
}

Response no_such_gate() {
  return error_response(404, "no_such_gate",
                        "There is no gate of this name; there are contextual-retry and "
                        "provider-learning.");
}

Response show_one(const policy::Engine& engine, GateId id) {
  for (const policy::GateStatus& status : engine.gates()) {
    if (status.id == id) return json_response(show_gate(status));
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
               setting.percentage);
  engine.set_gate(id, GateLayer::admin, std::move(setting));
  return show_one(engine, id);
}

}  // namespace

json::Value show_gates(const std::vector<policy::GateStatus>& gates) {
  json::Value out;
  for (const policy::GateStatus& status : gates) out["gates"][name(status.id)] = show_gate(status);
  return out;
}

void add_gate_routes(Router& router, policy::Engine& engine, const std::function<void()>& changed) {
  router.add("GET", "/gates",
             [&engine](const Request&, const std::string&) { return json_response(show_gates(engine.gates())); });
  router.add("GET", "/gates/{}", [&engine](const Request&, const std::string& gate) {
    const auto id = policy::parse_gate(gate);
    return id ? show_one(engine, *id) : no_such_gate();
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
