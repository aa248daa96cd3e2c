// What the engine says to an exchange that asks to send: now, later, or not at all. Plain values that cross threads.
#pragma once

#include <cstdint>
#include <vector>

#include "policy/retry.h"
#include "policy/time.h"

namespace backoffd::policy {

// Names the waiting exchange to whoever routes the grant: the worker it lives on and a number unique there.
struct Ticket {
  std::uint32_t worker = 0;
  std::uint64_t number = 0;
};

struct Admission {
  enum class Kind { granted, queued, refused };
  Kind kind = Kind::granted;
  Reason reason = Reason::none;  // refused: queue_full, exhausted, deadline (a retry), or queue_timeout (from a Grant)
  Duration retry_after{};        // refused: when a new request would have a chance; a true figure, whole seconds up
};

// A queued exchange's turn has come (granted), or its wait has ended without one (refused).
struct Grant {
  Ticket ticket;
  Admission admission;
};
using Grants = std::vector<Grant>;

}  // namespace backoffd::policy
