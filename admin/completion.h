// Shell completion: a script for each shell, made from a description of the command line. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace backoffd::admin {

enum class Shell { bash, zsh, fish };
inline constexpr std::array<std::string_view, 3> kShellNames = {"bash", "zsh", "fish"};

// What may stand for a value.
struct ValueWords {
  std::vector<std::string> words;  // "on", "off"
  bool files = false;              // ... or a path
  bool folders = false;            // ... or a path of a folder
};

struct FlagWords {
  std::string name;  // "--output"
  std::string about;
  bool takes_value = false;
  ValueWords value;
};

struct CommandWords {
  std::vector<std::string> path;  // of names: {}, {"gate"}, {"learning", "reset"}
  std::string about;
  std::vector<FlagWords> flags;  // those of its own
  std::vector<ValueWords> positionals;
  bool runs_program = false;  // what stands behind -- is another command line
};

// The first is the program itself, whose flags every other takes, too.
std::string completion_script(Shell shell, const std::vector<CommandWords>& commands);

}  // namespace backoffd::admin
