// Backoffd-Gate: what one request asks of the gates for itself ("contextual-retry=on, provider-learning=off").
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "policy/gate.h"
#include "policy/result.h"

namespace backoffd::policy {

// The mode asked for each gate, by GateId; none: not mentioned.
using GateOverride = std::array<std::optional<GateMode>, kGateNames.size()>;

// A list of NAME=off|shadow|on (also true and false). An unknown name or mode is an error, whose place is the header.
Result<GateOverride> parse_gate_override(std::string_view text);

// The arm of a request that chose for itself.
constexpr Arm overridden_arm(GateMode mode) {
  return {.treated = mode != GateMode::off, .shadow = mode == GateMode::shadow, .overridden = true};
}

}  // namespace backoffd::policy
