// What `backoffd ca` can be asked for.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace backoffd::admin {

enum class CaAction {
  show,    // subject, fingerprint, validity, what it may sign, files
  path,    // of the root certificate, for clients
  rotate,  // a new one in place of the old
  bundle,  // the system's roots and ours, as PEM
};
inline constexpr std::array<std::string_view, 4> kCaActionNames = {"show", "path", "rotate", "bundle"};
constexpr std::string_view name(CaAction action) { return kCaActionNames[static_cast<std::size_t>(action)]; }

}  // namespace backoffd::admin
