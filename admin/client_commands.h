// The commands that ask a running proxy instead of being one.
#pragma once

#include <string>

#include "admin/cli.h"
#include "admin/command_result.h"
#include "admin/config_reader.h"

namespace backoffd::admin {

// `backoffd gate NAME MODE`: flips it by an admin call.
CommandResult flip_gate(const Command& command, const Config& config, const std::string& token);

// `backoffd --provider-learning-status`: asks the running proxy, or reads the file where none runs.
CommandResult learning_status(const Command& command, const Config& config, const std::string& token);

}  // namespace backoffd::admin
