#include "admin/environment.h"

#include <algorithm>
#include <array>

#include "policy/text.h"

namespace backoffd::admin {
namespace {

struct Variable {
  std::string_view name;  // without its prefix
  std::string_view path;
  bool is_switch;
  bool is_shared = false;  // read with the other prefix, too
};
constexpr std::array<Variable, 5> kVariables = {{{"ENABLE_CONTEXTUAL_RETRY", "gates.contextual-retry", true, true},
                                                 {"ENABLE_PROVIDER_LEARNING", "gates.provider-learning", true, true},
                                                 {"PROVIDER_LEARNING_PATH", "learning.path", false, true},
                                                 {"ADMIN", "admin.listen", false},
                                                 {"ADMIN_TOKEN_FILE", "admin.token_file", false}}};
constexpr std::string_view kOwnPrefix = "BACKOFFD_";
constexpr std::array<std::string_view, 2> kPrefixes = {"DOCSTOKG_", kOwnPrefix};  // the later one wins

std::optional<bool> parse_switch(std::string_view text) {
  const auto is = [&](std::string_view word) { return policy::equals_ignoring_case(text, word); };
  if (is("1") || is("true") || is("yes") || is("on")) return true;
  if (is("0") || is("false") || is("no") || is("off")) return false;
  return std::nullopt;
}

}  // namespace

std::vector<Assignment> read_environment(const Environment& environment, Problems& problems) {
  std::vector<Assignment> out;
  for (const std::string_view prefix : kPrefixes) {
    for (const Variable& variable : kVariables) {
      if (prefix != kOwnPrefix && !variable.is_shared) continue;
      const std::string name = std::string(prefix) + std::string(variable.name);
      const std::string text = environment(name).value_or("");
      if (text.empty()) continue;
      json::Value value(text);
      if (variable.is_switch) {
        const auto on = parse_switch(text);
        if (!on) {
          problems.push_back({name, json::write(value) + ": expected 1, true, yes, on, 0, false, no or off"});
          continue;
        }
        value = json::Value(*on);
      }
      out.push_back({name, std::string(variable.path), std::move(value), policy::GateLayer::environment});
    }
  }
  return out;
}

}  // namespace backoffd::admin
