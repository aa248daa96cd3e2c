#include "policy/gate.h"

#include <algorithm>
#include <utility>

#include "policy/hash.h"
#include "policy/text.h"

namespace backoffd::policy {
namespace {

template <class Enum, std::size_t N>
std::optional<Enum> parse_name(const std::array<std::string_view, N>& names, std::string_view text) {
  const auto it = std::find(names.begin(), names.end(), text);
  if (it == names.end()) return std::nullopt;
  return static_cast<Enum>(it - names.begin());
}

constexpr std::size_t index(GateLayer layer) { return static_cast<std::size_t>(layer); }

}  // namespace

std::optional<GateId> parse_gate(std::string_view text) { return parse_name<GateId>(kGateNames, text); }
std::optional<GateMode> parse_gate_mode(std::string_view text) { return parse_name<GateMode>(kGateModeNames, text); }
std::optional<GateUnit> parse_gate_unit(std::string_view text) { return parse_name<GateUnit>(kGateUnitNames, text); }

GateSetting default_setting(GateId id) {
  GateSetting setting;
  setting.unit = id == GateId::provider_learning ? GateUnit::slice : GateUnit::request;
  return setting;
}

Gate::Gate(GateId id) { layers_[index(GateLayer::builtin)] = default_setting(id); }

void Gate::set(GateLayer layer, GateSetting setting) { layers_[index(layer)] = std::move(setting); }

void Gate::clear(GateLayer layer) {
  if (layer != GateLayer::builtin) layers_[index(layer)].reset();
}

const std::optional<GateSetting>& Gate::at(GateLayer layer) const { return layers_[index(layer)]; }

GateLayer Gate::effective_layer() const {
  std::size_t i = layers_.size() - 1;
  while (i > 0 && !layers_[i]) --i;
  return static_cast<GateLayer>(i);
}

const GateSetting& Gate::effective() const { return *layers_[index(effective_layer())]; }

Arm choose_arm(GateId id, const GateSetting& setting, std::string_view provider, std::string_view unit) {
  if (setting.mode == GateMode::off) return {};
  const auto matches = [&](const std::string& glob) { return glob_match(glob, provider); };
  if (!setting.providers.empty() && std::none_of(setting.providers.begin(), setting.providers.end(), matches))
    return {};
  // The unit's own point in [0, 100), 53 bits of it: raising the percentage only ever adds units.
  const double point = static_cast<double>(hash(unit, hash(name(id))) >> 11) * 0x1.0p-53 * 100.0;
  Arm arm;
  arm.assigned = true;
  arm.treated = point < setting.percentage;
  arm.shadow = arm.treated && setting.mode == GateMode::shadow;
  return arm;
}

}  // namespace backoffd::policy
