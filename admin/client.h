// Calls a running proxy's admin interface for the command line: one call, blocking, with one bound on all of it.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "policy/result.h"
#include "policy/time.h"
#include "proxy/net/address.h"

namespace backoffd::admin {

inline constexpr policy::Duration kCallPatience = std::chrono::seconds(5);

struct Call {
  proxy::Endpoint admin;  // as it listens; a wildcard address is called on loopback
  std::string method = "GET";
  std::string path;
  std::string body;                           // JSON; sent with POST
  std::string token;                          // empty: none
  policy::Duration patience = kCallPatience;  // from connecting to the answer's last byte
  int cancel = -1;                            // a descriptor; once it can be read the call is given up
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
