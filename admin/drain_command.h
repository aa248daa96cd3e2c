// `backoffd drain`: the proxy finishes what it has begun, takes nothing new, and ends.
#pragma once

#include "admin/admin_client.h"
#include "admin/output.h"

namespace backoffd::admin {

// `wait`: until the proxy has gone, however long that takes; its own timeouts.drain is the bound.
CommandResult drain_command(const AdminClient& client, bool wait, Output output);

}  // namespace backoffd::admin
