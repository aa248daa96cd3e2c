// Fuzzes the configuration: a file, and behind a line of "----" one "key=value" a line as --set would get them.
// Whatever comes, it ends in problems or in settings that show as a file that reads back as the same settings.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "admin/config_keys.h"
#include "admin/config_reader.h"

using namespace backoffd::admin;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

std::vector<Assignment> read_assignments(std::string_view lines) {
  std::vector<Assignment> out;
  while (!lines.empty() && out.size() < 16) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    out.push_back(assignment_of_text("--set " + std::string(line.substr(0, equals)), line.substr(0, equals),
                                     line.substr(equals + 1)));
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  constexpr std::string_view kSeparator = "\n----\n";
  const auto split = text.find(kSeparator);
  const auto lines = split == std::string_view::npos ? "" : text.substr(split + kSeparator.size());
  const Loaded loaded = read_settings(text.substr(0, split), read_assignments(lines));
  if (!loaded.problems.empty()) return 0;

  const std::string shown = json::write(show_config(loaded.settings.config));
  const Loaded again = read_settings(shown, {});
  require(again.problems.empty());
  require(json::write(show_config(again.settings.config)) == shown);
  return 0;
}
