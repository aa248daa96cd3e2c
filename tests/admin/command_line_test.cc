// What tells people of the command line is what the parser takes: the completion of each shell, the manual page, the
// table of exit statuses. Run from the top of the repository.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "admin/cli_app.h"
#include "admin/cli_words.h"
#include "admin/completion.h"
#include "admin/exit_code.h"
#include "admin/file.h"
#include "admin/version.h"

namespace backoffd::admin {
namespace {

using testing::HasSubstr;

constexpr const char* kManual = "admin/backoffd.1";

// As the parser has them, not by way of what completion makes of them.
struct Taken {
  std::set<std::string> flags;
  std::set<std::string> commands;
};

void collect(const CLI::App& app, Taken& taken) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) taken.flags.insert("--" + name);
  }
  for (const CLI::App* command : app.get_subcommands({})) {
    taken.commands.insert(command->get_name());
    collect(*command, taken);
  }
}

// The words of a text that begin with `prefix`, which is taken off; dashes may be escaped.
std::set<std::string> flags_in(std::string text, const std::string& prefix) {
  std::set<std::string> out;
  for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix, at + 1)) {
    std::size_t end = at + prefix.size();
    while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) || text[end] == '-')) ++end;
    const std::string name = text.substr(at + prefix.size(), end - at - prefix.size());
    if (!name.empty()) out.insert("--" + name);
  }
  return out;
}

std::string lines_that_begin_with(const std::string& begin, const std::string& text) {
  std::string out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(begin)) out += line + "\n";
  }
  return out;
}

class CommandLine : public testing::Test {
 protected:
  CommandLine() { collect(cli_.app, taken_); }
  std::string script(Shell shell) const { return completion_script(shell, command_words(cli_.app)); }

  const CliApp cli_;
  Taken taken_;
};

TEST_F(CommandLine, CompletionOffersWhatTheParserTakesAndNothingElse) {
  EXPECT_GT(taken_.flags.size(), 30U);
  EXPECT_EQ(flags_in(script(Shell::bash), "--"), taken_.flags);
  EXPECT_EQ(flags_in(script(Shell::zsh), "'*--"), taken_.flags);
  EXPECT_EQ(flags_in(lines_that_begin_with("complete ", script(Shell::fish)), " -l "), taken_.flags);
  for (const std::string& command : taken_.commands) {
    EXPECT_THAT(script(Shell::bash), HasSubstr(command));
    EXPECT_THAT(script(Shell::zsh), HasSubstr(command));
    EXPECT_THAT(script(Shell::fish), HasSubstr("-a " + command + " -d"));
  }
}

// --- the manual page ---

std::string roff(std::string_view text) {
  std::string out;
  bool bold = false;
  for (const char c : text) {
    if (c == '`') {
      out += bold ? "\\fR" : "\\fB";
      bold = !bold;
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\\') {
      out += "\\e";
    } else {
      out += c;
    }
  }
  return out;
}

std::string item(const std::string& head, const std::string& about) { return ".TP\n" + head + "\n" + about + "\n"; }

std::string sentence(std::string text) {
  if (text.empty()) return "";
  text.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
  return roff(text) + ".";
}

// What has no dashes first.
std::string options_of(const CLI::App& app) {
  std::string words;
  std::string out;
  for (const CLI::Option* option : app.get_options()) {
    const bool is_flag = option->get_items_expected_max() == 0;
    const std::string type = is_flag ? "" : option->get_type_name();
    const bool is_help = option->get_lnames() == std::vector<std::string>{"help"};
    if (is_help && app.get_parent()) continue;  // is everywhere
    std::string head;
    if (option->get_positional()) head = "\\fI" + roff(option->get_name(true)) + "\\fR";
    for (const std::string& name : option->get_lnames()) head += "\\fB" + roff("--" + name) + "\\fR";
    if (!type.empty()) head += " \\fI" + roff(type) + "\\fR";
    (option->get_positional() ? words : out) += item(head, roff(option->get_description()));
  }
  return words + out;
}

std::string commands_of(const CLI::App& app, const std::string& before) {
  std::string out;
  for (const CLI::App* command : app.get_subcommands({})) {
    const std::string name = before + command->get_name();
    out += ".SS " + (name.find(' ') == std::string::npos ? name : '"' + name + '"') + "\n" +
           sentence(command->get_description()) + "\n" + options_of(*command) + commands_of(*command, name + " ");
  }
  return out;
}

std::string exit_items() {
  std::string out;
  for (const ExitMeaning& row : kExitMeanings) {
    out += item("\\fB" + std::string(row.status) + "\\fR", roff(row.meaning));
  }
  return out;
}

std::string exit_table() {
  std::string out = "| status | meaning |\n|---|---|\n";
  for (const ExitMeaning& row : kExitMeanings) {
    out += "| " + std::string(row.status) + " | " + std::string(row.meaning) + " |\n";
  }
  return out;
}

// Between its markers a file has this text. With UPDATE_README set in the environment it is written there first.
void expect_between(const char* path, const std::string& begin, const std::string& end, const std::string& text) {
  const auto read = read_file(path, 1 << 20);
  ASSERT_TRUE(read) << path;
  std::string all = *read;
  const auto from = all.find(begin);
  const auto to = all.find(end);
  ASSERT_NE(from, std::string::npos) << path << " has no " << begin;
  ASSERT_NE(to, std::string::npos) << path << " has no " << end;
  const std::size_t at = from + begin.size();
  const std::string there = all.substr(at, to - at);
  if (there != text && std::getenv("UPDATE_README")) {
    std::ofstream(path) << all.replace(at, there.size(), text);
    return;
  }
  EXPECT_EQ(there, text) << path << " is behind; UPDATE_README=1 build/admin-test --gtest_filter='CommandLine.*' "
                         << "writes it";
}

TEST_F(CommandLine, TheManualHasEveryCommandFlagAndExitStatus) {
  expect_between(kManual, ".\\\" commands:begin\n", ".\\\" commands:end", commands_of(cli_.app, ""));
  expect_between(kManual, ".\\\" options:begin\n", ".\\\" options:end", options_of(cli_.app));
  expect_between(kManual, ".\\\" exit:begin\n", ".\\\" exit:end", exit_items());
}

TEST_F(CommandLine, TheManualIsOfThisVersion) {
  EXPECT_THAT(read_file(kManual, 1 << 20).value_or(""), HasSubstr("\"backoffd " + std::string(kVersion) + "\""));
}

TEST_F(CommandLine, TheReadmeHasEveryExitStatus) {
  expect_between("README.md", "<!-- exit:begin -->\n", "<!-- exit:end -->", exit_table());
}

}  // namespace
}  // namespace backoffd::admin
