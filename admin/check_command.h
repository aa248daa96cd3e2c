// `backoffd check`: the faults of a configuration, for programs. People are told of them as of every other command's.
#pragma once

#include <string>

#include "admin/key.h"

namespace backoffd::admin {

// {"good": ..., "problems": [{"where": ..., "what": ...}, ...]}
std::string checked_json(const Problems& problems);

}  // namespace backoffd::admin
