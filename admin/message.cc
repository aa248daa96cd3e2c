#include "admin/message.h"

namespace backoffd::admin {

Response json_response(const json::Value& value, int status) {
  return {.status = status, .body = json::write(value, json::Layout::indented) + "\n", .allow = {}};
}

Response error_response(int status, std::string_view code, std::string_view message) {
  json::Value out;
  out["error"]["code"] = code;
  out["error"]["message"] = message;
  return json_response(out, status);
}

}  // namespace backoffd::admin
