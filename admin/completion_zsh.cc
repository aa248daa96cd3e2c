#include "admin/completion_scripts.h"

namespace backoffd::admin {
namespace {

// Inside '...' of _arguments and _describe.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
      continue;
    }
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string action_of(const ValueWords& value) {
  std::string words = joined(value.words, " ");
  if (value.files || value.folders) return value.files ? "_files" : "_files -/";
  return words.empty() ? " " : "(" + words + ")";
}

std::string flag_spec(const FlagWords& flag) {
  std::string out = "'*" + flag.name + (flag.takes_value ? "=" : "") + "[" + escaped(flag.about) + "]";
  if (flag.takes_value) out += ":value:" + action_of(flag.value);
  return out + "'";
}

std::string function_of(const CommandWords& command) { return "_backoffd_" + joined(command.path, "_"); }

std::string specs(const std::vector<FlagWords>& flags, std::string_view indent) {
  std::string out;
  for (const FlagWords& flag : flags) out.append(indent).append(flag_spec(flag)).append("\n");
  return out;
}

std::string function(const CommandWords& command, const std::vector<const CommandWords*>& inner) {
  std::string out = function_of(command) + "() {\n  _arguments -S \"$_backoffd_flags[@]\"";
  for (const FlagWords& flag : command.flags) out += " \\\n    " + flag_spec(flag);
  if (!inner.empty()) {  // as many words as its own first positional and then those of the inner command
    out += " \\\n    '1: :(" + names_of(inner) + ")'";
  } else {
    for (std::size_t i = 0; i < command.positionals.size(); ++i) {
      out += " \\\n    '" + std::to_string(i + 1) + ": :" + action_of(command.positionals[i]) + "'";
    }
  }
  return out + "\n}\n\n";
}

// What stands behind the dashes is another command line.
constexpr const char* kProgram =
    "  integer dashes=$words[(i)--]\n"
    "  if (( dashes < CURRENT )); then\n"
    "    shift $dashes words\n"
    "    (( CURRENT -= dashes ))\n"
    "    _normal\n"
    "    return\n"
    "  fi\n";

}  // namespace

std::string zsh_script(const std::vector<CommandWords>& commands) {
  const CommandWords& program = commands.front();
  std::string out = "#compdef backoffd\n# zsh completion of backoffd, printed by: backoffd completion zsh\n\n";
  out += "typeset -ga _backoffd_flags=(\n" + specs(program.flags, "  ") + ")\n\n";
  std::string described;
  for (const CommandWords* command : below(commands, program)) {
    out += function(*command, below(commands, *command));
    described += "    '" + command->path.back() + ":" + escaped(command->about) + "'\n";
  }
  out +=
      "_backoffd() {\n  local context state state_descr line curcontext=$curcontext\n  typeset -A opt_args\n"
      "  local -a subcommands=(\n" +
      described + "  )\n" + kProgram +
      "  _arguments -C -S \"$_backoffd_flags[@]\" '1: :->command' '*:: :->words'\n"
      "  case $state in\n"
      "    command) _describe command subcommands ;;\n"
      "    words) (( $+functions[_backoffd_$line[1]] )) && _backoffd_$line[1] ;;\n"
      "  esac\n}\n\n"
      "if [[ $funcstack[1] == _backoffd ]]; then\n  _backoffd \"$@\"\nelse\n  compdef _backoffd backoffd\nfi\n";
  return out;
}

}  // namespace backoffd::admin
