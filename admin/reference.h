// The reference of all configuration keys as text for people.
#pragma once

#include <string>

#include "admin/key.h"

namespace backoffd::admin {

// For a terminal: each key with its type, range and default, its meaning below it.
std::string reference_text(const KeyRows& rows);

// The same as one row of the README's table.
std::string reference_row(const KeyRow& row);

}  // namespace backoffd::admin
