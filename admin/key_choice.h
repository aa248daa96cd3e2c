// Which keys a person is shown, and a history is kept of, where there are very many: a client can make up hosts.
#pragma once

#include <vector>

#include "policy/engine.h"

namespace backoffd::admin {

inline constexpr std::size_t kMostShownKeys = 64;

// Those that are held back first, then those with something to do, then those with the most requests; in the order of
// their names.
std::vector<policy::KeyStatus> choose_keys(std::vector<policy::KeyStatus> keys);

}  // namespace backoffd::admin
