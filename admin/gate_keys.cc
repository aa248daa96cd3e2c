// The keys inside a gate.
#include "admin/config_keys.h"

namespace backoffd::admin {
namespace {

using namespace std::chrono_literals;
using policy::GateSetting;

std::string check_glob(std::string_view text) { return text.empty() ? "must not be empty" : ""; }

const Keys<GateSetting>& gate_keys() {
  static const Keys<GateSetting> keys = {
      key<GateSetting>(
          "mode", Choice<policy::GateMode>(policy::kGateModeNames), [](auto& g) -> auto& { return g.mode; },
          "off, computed and reported only (shadow), or on", Presence::required),
      key<GateSetting>(
          "percentage", Number(0, 100), [](auto& g) -> auto& { return g.percentage; },
          "share of the units that are treated"),
      key<GateSetting>(
          "unit", Choice<policy::GateUnit>(policy::kGateUnitNames), [](auto& g) -> auto& { return g.unit; },
          "what is assigned to an arm as one"),
      key<GateSetting>(
          "providers", List<Word>(Word("glob", check_glob)), [](auto& g) -> auto& { return g.providers; },
          "names of the providers it applies to; empty: all"),
      key<GateSetting>(
          "slice", Span(1s, 24h), [](auto& g) -> auto& { return g.slice; },
          "unit slice: how long a key stays on one arm"),
      key<GateSetting>(
          "washout", Span(0s, 24h), [](auto& g) -> auto& { return g.washout; },
          "unit slice: first part of a slice that a comparison leaves out"),
  };
  return keys;
}

}  // namespace

bool GateType::read(GateSetting& field, const Place& place) const {
  GateSetting setting = policy::default_setting(id);
  if (const bool* on = place.value.boolean()) {
    setting.mode = *on ? policy::GateMode::on : policy::GateMode::off;
    field = setting;
    return true;
  }
  if (!place.value.object()) return place.refuse("expected true, false or an object");
  const std::size_t before = place.problems.size();
  read_object(gate_keys(), setting, place);
  if (place.problems.size() == before && setting.washout >= setting.slice) {
    place.problems.push_back(
        {json::join(place.where, "washout"), "must be shorter than slice (" + format_duration(setting.slice) + ")"});
  }
  if (place.problems.size() != before) return false;
  field = setting;
  return true;
}

json::Value GateType::show(const GateSetting& field) const {
  if (field == policy::default_setting(id)) return false;
  return show_setting(field);
}

json::Value show_setting(const GateSetting& setting) { return show_object(gate_keys(), setting); }

void GateType::describe(const std::string& prefix, KeyRows& rows) const {
  describe_object(gate_keys(), prefix + ".", policy::default_setting(id), rows);
}

}  // namespace backoffd::admin
