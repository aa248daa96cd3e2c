// A gate decides, exchange by exchange, whether a new behaviour is off (control), on (treatment) or only computed
// beside the old one (shadow). Both gates are off by default, and off means exactly the standard behaviour.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/result.h"
#include "policy/time.h"

namespace backoffd::policy {

enum class GateId { contextual_retry, provider_learning };
inline constexpr std::array<std::string_view, 2> kGateNames = {"contextual-retry", "provider-learning"};
constexpr std::string_view name(GateId id) { return kGateNames[static_cast<std::size_t>(id)]; }
std::optional<GateId> parse_gate(std::string_view text);

enum class GateMode { off, shadow, on };
inline constexpr std::array<std::string_view, 3> kGateModeNames = {"off", "shadow", "on"};
constexpr std::string_view name(GateMode mode) { return kGateModeNames[static_cast<std::size_t>(mode)]; }
std::optional<GateMode> parse_gate_mode(std::string_view text);

// What is assigned to an arm as one: each request by itself, all requests of a client, of a key, or a key for a slice
// of time (a switchback experiment).
enum class GateUnit { request, client, key, slice };
inline constexpr std::array<std::string_view, 4> kGateUnitNames = {"request", "client", "key", "slice"};
constexpr std::string_view name(GateUnit unit) { return kGateUnitNames[static_cast<std::size_t>(unit)]; }
std::optional<GateUnit> parse_gate_unit(std::string_view text);

// Who acts on the verdict of a gate's comparison (policy/guard.h).
enum class GuardMode { off, report, enforce };
inline constexpr std::array<std::string_view, 3> kGuardModeNames = {"off", "report", "enforce"};
constexpr std::string_view name(GuardMode mode) { return kGuardModeNames[static_cast<std::size_t>(mode)]; }

struct GateSetting {
  GateMode mode = GateMode::off;
  double percentage = 100.0;  // 0..100, share of the units that are treated when mode is shadow or on
  GateUnit unit = GateUnit::request;
  std::vector<std::string> providers;  // globs over the provider's name; empty: all
  Duration slice = std::chrono::minutes(10);
  Duration washout = std::chrono::minutes(1);  // first part of a slice that a comparison leaves out
  GuardMode guard = GuardMode::report;
  std::vector<double> ramp;               // percentages to go through in place of `percentage`; empty: none
  Duration step = std::chrono::hours(1);  // ... staying this long at each

  bool operator==(const GateSetting&) const = default;
};

// The built-in setting of a gate: off; unit request for contextual-retry, slice for provider-learning.
GateSetting default_setting(GateId id);

// Where a setting came from, weakest first. The strongest layer that is set wins as a whole; the guard's says that a
// gate was rolled back, or how far its ramp has come. The request header is not a layer here: it speaks for one request
// only.
enum class GateLayer { builtin, config, environment, command_line, admin, guard };
inline constexpr std::array<std::string_view, 6> kGateLayerNames = {"default",      "config", "environment",
                                                                    "command_line", "admin",  "guard"};
constexpr std::string_view name(GateLayer layer) { return kGateLayerNames[static_cast<std::size_t>(layer)]; }

// One gate with all its layers. A plain value; the Engine keeps one per GateId behind its mutex.
class Gate {
 public:
  explicit Gate(GateId id);

  void set(GateLayer layer, GateSetting setting);
  void clear(GateLayer layer);  // the built-in layer stays: there is always an effective setting
  const std::optional<GateSetting>& at(GateLayer layer) const;
  GateLayer effective_layer() const;
  const GateSetting& effective() const;

 private:
  std::array<std::optional<GateSetting>, kGateLayerNames.size()> layers_;
};

// The arm of one exchange. `treated` without `shadow` is the only combination that changes behaviour.
struct Arm {
  bool assigned = false;    // the gate draws for it: without it, it is on neither side
  bool treated = false;     // falls on the treatment side
  bool shadow = false;      // ... but the treatment is only computed and reported
  bool overridden = false;  // chosen by the request itself: never part of a comparison

  bool acts() const { return treated && !shadow; }
};

// The stable choice of an arm: the same unit text falls on the same side as long as the gate's percentage does not
// cross it, independently for each gate. `unit` is the request's id, the client, the key, or the key and slice number.
Arm choose_arm(GateId id, const GateSetting& setting, std::string_view provider, std::string_view unit);

}  // namespace backoffd::policy
