#include "admin/message.h"

namespace backoffd::admin {

Response json_response(const json::Value& value, int status) {
  Response response;
  response.status = status;
  response.body = json::write(value, json::Layout::indented) + "\n";
  return response;
}

Response error_response(int status, std::string_view code, std::string_view message) {
  json::Value out;
  out["error"]["code"] = code;
  out["error"]["message"] = message;
  return json_response(out, status);
}

}  // namespace backoffd::admin
