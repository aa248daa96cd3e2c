// What a command says and how it ends.
#pragma once

#include <string>

#include "admin/exit_code.h"

namespace backoffd::admin {

struct CommandResult {
  int exit_code = kExitOk;
  std::string out;        // for standard output
  std::string complaint;  // for standard error
};

inline CommandResult failed(std::string complaint, int exit_code = kExitFailed) {
  return {.exit_code = exit_code, .out = {}, .complaint = std::move(complaint)};
}

}  // namespace backoffd::admin
