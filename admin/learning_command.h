// `backoffd learning`: what is known of all keys, one of them in words, or one that is forgotten.
#pragma once

#include <string>

#include "admin/admin_client.h"
#include "admin/output.h"
#include "admin/terminal.h"

namespace backoffd::admin {

struct LearningOrder {
  std::string key;     // "provider@host"; empty: all
  bool reset = false;  // REQUIRES: key
};

CommandResult learning_command(const AdminClient& client, const LearningOrder& order, Output output,
                               const Terminal& terminal);

// The same from the file of learned state, where no proxy runs; `why` says that none does. The complaint tells that.
CommandResult learning_of_file(const LearningOrder& order, Output output, const Config& config, const std::string& why,
                               const Terminal& terminal);

}  // namespace backoffd::admin
