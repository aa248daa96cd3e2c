// How a command shows what it was told.
#pragma once

namespace backoffd::admin {

enum class Output {
  table,  // for people
  json,   // for programs: the admin interface's answer as it came
};

}  // namespace backoffd::admin
