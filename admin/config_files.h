// The files that a configuration names: are they there? What is in them is for their users to judge.
#pragma once

#include "admin/config.h"
#include "admin/key.h"

namespace backoffd::admin {

// A problem for each that cannot be read. The token has a reader of its own (admin/auth.h).
void check_files(const Config& config, Problems& problems);

}  // namespace backoffd::admin
