// The command line as CLI11 knows it: every subcommand and flag, declared once. Parsing, help, shell completion and the
// manual page are made from it. CLI11 is known to cli*.cc alone.
#pragma once

#include <CLI/CLI.hpp>

#include <string_view>

#include "admin/cli_flags.h"

namespace backoffd::admin {

// The mode of `gate NAME` that takes an earlier flip back.
inline constexpr std::string_view kTakeBack = "reset";

// Parsing fills `flags`, once.
struct CliApp {
  CliApp();
  CliApp(const CliApp&) = delete;
  CliApp& operator=(const CliApp&) = delete;

  Flags flags;
  CLI::App app;
  // The subcommands.
  CLI::App* status;
  CLI::App* gate;
  CLI::App* compare;
  CLI::App* learning;
  CLI::App* reset;  // of learning
  CLI::App* drain;
  CLI::App* health;
  CLI::App* check;
  CLI::App* exec;
  CLI::App* env;
  CLI::App* ca;
  CLI::App* completion;
};

}  // namespace backoffd::admin
