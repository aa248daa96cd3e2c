// What is known of each key as JSON. Pure.
#pragma once

#include <string>
#include <vector>

#include "admin/json.h"
#include "policy/engine.h"
#include "policy/time.h"

namespace backoffd::admin {

// {"providers": {"provider@host": {"status": ..., "consecutive_429s": ..., "reduction_pct": ..., ...}}}
// Other tools read the outer shape and those three keys. Limits are requests per second, null where there is none;
// times are UTC, null where there is none.
json::Value learning_json(const std::vector<policy::KeyStatus>& keys, policy::MonoTime now, policy::WallTime wall);

}  // namespace backoffd::admin
