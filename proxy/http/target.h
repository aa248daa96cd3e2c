// The request-target (RFC 9112 3.2) of a forward proxy -> where the request goes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/http/head.h"
#include "proxy/http/parser.h"

namespace backoffd::proxy {

struct Target {
  enum class Form { absolute, authority, origin, asterisk };
  Form form = Form::absolute;
  bool https = false;  // absolute-form with https://
  std::string host;    // lower case, IPv6 without brackets and without zone
  std::uint16_t port = 80;
  std::string_view path_and_query;  // view into the head's target; may be empty or begin with '?'

  std::string authority() const;  // host[:port] as Host wants it: brackets for IPv6, no default port
  std::string_view path() const;  // without the query; "/" when empty
};

struct TargetResult {
  Target target;
  bool ok = true;
  HeadError error;  // 400 with "bad_target", "bad_port", "bad_host", "userinfo", "fragment",
                    // "unknown_scheme", "missing_host", "bad_host_field", "not_a_proxy_request"
};

// Checks target and Host together (RFC 9112 3.2, 3.2.2): CONNECT takes authority-form only and needs a port, everything
// else absolute-form; origin-form and asterisk-form are `not_a_proxy_request` (the session answers those itself).
// HTTP/1.1 without exactly one valid Host is refused.
TargetResult parse_target(const Head& request);

// The same for a request inside an intercepted TLS tunnel: origin-form, OPTIONS * or https absolute-form, for the
// tunnel's own host and port and no other (else 421 "misdirected"). The target comes back absolute, with https.
// REQUIRES: `tunnel` is the target of its CONNECT.
TargetResult parse_target_within(const Head& request, const Target& tunnel);

// The same with the port always there: "name:443", "[::1]:80". `host` as Target::host has it.
std::string authority_with_port(std::string_view host, std::uint16_t port);

// host[:port] of a configuration ("127.0.0.1:8080", "[::1]:80", "name:443"): true and filled in when well-formed.
bool parse_authority(std::string_view text, std::string& host, std::uint16_t& port);

}  // namespace backoffd::proxy
