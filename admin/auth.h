// Who may call the admin interface. A web page that a person on this machine looks at can make the browser call
// loopback: it cannot choose the Host field, nor send JSON elsewhere without being asked first (which is never
// granted), nor know the token. A browser also says on whose behalf it calls (Fetch Metadata, Origin): another page's
// call is refused whatever it asks for, but for a link to a page that the person follows.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/message.h"
#include "policy/result.h"
#include "proxy/http/head.h"
#include "proxy/net/address.h"

namespace backoffd::admin {

class Guard {
 public:
  // `hosts`: globs that Host may match besides loopback names and the address called. `token`: empty: none is asked
  // for.
  Guard(std::vector<std::string> hosts, std::string token) : hosts_(std::move(hosts)), token_(std::move(token)) {}

  // The refusal, or none. Every call: the Host, and no other page's. A call that changes something (any method but GET
  // and HEAD): also JSON as its content type, and the token. `local`: the address of this end of the connection.
  std::optional<Response> refuse(const proxy::Head& head, const proxy::Endpoint& local) const;

 private:
  bool host_allowed(std::string_view host, const proxy::Endpoint& local) const;
  static bool from_elsewhere(const proxy::Head& head);

  const std::vector<std::string> hosts_;
  const std::string token_;
};

// In a time that depends on the length of `given` alone.
bool same_secret(std::string_view given, std::string_view secret);

// The token in a file: its first line, at least 16 characters of those that a bearer token may have (RFC 6750 2.1). The
// file must not be readable by everybody.
policy::Result<std::string> read_token(const std::string& path);

}  // namespace backoffd::admin
