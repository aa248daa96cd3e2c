// The command line as CLI11 knows it: every subcommand and flag, declared once. Parsing, help, shell completion and the
// manual page are made from it. CLI11 is known to cli*.cc alone.
#pragma once

#include <CLI/CLI.hpp>

#include "admin/cli_flags.h"

namespace backoffd::admin {

// Parsing fills `flags`, once.
struct CliApp {
  CliApp();
  CliApp(const CliApp&) = delete;
  CliApp& operator=(const CliApp&) = delete;

  Flags flags;
  CLI::App app;
  // The subcommands.
  CLI::App* health;
  CLI::App* check;
  CLI::App* gate;
  CLI::App* exec;
  CLI::App* env;
  CLI::App* ca;
};

}  // namespace backoffd::admin
