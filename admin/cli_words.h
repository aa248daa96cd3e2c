// The command line as completion and manual see it: names, values and meanings, taken from the parser's own tables.
#pragma once

#include <CLI/CLI.hpp>

#include <vector>

#include "admin/completion.h"

namespace backoffd::admin {

// The program itself first, then each subcommand, those of subcommands behind theirs.
std::vector<CommandWords> command_words(const CLI::App& app);

}  // namespace backoffd::admin
