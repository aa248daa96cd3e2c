// One exchange as an operator is told of it: a plain value, so that it may leave its worker's thread. Never a
// credential, a query string or a body.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/time.h"
#include "proxy/access_log.h"

namespace backoffd::proxy {

enum class Stage { queued, attempting, backing_off, relaying, tunnel, finished };
inline constexpr std::array<std::string_view, 6> kStageNames = {"queued",   "attempting", "backing_off",
                                                                "relaying", "tunnel",     "finished"};
constexpr std::string_view name(Stage stage) { return kStageNames[static_cast<std::size_t>(stage)]; }
// Nothing of it moves: it waits for its turn, or for its next try.
constexpr bool waits(Stage stage) { return stage == Stage::queued || stage == Stage::backing_off; }

struct ExchangeInfo {
  ExchangeInfo(const AccessRecord& record, Stage stage);

  Stage stage;
  policy::WallTime start;
  std::string id, client, method, scheme, host, path, key, operation;  // a very long path is cut
  std::uint16_t port;
  int attempts;
  std::uint64_t bytes_in, bytes_out;
  std::uint64_t resumed_at;  // offset of the last resume, 0: none
  policy::Duration queued, backoff;
  policy::Duration total;  // until now, or its end
  // Of a finished one:
  int status;  // given to the client; 0: none
  std::string verdict, detail;
};

// What is wanted of all workers.
struct ExchangeQuery {
  bool waiting = true;              // in flight: those that wait ...
  bool moving = true;               // ... and the others
  std::size_t most = 100;           // ... so many, the oldest
  bool recent = true;               // finished ones that are worth a look
  std::vector<std::uint64_t> seen;  // ... as the last answer had it, for those since; empty: all that are kept
};

struct ExchangeAnswer {
  std::vector<ExchangeInfo> in_flight;  // the oldest first
  std::vector<ExchangeInfo> recent;     // a worker's in the order of their ends
  std::vector<std::uint64_t> seen;      // by worker
};

}  // namespace backoffd::proxy
