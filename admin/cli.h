// The command line as a value. Pure: opens no file, prints nothing, ends nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "admin/ca_action.h"
#include "admin/config_reader.h"
#include "admin/tool_environment.h"
#include "policy/gate.h"
#include "policy/result.h"

namespace backoffd::admin {

struct Command {
  enum class Kind {
    run,              // the proxy
    check,            // tell what is wrong with the configuration
    health,           // whether a running proxy serves
    exec,             // the proxy for one command
    env,              // print the settings that point tools at a running proxy
    ca,               // the certificate authority of intercepted hosts
    gate,             // flip a gate of a running proxy
    learning_status,  // what a running proxy has learned, or what its file holds
    message,          // --help and the like: print `message`, done
  };
  enum class Output { table, json };

  Kind kind = Kind::run;
  std::string message;
  std::string config_file;              // empty: none
  std::vector<Assignment> assignments;  // from flags, in the order in which they apply

  policy::GateId gate{};  // with Kind::gate, and the next two
  policy::GateMode mode{};
  std::optional<double> percentage;
  Output output = Output::table;     // with Kind::learning_status and Kind::ca
  std::vector<std::string> program;  // with Kind::exec: what to run, and the next one
  bool quiet = false;
  EnvFormat env_format = EnvFormat::sh;  // with Kind::env
  CaAction ca_action{};                  // with Kind::ca
  policy::Duration patience{};           // with Kind::health
};

// `arguments` without the program's name. An error is a sentence about the flag that is wrong.
policy::Result<Command> parse_command_line(std::vector<std::string> arguments);

}  // namespace backoffd::admin
