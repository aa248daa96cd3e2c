// Gates as the admin interface's JSON tells of them, in words for people. Pure functions.
#pragma once

#include <string>

#include "admin/json.h"
#include "admin/terminal.h"

namespace backoffd::admin {

// A line each. `root`: {"gates": {name: ...}}.
std::string gates_table(const json::Value& root, const Terminal& terminal);

// All there is to say of one.
std::string gate_in_words(std::string_view name, const json::Value& gate, const Terminal& terminal);

// "on for 10 % of requests", "off"
std::string setting_in_words(const json::Value& setting);

Tone tone_of_verdict(std::string_view verdict);

}  // namespace backoffd::admin
