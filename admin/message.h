// A call to the admin interface and its answer as plain values: what the routes see of HTTP.
#pragma once

#include <string>
#include <string_view>

#include "admin/json.h"

namespace backoffd::admin {

struct Request {
  std::string method;
  std::string path;  // without the query
  std::string body;
};

struct Response {
  int status = 200;
  std::string body;
  std::string_view content_type = "application/json";
  std::string allow;  // with 405: the methods that there are
};

Response json_response(const json::Value& value, int status = 200);

// {"error": {"code": ..., "message": ...}}: a name for programs and a sentence for people.
Response error_response(int status, std::string_view code, std::string_view message);

}  // namespace backoffd::admin
