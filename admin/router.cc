#include "admin/router.h"

#include <optional>

#include "policy/text.h"

namespace backoffd::admin {
namespace {

std::optional<unsigned> hex_digit(char c) {
  if (policy::is_digit(c)) return static_cast<unsigned>(c - '0');
  c = policy::to_lower(c);
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  return std::nullopt;
}

// None for a broken escape.
std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const auto high = i + 2 < text.size() ? hex_digit(text[i + 1]) : std::nullopt;
    const auto low = i + 2 < text.size() ? hex_digit(text[i + 2]) : std::nullopt;
    if (!high || !low) return std::nullopt;
    out += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  return out;
}

}  // namespace

void Router::add(std::string method, const std::string& path, Serve serve) {
  const auto name = path.find("{}");
  const bool has_name = name != std::string::npos;
  routes_.push_back(
      {std::move(method), path.substr(0, name), has_name ? path.substr(name + 2) : "", has_name, std::move(serve)});
}

std::vector<std::pair<std::string, std::string>> Router::routes() const {
  std::vector<std::pair<std::string, std::string>> all;
  for (const Route& route : routes_) {
    all.emplace_back(route.method, route.before + (route.has_name ? "{}" : "") + route.after);
  }
  return all;
}

bool Router::match(const Route& route, std::string_view path, std::string& name) {
  if (!route.has_name) return path == route.before;
  if (path.size() <= route.before.size() + route.after.size()) return false;
  if (!path.starts_with(route.before) || !path.ends_with(route.after)) return false;
  path.remove_prefix(route.before.size());
  path.remove_suffix(route.after.size());
  if (path.find('/') != std::string_view::npos) return false;
  const auto decoded = percent_decode(path);
  if (decoded) name = *decoded;
  return decoded.has_value();
}

Response Router::dispatch(const Request& request) const {
  const std::string& method = request.method == "HEAD" ? "GET" : request.method;
  std::string methods;
  for (const Route& route : routes_) {
    std::string name;
    if (!match(route, request.path, name)) continue;
    if (route.method == method) return route.serve(request, name);
    methods += (methods.empty() ? "" : ", ") + route.method;
  }
  if (methods.empty()) return error_response(404, "not_found", "There is nothing at this path.");
  Response response = error_response(405, "method_not_allowed", "This path takes " + methods + ".");
  response.allow = methods;
  return response;
}

}  // namespace backoffd::admin
