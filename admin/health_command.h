// `backoffd health`: whether the proxy serves, for a container's health check and for scripts.
#pragma once

#include "admin/command_result.h"
#include "admin/config.h"
#include "admin/output.h"
#include "policy/time.h"

namespace backoffd::admin {

// Asks GET /readyz. Whatever happens it ends within `patience`: container engines are not relied upon to end it.
// Fails, too, where nobody answers: there are but two results of a health check.
CommandResult health_command(const AdminConfig& admin, policy::Duration patience, Output output = Output::table);

}  // namespace backoffd::admin
