// The scripts of completion, and what they share. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "admin/completion.h"

namespace backoffd::admin {

std::string bash_script(const std::vector<CommandWords>& commands);
std::string zsh_script(const std::vector<CommandWords>& commands);
std::string fish_script(const std::vector<CommandWords>& commands);

std::string joined(const std::vector<std::string>& words, std::string_view separator);

// "/learning/reset"; empty for the program itself.
std::string path_of(const CommandWords& command);
std::vector<std::string> paths_of(const std::vector<CommandWords>& commands);
// The last names of commands, with spaces between.
std::string names_of(const std::vector<const CommandWords*>& commands);
// The subcommands of one.
std::vector<const CommandWords*> below(const std::vector<CommandWords>& commands, const CommandWords& parent);
// Every flag whose value is the word behind it, once.
std::vector<FlagWords> value_flags(const std::vector<CommandWords>& commands);

}  // namespace backoffd::admin
