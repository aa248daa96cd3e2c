// The keys of experiments as a whole: gates.thresholds.* and gates.webhook. Those inside a gate are GateType's.
#pragma once

#include "admin/config.h"
#include "admin/key.h"

namespace backoffd::admin {

Keys<Config> experiment_keys();

}  // namespace backoffd::admin
