// `backoffd exec -- COMMAND...`: a proxy for one command, which is pointed at it and trusts its CA.
#pragma once

#include <string>
#include <vector>

#include "admin/child_process.h"
#include "admin/environment.h"
#include "admin/service.h"

namespace backoffd::admin {

struct Exec {
  std::vector<std::string> command;  // not empty
  Inherited inherited;               // by this process, for the command
  Environment environment;           // says where the bundle may lie
};

struct Ran {
  int exit_status = 0;
  std::string complaint;  // why the command was not run; empty: it was
};

// Runs the command with the proxy until it has ended, and then until what is still under way has, or timeouts.drain is
// over. Signals that a process sends us reach the command; those of the terminal it gets from there. The exit status is
// that of the command, 126 or 127 where it cannot be run, kExitOwnFailure. REQUIRES: no other thread runs yet.
Ran run_command(Service& service, const Exec& exec);

}  // namespace backoffd::admin
