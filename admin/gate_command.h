// `backoffd gate`: all gates in a table, one in words, or one that is flipped.
#pragma once

#include <optional>
#include <string>

#include "admin/admin_client.h"
#include "admin/output.h"
#include "admin/terminal.h"
#include "policy/gate.h"

namespace backoffd::admin {

struct GateOrder {
  std::optional<policy::GateId> gate;  // none: all
  std::optional<json::Value> setting;  // what POST /gates/{name} takes; none: only look. REQUIRES: gate
};

CommandResult gate_command(const AdminClient& client, const GateOrder& order, Output output, const Terminal& terminal);

}  // namespace backoffd::admin
