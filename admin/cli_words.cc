#include "admin/cli_words.h"

#include <algorithm>
#include <string_view>

namespace backoffd::admin {
namespace {

// An option's type is what stands in its help: words that are meant as they are, and placeholders in capitals.
ValueWords words_of(const std::string& type) {
  ValueWords value;
  for (std::size_t begin = 0; begin < type.size();) {
    const auto end = std::min(type.find('|', begin), type.size());
    const std::string word = type.substr(begin, end - begin);
    value.files = value.files || word == "FILE";
    value.folders = value.folders || word == "DIR";
    const auto is_small = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    };
    if (std::all_of(word.begin(), word.end(), is_small)) value.words.push_back(word);
    begin = end + 1;
  }
  return value;
}

bool has_flag(const CommandWords& command, const std::string& name) {
  return std::any_of(command.flags.begin(), command.flags.end(),
                     [&](const FlagWords& flag) { return flag.name == name; });
}

void add(const CLI::App& app, std::vector<std::string> path, std::vector<CommandWords>& all) {
  CommandWords words;
  words.path = std::move(path);
  words.about = app.get_description();
  words.runs_program = app.get_name() == "exec";
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) {
      words.positionals.push_back(words_of(option->get_type_name()));
      continue;
    }
    const bool takes_value = option->get_items_expected_max() > 0;
    for (const std::string& name : option->get_lnames()) {
      if (!all.empty() && has_flag(all.front(), "--" + name)) continue;  // is everywhere
      words.flags.push_back({"--" + name, option->get_description(), takes_value,
                             takes_value ? words_of(option->get_type_name()) : ValueWords()});
    }
  }
  const std::vector<std::string> here = words.path;
  all.push_back(std::move(words));
  for (const CLI::App* command : app.get_subcommands({})) {
    std::vector<std::string> below = here;
    below.push_back(command->get_name());
    add(*command, std::move(below), all);
  }
}

}  // namespace

std::vector<CommandWords> command_words(const CLI::App& app) {
  std::vector<CommandWords> all;
  add(app, {}, all);
  return all;
}

}  // namespace backoffd::admin
