// Calls a running proxy's admin interface for the command line: one call, blocking, with a bound on every wait.
#pragma once

#include <string>
#include <string_view>

#include "policy/result.h"
#include "proxy/net/address.h"

namespace backoffd::admin {

struct Call {
  proxy::Endpoint admin;  // as it listens; a wildcard address is called on loopback
  std::string method = "GET";
  std::string path;
  std::string body;   // JSON; sent with POST
  std::string token;  // empty: none
};

struct Answer {
  int status = 0;
  std::string body;
};

// An error says that no proxy answered, and why.
policy::Result<Answer> call(const Call& what);

// The sentence in an error's JSON, else the status.
std::string message_of(const Answer& answer);

}  // namespace backoffd::admin
