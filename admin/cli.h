// The command line as a value. Pure: opens no file, prints nothing, ends nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "admin/ca_action.h"
#include "admin/client.h"
#include "admin/config_reader.h"
#include "admin/gate_command.h"
#include "admin/learning_command.h"
#include "admin/output.h"
#include "admin/tool_environment.h"
#include "policy/arm_figures.h"
#include "policy/result.h"

namespace backoffd::admin {

struct Command {
  enum class Kind {
    run,       // the proxy
    check,     // tell what is wrong with the configuration
    exec,      // the proxy for one command
    env,       // print the settings that point tools at a running proxy
    ca,        // the certificate authority of intercepted hosts
    message,   // --help and the like: print `message`, done
    learning,  // what a running proxy has learned, or what its file holds
    // These ask a running proxy, and cannot do without.
    status,
    gate,
    compare,
    drain,
    health,
  };

  Kind kind = Kind::run;
  std::string message;
  std::string config_file;              // empty: none
  std::vector<Assignment> assignments;  // from flags, in the order in which they apply

  Output output = Output::table;
  policy::Duration patience{};            // of each call to a running proxy
  std::optional<policy::Duration> watch;  // how often to look; none: once
  GateOrder gate;                         // with Kind::gate, and the gate of Kind::compare
  policy::FigureWindow window{};          // with Kind::compare
  LearningOrder learning;                 // with Kind::learning
  bool wait = false;                      // with Kind::drain
  std::vector<std::string> program;       // with Kind::exec: what to run, and the next one
  bool quiet = false;
  EnvFormat env_format = EnvFormat::sh;  // with Kind::env
  CaAction ca_action{};                  // with Kind::ca
};

// `arguments` without the program's name. An error is a sentence about the flag that is wrong.
policy::Result<Command> parse_command_line(std::vector<std::string> arguments);

// Whether all that is wrong was said on the command line.
bool is_wrong_use(const Command& command, const Problems& problems);

}  // namespace backoffd::admin
