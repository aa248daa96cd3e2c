// `backoffd status`: what runs, each provider@host, and the gates in a line each.
#pragma once

#include "admin/admin_client.h"
#include "admin/output.h"
#include "admin/terminal.h"

namespace backoffd::admin {

CommandResult status_command(const AdminClient& client, Output output, const Terminal& terminal);

}  // namespace backoffd::admin
