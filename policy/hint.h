// What a server said about its limits, read from one response (POLICY 6). Bad, negative or absurd values are ignored
// and counted, never believed.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "policy/facts.h"
#include "policy/time.h"

namespace backoffd::policy {

inline constexpr Duration kBurstWindow = std::chrono::seconds(60);

struct HintRate {
  std::int64_t requests;
  Duration window;
};

struct Hint {
  std::optional<Duration> retry_after;      // > 0; Retry-After: 0 is no information and leaves this empty
  std::optional<std::int64_t> limit;        // q: quota of the window, requests
  std::optional<std::int64_t> remaining;    // r: requests left, >= 0
  std::optional<Duration> reset;            // t: until more quota, > 0
  std::optional<Duration> window;           // w: length of the window
  std::optional<HintRate> burst;            // of the rates told without what is left: the lowest of a window up to
                                            // kBurstWindow, ...
  std::optional<HintRate> sustained;        // ... and the lowest of a longer one; both hold
  std::optional<std::int64_t> concurrency;  // requests allowed at once, > 0
  std::uint64_t scope = 0;                  // hash of the narrower quota the answer names (policy name, X-Api-Pool,
                                            // x-ratelimit-resource); 0: none
  int ignored = 0;                          // malformed or absurd values met while reading

  bool empty() const {
    return !retry_after && !limit && !remaining && !reset && !window && !burst && !sustained && !concurrency &&
           scope == 0;
  }
};

// Is this a field that read_hint() looks at? Cheap: decided by length and first letter before anything is compared.
bool is_hint_field(std::string_view name);

// Reads all hints of one response head. Allocates nothing. Dates are taken against the response's own Date where it
// has one, else against `response.received`.
Hint read_hint(const ResponseFacts& response);

// POLICY 8: 429; 503 with Retry-After > 0; 403 with remaining 0 or Retry-After.
bool is_throttle_answer(int status, const Hint& hint);

}  // namespace backoffd::policy
