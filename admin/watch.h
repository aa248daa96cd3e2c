// `--watch`: a command again and again until somebody interrupts it or the proxy goes away. On a terminal each look
// replaces the one before, else each is a line of JSON.
#pragma once

#include <functional>

#include "admin/command_result.h"
#include "admin/environment.h"
#include "admin/output.h"
#include "admin/terminal.h"
#include "policy/time.h"
#include "proxy/net/handles.h"

namespace backoffd::admin {

class Watch {
 public:
  // From now on SIGINT, SIGTERM and SIGHUP end this watch and not the process. REQUIRES: no other thread runs yet.
  Watch();

  // A descriptor that can be read once the watch is to end: calls are given up then.
  int cancel() const { return signals_.get(); }

  using Look = std::function<CommandResult(Output output, const Terminal& terminal)>;
  // Writes to standard output. The result has what is still to be said: nothing after an interruption.
  CommandResult run(const Look& look, policy::Duration interval, Output output, const Environment& environment);

 private:
  bool interrupted_within(policy::Duration wait) const;

  const proxy::Fd signals_;
};

}  // namespace backoffd::admin
