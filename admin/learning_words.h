// What is known of keys, in words for people. Pure functions over the JSON of admin/learning_status, possibly of
// another process: what does not fit is left empty.
#pragma once

#include <string>
#include <string_view>

#include "admin/json.h"
#include "admin/terminal.h"

namespace backoffd::admin {

std::string learning_table(const json::Value& learning, const Terminal& terminal);

// One key: what holds, why, and what it rests on.
std::string key_in_words(std::string_view key, const json::Value& entry, const Terminal& terminal);

Tone tone_of_state(std::string_view state);

}  // namespace backoffd::admin
