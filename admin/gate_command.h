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
  // What POST /gates/{name} takes: only what the person named. None: only look. REQUIRES: gate
  std::optional<json::Value> setting;
  bool replace = false;  // it is the whole setting; else what it does not name stays as it is
};

// `effective`, what is in force, with what `named` says of it. A share ends a ramp, and a ramp begins anew.
json::Value changed_setting(const json::Value& effective, const json::Value& named);

CommandResult gate_command(const AdminClient& client, const GateOrder& order, Output output, const Terminal& terminal);

}  // namespace backoffd::admin
