// `backoffd compare NAME`: both arms of a gate's experiment side by side, and what may be said of them.
#pragma once

#include "admin/admin_client.h"
#include "admin/output.h"
#include "admin/terminal.h"
#include "policy/arm_figures.h"
#include "policy/gate.h"

namespace backoffd::admin {

// `window`: that the figures of the arms are of, for people. What is compared is always since the flip.
CommandResult compare_command(const AdminClient& client, policy::GateId gate, policy::FigureWindow window,
                              Output output, const Terminal& terminal);

}  // namespace backoffd::admin
