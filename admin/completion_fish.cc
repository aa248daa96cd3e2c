#include "admin/completion_scripts.h"

namespace backoffd::admin {
namespace {

constexpr std::string_view kBegin = R"script(# fish completion of backoffd, printed by: backoffd completion fish

# Whether the word that is completed belongs to this command and, with a number, is the how-manieth of its words.
function __backoffd_at
    set -l path
    set -l n 0
    set -l is_value 0
    for word in (commandline -opc)[2..]
        if test $is_value = 1
            set is_value 0
            continue
        end
        switch $word
            case --
                return 1
            case @VALUE_FLAGS@
                set is_value 1
            case '-*'
            case '*'
                switch "$path/$word"
                    case @PATHS@
                        set path "$path/$word"
                        set n 0
                    case '*'
                        set n (math $n + 1)
                end
        end
    end
    test "$path" = "$argv[1]"; or return 1
    test (count $argv) = 1; or test $n = $argv[2]
end

# What stands behind the dashes is another command line.
function __backoffd_program
    set -l words (commandline -opc)
    set -l dashes (contains -i -- -- $words); or return
    set -l behind (string escape -- $words[(math $dashes + 1)..-1]) (commandline -ct)
    complete -C (string join ' ' -- $behind)
end

complete -c backoffd -f
complete -c backoffd -n 'contains -- -- (commandline -opc)' -a '(__backoffd_program)'
)script";

void replace(std::string& text, std::string_view what, const std::string& by) {
  text.replace(text.find(what), what.size(), by);
}

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string flag_line(const FlagWords& flag, const std::string& condition) {
  std::string out = "complete -c backoffd" + condition + " -l " + flag.name.substr(2);
  if (flag.takes_value) {
    out += flag.value.files ? " -r -F" : " -x";
    if (flag.value.folders) out += " -a '(__fish_complete_directories)'";
    if (!flag.value.words.empty()) out += " -a " + quoted(joined(flag.value.words, " "));
  }
  return out + " -d " + quoted(flag.about) + "\n";
}

std::string at(const CommandWords& command, std::size_t n) {
  return " -n '__backoffd_at \"" + path_of(command) + "\" " + std::to_string(n) + "'";
}

}  // namespace

std::string fish_script(const std::vector<CommandWords>& commands) {
  std::string out(kBegin);
  std::vector<std::string> with_value;
  for (const FlagWords& flag : value_flags(commands)) with_value.push_back(flag.name);
  replace(out, "@VALUE_FLAGS@", joined(with_value, " "));
  replace(out, "@PATHS@", joined(paths_of(commands), " "));
  for (const CommandWords& command : commands) {
    const bool is_program = command.path.empty();
    out += "\n# " + (is_program ? "everywhere" : joined(command.path, " ")) + "\n";
    for (const FlagWords& flag : command.flags) {
      out += flag_line(flag, is_program ? "" : " -n '__backoffd_at " + path_of(command) + "'");
    }
    for (std::size_t i = 0; i < command.positionals.size(); ++i) {
      if (command.positionals[i].words.empty()) continue;
      out +=
          "complete -c backoffd" + at(command, i) + " -a " + quoted(joined(command.positionals[i].words, " ")) + "\n";
    }
    for (const CommandWords* inner : below(commands, command)) {
      out +=
          "complete -c backoffd" + at(command, 0) + " -a " + inner->path.back() + " -d " + quoted(inner->about) + "\n";
    }
  }
  return out;
}

}  // namespace backoffd::admin
