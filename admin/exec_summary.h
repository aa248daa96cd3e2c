// What the proxy did for a command, in one line.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proxy/counters.h"

namespace backoffd::admin {

struct ExecSummary {
  std::uint64_t requests = 0;  // answered, tunnels included
  std::uint64_t retries = 0;   // attempts beyond the first of a request
  std::uint64_t resumed_bodies = 0;
  std::uint64_t resumed_bytes = 0;       // of these, not fetched again
  std::uint64_t queued = 0;              // requests held to keep to a limit
  double queued_seconds = 0;             // ... all together
  std::uint64_t absorbed_throttles = 0;  // 429s the command never saw

  static ExecSummary of(const std::vector<const proxy::Counters*>& workers);

  // "12 requests, 3 retries; 1 body resumed, 1.3 MiB not fetched again; 2 requests held for 3.1 s in all; 2 429s
  // avoided": what did not happen is left out, but for the first part.
  std::string text() const;
};

}  // namespace backoffd::admin
