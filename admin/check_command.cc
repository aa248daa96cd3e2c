#include "admin/check_command.h"

#include "admin/json.h"

namespace backoffd::admin {

std::string checked_json(const Problems& problems) {
  json::Array told;
  for (const policy::Error& problem : problems) {
    told.push_back(json::Object{{"where", problem.where}, {"what", problem.what}});
  }
  json::Value out;
  out["good"] = problems.empty();
  out["problems"] = std::move(told);
  return json::write(out, json::Layout::indented) + "\n";
}

}  // namespace backoffd::admin
