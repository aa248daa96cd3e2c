// What the repository tells its readers is true: the example configuration is good, and the README's reference has
// every key and every flag. Run from the top of the repository.
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>
#include <sstream>

#include "admin/cli.h"
#include "admin/config_keys.h"
#include "admin/config_reader.h"
#include "admin/file.h"
#include "admin/reference.h"

namespace backoffd::admin {
namespace {

std::string text_of(const char* path) {
  const auto text = read_file(path, 1 << 20);
  EXPECT_TRUE(text) << path;
  return text.value_or("");
}

TEST(Documents, TheExampleConfigurationIsGood) {
  const Loaded loaded = read_settings(text_of("docker/backoffd.example.json"), {});
  for (const auto& problem : loaded.problems) ADD_FAILURE() << problem.text();
  EXPECT_GE(loaded.settings.config.policy.providers.size(), 10U);
}

// The README's table is these rows as they are: a changed default or meaning is a changed README.
TEST(Documents, EveryKeyIsInTheReadmesReference) {
  const std::string readme = text_of("README.md");
  std::set<std::string> there;
  std::istringstream lines(readme);
  for (std::string line; std::getline(lines, line);) there.insert(line);
  std::string missing;
  for (const KeyRow& row : key_rows()) {
    if (there.count(reference_row(row)) == 0) missing += reference_row(row) + "\n";
  }
  EXPECT_EQ(missing, "") << "rows that README.md does not have as they are";
}

TEST(Documents, NoKeyIsInTheReadmesReferenceThatThereIsNot) {
  std::set<std::string> keys;
  for (const KeyRow& row : key_rows()) keys.insert(row.path);
  const std::string readme = text_of("README.md");
  const auto begin = readme.find("<!-- keys:begin -->");
  const auto end = readme.find("<!-- keys:end -->");
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  std::istringstream lines(readme.substr(begin, end - begin));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| `")) continue;
    const std::string key = line.substr(3, line.find('`', 3) - 3);
    EXPECT_TRUE(keys.count(key)) << key;
  }
}

TEST(Documents, EveryFlagIsInTheReadme) {
  const std::string readme = text_of("README.md");
  const std::string help = parse_command_line({"--help"})->message + parse_command_line({"gate", "--help"})->message;
  const std::regex flag("--[a-z][a-z-]*");
  for (auto it = std::sregex_iterator(help.begin(), help.end(), flag); it != std::sregex_iterator(); ++it) {
    EXPECT_NE(readme.find(it->str()), std::string::npos) << it->str();
  }
}

}  // namespace
}  // namespace backoffd::admin
