#include "admin/completion_scripts.h"

namespace backoffd::admin {
namespace {

// The way to the word that is completed: which command it belongs to, and the how-manieth of its words it is.
constexpr std::string_view kWalk = R"script(# bash completion of backoffd, printed by: backoffd completion bash
_backoffd() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path= n=0 i word
  # A flag and its value with = between come in three words.
  [[ $cur == = ]] && cur=
  [[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD-2]}
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
      --)
        if [[ $path == /exec ]]; then
          if declare -F _command_offset >/dev/null; then
            _command_offset $((i + 1))
          elif ((i + 1 == COMP_CWORD)); then
            COMPREPLY=($(compgen -c -- "$cur"))
          else
            COMPREPLY=($(compgen -f -- "$cur"))
          fi
        fi
        return
        ;;
      @VALUE_FLAGS@)
        [[ ${COMP_WORDS[i+1]} == = ]] && ((i++))
        ((i++))
        ;;
      -*) ;;
      *)
        case $path/$word in
          @PATHS@) path=$path/$word n=0 ;;
          *) ((n++)) ;;
        esac
        ;;
    esac
  done
  local words= files=
  case $prev in
)script";

constexpr std::string_view kReply = R"script(  esac
  if [[ $files ]]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen "$files" -- "$cur"))
  fi
  COMPREPLY+=($(compgen -W "$words" -- "$cur"))
}
complete -F _backoffd backoffd
)script";

void replace(std::string& text, std::string_view what, const std::string& by) {
  text.replace(text.find(what), what.size(), by);
}

std::string offer(const ValueWords& value) {
  std::string out = "words='" + joined(value.words, " ") + "'";
  if (value.files || value.folders) out += value.files ? " files=-f" : " files=-d";
  return out;
}

std::string names_of(const std::vector<FlagWords>& flags, std::string_view separator) {
  std::string out;
  for (const FlagWords& flag : flags) out.append(out.empty() ? "" : separator).append(flag.name);
  return out;
}

}  // namespace

std::string bash_script(const std::vector<CommandWords>& commands) {
  std::string out(kWalk);
  replace(out, "@VALUE_FLAGS@", names_of(value_flags(commands), "|"));
  replace(out, "@PATHS@", joined(paths_of(commands), "|"));
  for (const FlagWords& flag : value_flags(commands)) out += "    " + flag.name + ") " + offer(flag.value) + " ;;\n";
  out += "    *)\n      if [[ $cur == -* ]]; then\n        words='" + names_of(commands.front().flags, " ") +
         "'\n        case $path in\n";
  for (const CommandWords& command : commands) {
    if (!command.path.empty())
      out += "          " + path_of(command) + ") words+=' " + names_of(command.flags, " ") + "' ;;\n";
  }
  out += "        esac\n      else\n        case $path/$n in\n";
  for (const CommandWords& command : commands) {
    const std::string inner = names_of(below(commands, command));
    for (std::size_t i = 0; i < command.positionals.size() || (i == 0 && !inner.empty()); ++i) {
      ValueWords value = i < command.positionals.size() ? command.positionals[i] : ValueWords();
      if (i == 0 && !inner.empty()) value.words.push_back(inner);
      out += "          " + path_of(command) + "/" + std::to_string(i) + ") " + offer(value) + " ;;\n";
    }
  }
  out += "        esac\n      fi\n      ;;\n";
  return out + std::string(kReply);
}

}  // namespace backoffd::admin
