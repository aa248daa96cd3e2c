#include "admin/upstream_proxy.h"

#include <algorithm>

#include "admin/address.h"
#include "admin/json.h"
#include "policy/text.h"

namespace backoffd::admin {
namespace {

constexpr std::string_view kScheme = "http://";

// The value of the first variable of these that says anything.
struct Variable {
  std::string name;
  std::string value;
};
Variable first_set(const Environment& environment, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const auto value = environment(name); value && !policy::trim(*value).empty()) {
      return {name, std::string(policy::trim(*value))};
    }
  }
  return {};
}

// A proxy as other programs take it, in full.
std::string complete(std::string_view text) {
  if (text.ends_with('/')) text.remove_suffix(1);
  std::string url = text.find("://") == std::string_view::npos ? std::string(kScheme) += text : std::string(text);
  const auto colon = url.rfind(':');
  const bool has_port = colon > url.find("://") && url.find(']', colon) == std::string::npos;
  return has_port ? url : url + ":80";
}

std::string read_url(const Variable& variable, Problems& problems) {
  if (variable.value.empty()) return {};
  std::string url = complete(variable.value);
  const std::string wrong = check_proxy_url(url);
  if (wrong.empty()) return url;
  // Never the value itself: it may hold a password.
  problems.push_back({variable.name, wrong + " (read because upstream_proxy is \"environment\")"});
  return {};
}

void add_no_proxy(std::string_view one, std::vector<std::string>& list) {
  if (one.starts_with('[') && one.ends_with(']')) one = one.substr(1, one.size() - 2);
  if (one.starts_with("*.")) one.remove_prefix(1);
  if (one.empty() || !check_no_proxy(one).empty()) return;
  const bool is_name = one != "*" && one.find('/') == std::string_view::npos && !proxy::Address::parse(one);
  if (one.starts_with('.')) one.remove_prefix(1);
  list.emplace_back(one);
  if (is_name) list.push_back('.' + std::string(one));
}

}  // namespace

std::string check_proxy_url(std::string_view text) {
  const auto scheme_end = text.find("://");
  const auto begins = [&](std::string_view scheme) { return policy::starts_with_ignoring_case(text, scheme); };
  if (begins("https://")) return "TLS to a parent proxy is not supported; expected http://HOST:PORT";
  if (begins("socks")) return "a SOCKS proxy is not supported; expected http://HOST:PORT";
  if (!begins(kScheme)) return "expected http://HOST:PORT";
  const std::string_view authority = text.substr(scheme_end + 3);
  if (authority.find('@') != std::string_view::npos) {
    return "holds a user name; put user:password into a file and name it in upstream_proxy_credentials";
  }
  const auto colon = authority.rfind(':');
  const auto port =
      colon == std::string_view::npos ? std::nullopt : policy::parse_unsigned(authority.substr(colon + 1));
  if (!port || *port == 0 || *port > 65535) return "expected http://HOST:PORT";
  std::string_view host = authority.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (bracketed != (host.find(':') != std::string_view::npos)) return "expected http://HOST:PORT";
  return check_host(host).empty() ? "" : "expected http://HOST:PORT";
}

std::string check_upstream_proxy(std::string_view text) {
  if (text.empty() || text == kFromEnvironment) return {};
  const std::string wrong = check_proxy_url(text);
  return wrong.ends_with("HOST:PORT") ? wrong + ", \"environment\" or nothing" : wrong;
}

std::string check_proxy_or_direct(std::string_view text) {
  if (text.empty() || text == "direct") return {};
  const std::string wrong = check_proxy_url(text);
  return wrong.ends_with("HOST:PORT") ? wrong + ", \"direct\" or nothing" : wrong;
}

std::string check_no_proxy(std::string_view text) {
  if (text == "*") return {};
  if (text.find('/') != std::string_view::npos) return check_cidr(text);
  if (text.starts_with("*.")) text.remove_prefix(1);
  if (text.starts_with('.')) text.remove_prefix(1);
  return check_host(text);
}

void take_from_environment(proxy::UpstreamProxy& proxy, const Environment& environment, Problems& problems) {
  if (proxy.url != kFromEnvironment) return;
  const Variable plain = first_set(environment, {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"});
  const Variable secure = first_set(environment, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});
  proxy.url = read_url(plain, problems);
  const std::string https = secure.name == plain.name ? proxy.url : read_url(secure, problems);
  proxy.https_url = https == proxy.url ? "" : https.empty() ? "direct" : https;
  const Variable except = first_set(environment, {"no_proxy", "NO_PROXY"});
  policy::ListReader reader(except.value);
  while (const auto one = reader.next()) add_no_proxy(*one, proxy.no_proxy);
}

}  // namespace backoffd::admin
