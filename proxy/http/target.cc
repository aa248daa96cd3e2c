#include "proxy/http/target.h"

#include <arpa/inet.h>

#include <algorithm>

#include "policy/text.h"

namespace backoffd::proxy {
namespace {

using policy::equals_ignoring_case;

constexpr std::size_t kMaxHost = 254;  // 253 octets of a DNS name and a final dot

constexpr bool is_letter(char c) {
  const char l = policy::to_lower(c);
  return l >= 'a' && l <= 'z';
}
// Names as they are written in DNS and hosts files. RFC 3986 lets a reg-name hold percent-encoded octets and
// sub-delims too; no resolver takes those, and each is a chance for two readers to see two hosts ("%00", "a,b", "a\b").
constexpr bool is_name_char(char c) {
  return is_letter(c) || policy::is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

bool parse_name(std::string_view text, std::string& host) {
  if (text.empty() || text.size() > kMaxHost || text.front() == '.' || text.find("..") != std::string_view::npos ||
      !std::all_of(text.begin(), text.end(), is_name_char))
    return false;
  host.assign(text);
  std::transform(host.begin(), host.end(), host.begin(), policy::to_lower);
  return true;
}

// In the one spelling of RFC 5952, so that an address is one key however it was written. inet_pton knows no zones.
bool parse_ipv6(std::string_view text, std::string& host) {
  char buffer[INET6_ADDRSTRLEN] = {};
  if (text.size() >= sizeof buffer) return false;
  text.copy(buffer, text.size());
  in6_addr address;
  if (inet_pton(AF_INET6, buffer, &address) != 1) return false;
  inet_ntop(AF_INET6, &address, buffer, sizeof buffer);
  host.assign(buffer);
  return true;
}

enum class Port { none, empty, given };
struct Authority {
  std::string host;
  std::uint16_t port = 0;
  Port port_is = Port::none;
};

// uri-host [ ":" port ]: "" when well-formed, else the refusal's name.
std::string_view parse(std::string_view text, Authority& authority) {
  // Checked before anything else: all of these move the border between host and rest for one reader or another.
  if (text.find('@') != std::string_view::npos) return "userinfo";
  std::string_view port;
  bool ok = false;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return "bad_host";
    ok = parse_ipv6(text.substr(1, end - 1), authority.host);
    port = text.substr(end + 1);
    if (!port.empty() && port[0] != ':') return "bad_host";
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    ok = parse_name(text.substr(0, colon), authority.host);
    port = text.substr(colon);
  }
  if (!ok) return "bad_host";
  if (port.empty()) return {};
  port.remove_prefix(1);
  authority.port_is = port.empty() ? Port::empty : Port::given;
  if (port.empty()) return {};
  const auto number = policy::parse_unsigned(port);
  if (!number || port.size() > 5 || *number == 0 || *number > 65535) return "bad_port";
  authority.port = static_cast<std::uint16_t>(*number);
  return {};
}

TargetResult refuse(Target target, std::string_view name) { return {std::move(target), false, {400, name}}; }

// RFC 9112 3.2: HTTP/1.1 has exactly one Host, and whoever sends one sends a valid one. An empty value is valid (for a
// target without an authority).
std::string_view check_host(const Head& request) {
  const std::size_t count = request.count(FieldId::host);
  if (count == 0) return request.minor_version() == 0 ? std::string_view() : "missing_host";
  const std::string_view host = *request.find(FieldId::host);
  Authority ignored;
  if (count > 1 || (!host.empty() && !parse(host, ignored).empty())) return "bad_host_field";
  return {};
}

// scheme "://" authority path-abempty [ "?" query ]
TargetResult parse_absolute(std::string_view text) {
  Target target;
  const std::size_t colon = text.find(':');
  const std::string_view scheme = text.substr(0, colon);
  const bool http = equals_ignoring_case(scheme, "http");
  target.https = equals_ignoring_case(scheme, "https");
  const bool hierarchical = colon != std::string_view::npos && text.substr(colon + 1).starts_with("//");
  if (!hierarchical || !is_letter(text[0])) return refuse(std::move(target), "bad_target");
  if (!http && !target.https) return refuse(std::move(target), "unknown_scheme");

  text.remove_prefix(colon + 3);
  const std::size_t end = std::min(text.find_first_of("/?"), text.size());
  Authority authority;
  const std::string_view error = parse(text.substr(0, end), authority);
  if (!error.empty()) return refuse(std::move(target), error);
  target.host = std::move(authority.host);
  target.port = authority.port != 0 ? authority.port : target.https ? 443 : 80;  // an empty port is the default one
  target.path_and_query = text.substr(end);
  return {std::move(target), true, {}};
}

TargetResult parse_connect(std::string_view text) {
  Target target;
  target.form = Target::Form::authority;
  Authority authority;
  const std::string_view error = parse(text, authority);
  if (!error.empty()) return refuse(std::move(target), error);
  if (authority.port_is != Port::given) return refuse(std::move(target), "bad_port");  // RFC 9110 9.3.6: no default
  target.host = std::move(authority.host);
  target.port = authority.port;
  return {std::move(target), true, {}};
}

}  // namespace

std::string Target::authority() const {
  std::string text = authority_with_port(host, port);
  const std::uint16_t usual = https ? 443 : 80;
  if (port == usual && form != Form::authority) text.resize(text.rfind(':'));
  return text;
}

std::string_view Target::path() const {
  const std::string_view path = path_and_query.substr(0, path_and_query.find('?'));
  return path.empty() ? "/" : path;
}

TargetResult parse_target(const Head& request) {
  const std::string_view text = request.target();
  // A fragment never leaves a user agent (RFC 3986 3.5): one reader cuts it off, the next takes it for a path.
  if (text.find('#') != std::string_view::npos) return refuse({}, "fragment");
  TargetResult result;
  if (request.method() == "CONNECT") {
    result = parse_connect(text);
  } else if (text.starts_with('/')) {
    result.target.form = Target::Form::origin;
    result.target.path_and_query = text;
    result.ok = false;
    result.error = {400, "not_a_proxy_request"};
  } else if (text == "*") {
    result.target.form = Target::Form::asterisk;
    result.ok = false;
    result.error = {400, request.method() == "OPTIONS" ? "not_a_proxy_request" : "bad_target"};
  } else {
    result = parse_absolute(text);
  }
  const std::string_view host_error = check_host(request);
  if (!host_error.empty() && (result.ok || result.error.name == "not_a_proxy_request"))
    return refuse(std::move(result.target), host_error);
  return result;
}

TargetResult parse_target_within(const Head& request, const Target& tunnel) {
  TargetResult result = parse_target(request);
  if (!result.ok && result.error.name != "not_a_proxy_request") return result;
  Target& target = result.target;
  Authority named{target.host, target.port, Port::given};
  if (!result.ok) {
    named = {tunnel.host, tunnel.port, Port::none};
    if (const auto host = request.find(FieldId::host); host && !host->empty()) parse(*host, named);
  }
  const bool other_port = named.port_is == Port::given && named.port != tunnel.port;
  if (target.form == Target::Form::authority || (result.ok && !target.https) || named.host != tunnel.host || other_port)
    return {std::move(target), false, {421, "misdirected"}};
  target.form = Target::Form::absolute;
  target.https = true;
  target.host = tunnel.host;
  target.port = tunnel.port;
  return {std::move(target), true, {}};
}

std::string authority_with_port(std::string_view host, std::uint16_t port) {
  const bool ipv6 = host.find(':') != std::string_view::npos;
  std::string text;
  text.reserve(host.size() + 8);
  if (ipv6) text += '[';
  text += host;
  if (ipv6) text += ']';
  return text += ':' + std::to_string(port);
}

bool parse_authority(std::string_view text, std::string& host, std::uint16_t& port) {
  Authority authority;
  if (!parse(text, authority).empty() || authority.port_is != Port::given) return false;
  host = std::move(authority.host);
  port = authority.port;
  return true;
}

}  // namespace backoffd::proxy
