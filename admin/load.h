// From the command line to what a command works with: the file is read, the environment, the token. The one place that
// decides which of them matter to which command.
#pragma once

#include <string>
#include <vector>

#include "admin/cli.h"
#include "admin/config_reader.h"
#include "admin/environment.h"

namespace backoffd::admin {

struct Start {
  Settings settings;
  std::string token;  // of the admin interface; empty: none
};

// For a command that is a proxy, or speaks of one that may not be running: every problem is a reason not to begin, and
// `problems` has them all.
Start load(const Command& command, const Environment& environment, Problems& problems);

// Where a running proxy is asked, and the file of its token. A configuration that is wrong elsewhere is not its fault:
// its health can be asked while somebody edits the file.
AdminConfig load_admin(const Command& command, const Environment& environment, Problems& problems);

}  // namespace backoffd::admin
