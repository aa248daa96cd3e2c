// `backoffd env`: the variables that point tools at a running proxy.
#pragma once

#include "admin/cli.h"
#include "admin/command_result.h"
#include "admin/config.h"

namespace backoffd::admin {

// Asks the proxy at admin.listen for its configuration; where none answers, `config` stands in, and the complaint says
// so. Where something is intercepted the files of its CA must be there.
CommandResult env_command(EnvFormat format, const Config& config);

}  // namespace backoffd::admin
