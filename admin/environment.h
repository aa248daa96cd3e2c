// The environment variables that configure this program. Pure: the environment is an argument.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/config_reader.h"

namespace backoffd::admin {

// The value of a variable; none: not set.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

// Stands for --config where that is not given.
inline constexpr const char* kConfigVariable = "BACKOFFD_CONFIG";

// BACKOFFD_ENABLE_CONTEXTUAL_RETRY, BACKOFFD_ENABLE_PROVIDER_LEARNING (1, true, yes, on or 0, false, no, off in any
// case) and BACKOFFD_PROVIDER_LEARNING_PATH; the same with DOCSTOKG_, which the former win over. BACKOFFD_ADMIN and
// BACKOFFD_ADMIN_TOKEN_FILE: admin.listen and admin.token_file, so that a proxy and the commands that ask it are set up
// in one place. An empty one says nothing. A value that is neither true nor false becomes a problem.
std::vector<Assignment> read_environment(const Environment& environment, Problems& problems);

}  // namespace backoffd::admin
