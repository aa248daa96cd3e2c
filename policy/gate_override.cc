#include "policy/gate_override.h"

#include <string>

#include "policy/text.h"

namespace backoffd::policy {
namespace {

std::optional<GateMode> parse_mode(std::string_view text) {
  if (text == "true") return GateMode::on;
  if (text == "false") return GateMode::off;
  return parse_gate_mode(text);
}

}  // namespace

Result<GateOverride> parse_gate_override(std::string_view text) {
  GateOverride result;
  ListReader list(text);
  while (const auto element = list.next()) {
    const auto equals = element->find('=');
    const auto id = parse_gate(trim(element->substr(0, equals)));
    const auto mode = equals == std::string_view::npos ? std::nullopt : parse_mode(trim(element->substr(equals + 1)));
    if (!id || !mode)
      return Error{"Backoffd-Gate", "\"" + std::string(*element) +
                                        "\": expected contextual-retry or provider-learning = off, shadow or on"};
    result[static_cast<std::size_t>(*id)] = mode;
  }
  return result;
}

}  // namespace backoffd::policy
