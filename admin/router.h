// The table of routes: method and path to function. Filled before it serves; the admin's thread only.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/message.h"

namespace backoffd::admin {

class Router {
 public:
  // `name` is what stands for "{}" in the path, percent-decoded; empty where the path has none.
  using Serve = std::function<Response(const Request& request, const std::string& name)>;

  // `path` may hold one "{}", which stands for one segment. Every POST changes something, and nothing else does.
  void add(std::string method, const std::string& path, Serve serve);

  // Method and path of each, as they were added.
  std::vector<std::pair<std::string, std::string>> routes() const;

  // 404 where no route has the path, 405 where none has the method, too. HEAD is served as GET.
  Response dispatch(const Request& request) const;

 private:
  struct Route {
    std::string method;
    std::string before;  // the path up to "{}"
    std::string after;   // ... and behind it
    bool has_name;
    Serve serve;
  };
  static bool match(const Route& route, std::string_view path, std::string& name);

  std::vector<Route> routes_;
};

}  // namespace backoffd::admin
