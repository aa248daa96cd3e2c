// The keys inside a gate, and those of experiments as a whole.
#include "admin/gate_keys.h"

#include <algorithm>

#include "admin/config_keys.h"
#include "admin/webhook.h"

namespace backoffd::admin {
namespace {

using namespace std::chrono_literals;
using policy::GateSetting;

std::string check_glob(std::string_view text) { return text.empty() ? "must not be empty" : ""; }

struct Alpha : Number {
  Alpha() : Number(0, 1) {}
  bool read(double& field, const Place& place) const {
    double value = 0;
    if (!Number::read(value, place)) return false;
    if (value <= 0 || value >= 1) return place.refuse("must be above 0 and below 1");
    field = value;
    return true;
  }
};

const Keys<GateSetting>& gate_keys() {
  static const Keys<GateSetting> keys = {
      key<GateSetting>(
          "mode", Choice<policy::GateMode>(policy::kGateModeNames), [](auto& g) -> auto& { return g.mode; },
          "off, computed and reported only (shadow), or on; may be left out where there is a ramp", Presence::required),
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
      key<GateSetting>(
          "guard", Choice<policy::GuardMode>(policy::kGuardModeNames), [](auto& g) -> auto& { return g.guard; },
          "who acts when the comparison says rollback: nobody, the log, or the guard, which flips the gate off"),
      key<GateSetting>(
          "ramp", List<Number>(Number(0, 100)), [](auto& g) -> auto& { return g.ramp; },
          "percentages to go through in place of `percentage`, upward, while no harm is found; to 100 only once it is "
          "excluded"),
      key<GateSetting>(
          "step", Span(1s, 168h), [](auto& g) -> auto& { return g.step; }, "how long the ramp stays at each of them"),
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
  json::Value with_mode = place.value;
  if (with_mode.find("ramp") && !with_mode.find("mode")) with_mode["mode"] = "on";
  read_object(gate_keys(), setting, {with_mode, place.where, place.problems});
  if (place.problems.size() == before && setting.washout >= setting.slice) {
    place.problems.push_back(
        {json::join(place.where, "washout"), "must be shorter than slice (" + format_duration(setting.slice) + ")"});
  }
  const json::Value* const share = with_mode.find("percentage");
  if (share && !setting.ramp.empty()) {
    place.problems.push_back({json::join(place.where, "percentage"),
                              json::write(*share) + ": excludes ramp, which goes through percentages of its own"});
  }
  if (std::adjacent_find(setting.ramp.begin(), setting.ramp.end(), std::greater_equal()) != setting.ramp.end()) {
    place.problems.push_back({json::join(place.where, "ramp"), "must go upward"});
  }
  if (place.problems.size() != before) return false;
  field = setting;
  return true;
}

json::Value GateType::show(const GateSetting& field) const {
  if (field == policy::default_setting(id)) return false;
  return show_setting(field);
}

json::Value show_setting(const GateSetting& setting) {
  json::Value out = show_object(gate_keys(), setting);
  if (!setting.ramp.empty())
    std::erase_if(*out.object(), [](const json::Member& one) { return one.first == "percentage"; });
  return out;
}

json::Value show_setting_in_force(const GateSetting& setting) {
  json::Value out = show_setting(setting);
  out["percentage"] = setting.percentage;
  return out;
}

Keys<Config> experiment_keys() {
  const auto threshold = [](std::string name, auto type, auto member, const char* meaning) {
    return key<Config>(
        "gates.thresholds." + std::move(name), type, [member](auto& c) -> auto& { return c.policy.experiment.*member; },
        meaning);
  };
  using Thresholds = policy::ExperimentConfig;
  const Number fraction(0, 1);
  return {
      threshold("success_drop", fraction, &Thresholds::success_drop, "success lower by this share: rollback"),
      threshold("latency_rise", Number(0, 100), &Thresholds::latency_rise, "latency higher by this part: rollback"),
      threshold("throttled_share", fraction, &Thresholds::throttled_share,
                "a smaller share of throttled exchanges need not become smaller; a larger one: observe"),
      threshold("memory_growth", Number(0, 100), &Thresholds::memory_growth,
                "memory of the process higher by this part since the flip: observe"),
      threshold("cpu_rise", Number(0, 100), &Thresholds::cpu_rise,
                "CPU time of an exchange higher by this part since the flip: observe"),
      threshold("alpha", Alpha(), &Thresholds::alpha,
                "probability that a gate which does no harm is ever rolled back, however long one looks"),
      threshold("min_exchanges", Integer<int>(1, 1000000), &Thresholds::min_exchanges,
                "exchanges of each arm before there is a verdict"),
      threshold("min_units", Integer<int>(2, 1000000), &Thresholds::min_units,
                "units of each arm before there is a verdict, where they are no requests"),
      threshold("settle", Span(0s, 1h), &Thresholds::settle,
                "an exchange is compared this long after it began, so that failing fast is not failing more"),
      key<Config>(
          "gates.webhook", Word("http(s) URL", check_webhook), [](auto& c) -> auto& { return c.admin.webhook; },
          "what a guard does is sent there, as JSON by POST, again where that fails for a while; empty: nowhere"),
  };
}

void GateType::describe(const std::string& prefix, KeyRows& rows) const {
  describe_object(gate_keys(), prefix + ".", policy::default_setting(id), rows);
}

}  // namespace backoffd::admin
