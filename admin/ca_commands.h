// `backoffd ca show|path|rotate|bundle`: the certificate authority by its files, whether a proxy runs or not.
#pragma once

#include "admin/ca_action.h"
#include "admin/cli.h"
#include "admin/command_result.h"
#include "admin/config.h"

namespace backoffd::admin {

// All but rotate make the authority where there is none yet and tls.intercept asks for one. One that is ephemeral is
// known by what the proxy has published of it. `output` is for show and rotate. Blocks on the disk.
CommandResult ca_command(CaAction action, Output output, const Config& config);

}  // namespace backoffd::admin
