#include "admin/completion.h"

#include <algorithm>

#include "admin/completion_scripts.h"

namespace backoffd::admin {

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string out;
  for (const std::string& word : words) out.append(out.empty() ? "" : separator).append(word);
  return out;
}

std::string path_of(const CommandWords& command) { return command.path.empty() ? "" : "/" + joined(command.path, "/"); }

std::vector<std::string> paths_of(const std::vector<CommandWords>& commands) {
  std::vector<std::string> out;
  for (const CommandWords& command : commands) {
    if (!command.path.empty()) out.push_back(path_of(command));
  }
  return out;
}

std::string names_of(const std::vector<const CommandWords*>& commands) {
  std::string out;
  for (const CommandWords* command : commands) out.append(out.empty() ? "" : " ").append(command->path.back());
  return out;
}

std::vector<const CommandWords*> below(const std::vector<CommandWords>& commands, const CommandWords& parent) {
  std::vector<const CommandWords*> out;
  for (const CommandWords& command : commands) {
    const bool is_deeper = command.path.size() == parent.path.size() + 1;
    if (is_deeper && std::equal(parent.path.begin(), parent.path.end(), command.path.begin())) out.push_back(&command);
  }
  return out;
}

std::vector<FlagWords> value_flags(const std::vector<CommandWords>& commands) {
  std::vector<FlagWords> out;
  for (const CommandWords& command : commands) {
    for (const FlagWords& flag : command.flags) {
      const bool known =
          std::any_of(out.begin(), out.end(), [&](const FlagWords& other) { return other.name == flag.name; });
      if (flag.takes_value && !known) out.push_back(flag);
    }
  }
  return out;
}

std::string completion_script(Shell shell, const std::vector<CommandWords>& commands) {
  switch (shell) {
    case Shell::bash:
      return bash_script(commands);
    case Shell::zsh:
      return zsh_script(commands);
    case Shell::fish:
      break;
  }
  return fish_script(commands);
}

}  // namespace backoffd::admin
