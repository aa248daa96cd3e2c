// What is known of each key, for people and programs. Pure.
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

// The same as a table. `learning`: of the shape above, possibly from another process: what does not fit is left empty.
std::string learning_table(const json::Value& learning);

}  // namespace backoffd::admin
