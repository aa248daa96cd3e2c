// What is different under `backoffd exec`, where the proxy belongs to one command. Pure but for the folder of learned
// state, which is made.
#pragma once

#include <vector>

#include "admin/config_reader.h"
#include "admin/environment.h"

namespace backoffd::admin {

// In place of the built-in defaults, so weaker than the file: a CA in memory, all of https intercepted, the parent
// proxy that the command would have used, and no destination refused: what the command may reach is not for us to say.
Config exec_defaults();

// Stronger than the file, weaker than flags: what a file says of these is meant for the sidecar that runs all the time,
// and two cannot listen on one address or publish their CA in one place. A free port, no admin interface, no access
// log, warnings only.
std::vector<Assignment> exec_assignments();

// Where learned state is kept when something is learned and nobody said where: XDG_STATE_HOME/backoffd, else
// ~/.local/state/backoffd, mode 0700.
void place_learned_state(Settings& settings, const Environment& environment);

}  // namespace backoffd::admin
