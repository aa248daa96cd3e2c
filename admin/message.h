// A call to the admin interface and its answer as plain values: what the routes see of HTTP.
#pragma once

#include <string>
#include <string_view>

#include "admin/callers.h"
#include "admin/json.h"

namespace backoffd::admin {

struct Request {
  std::string method;
  std::string path;  // without the query
  std::string body;
  std::string query = {};
  std::string if_none_match = {};
  CallNumber number = 0;
};

struct Response {
  int status = 200;
  std::string body;
  std::string_view content_type = "application/json";
  std::string allow;             // with 405: the methods that there are
  std::string etag = {};         // quoted; empty: nobody may keep the answer
  std::string_view policy = {};  // Content-Security-Policy; empty: the page may do nothing
  enum class Kind { whole, later, stream } kind = Kind::whole;  // see Callers

  // The answer comes by Callers::answer().
  static Response later() {
    Response response;
    response.kind = Kind::later;
    return response;
  }
};

Response json_response(const json::Value& value, int status = 200);

// {"error": {"code": ..., "message": ...}}: a name for programs and a sentence for people.
Response error_response(int status, std::string_view code, std::string_view message);

}  // namespace backoffd::admin
