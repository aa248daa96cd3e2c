// What the repository tells its readers is true: the example configuration is good, and the README's reference is that
// of every key. Run from the top of the repository.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

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

// The README's table is these rows as they are: a changed default or meaning is a changed README. With UPDATE_README
// set in the environment the table is written anew first.
TEST(Documents, TheReadmesReferenceIsTheTableOfKeys) {
  constexpr std::string_view kBegin = "<!-- keys:begin -->\n";
  constexpr std::string_view kEnd = "<!-- keys:end -->";
  std::string readme = text_of("README.md");
  const auto begin = readme.find(kBegin);
  const auto end = readme.find(kEnd);
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  std::string table = "| key | type and range | default | meaning |\n|---|---|---|---|\n";
  for (const KeyRow& row : key_rows()) table += reference_row(row) + "\n";
  const std::string there = readme.substr(begin + kBegin.size(), end - begin - kBegin.size());
  if (there != table && std::getenv("UPDATE_README")) {
    std::ofstream("README.md") << readme.replace(begin + kBegin.size(), there.size(), table);
    return;
  }
  EXPECT_TRUE(there == table) << "between its markers README.md does not have the table of keys; "
                                 "UPDATE_README=1 build/admin-test --gtest_filter='Documents.*' writes it";
}

}  // namespace
}  // namespace backoffd::admin
