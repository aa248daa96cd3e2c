// The contextual policy (POLICY 4): one row an operation, one column a kind of failure.
#include "policy/retry.h"

namespace backoffd::policy {
namespace {

struct Row {
  Wish throttled;   // 429
  Wish timeout;     // connect or response head
  Wish connection;  // connect error, reset
  Wish failed;      // 500 502 503 504
};

constexpr Wish kRetry{Reason::retry};
constexpr Wish kDefer{Reason::defer};
constexpr Wish kFailover{Reason::failover};
constexpr Wish retry_then(int max_attempts, Reason after) { return {Reason::retry, max_attempts, after}; }

// In the order of Operation.
constexpr std::array<Row, kOperationNames.size()> kTable = {{
    // download
    {kRetry, kRetry, kRetry, retry_then(5, Reason::attempts)},
    // validate
    {kDefer, kDefer, retry_then(3, Reason::defer), retry_then(2, Reason::give_up)},
    // resolve
    {kFailover, retry_then(3, Reason::failover), retry_then(3, Reason::failover), retry_then(2, Reason::failover)},
    // extract
    {kRetry, kRetry, kRetry, kRetry},
    // manifest_fetch
    {kDefer, retry_then(3, Reason::failover), retry_then(3, Reason::failover), retry_then(2, Reason::failover)},
}};

}  // namespace

Wish contextual_wish(const RetryConfig& config, Operation operation, const Outcome& outcome) {
  const Row& row = kTable[static_cast<std::size_t>(operation)];
  switch (outcome.kind) {
    case OutcomeKind::response:
      // Which answers are failures is one setting for both policies; this one differs in what it makes of them.
      if (standard_wish(config, outcome).reason != Reason::retry) return {};
      return outcome.status == 429 ? row.throttled : row.failed;
    case OutcomeKind::connect_timeout:
    case OutcomeKind::head_timeout:
      return row.timeout;
    case OutcomeKind::connect_error:
    case OutcomeKind::reset:
      return row.connection;
    case OutcomeKind::broken_body:
      return {operation == Operation::download ? Reason::resume : Reason::not_retryable};
    case OutcomeKind::bad_response:
    case OutcomeKind::bad_certificate:
    case OutcomeKind::tls_error:
    case OutcomeKind::destination_refused:
      return {Reason::not_retryable};
  }
  return {Reason::not_retryable};
}

}  // namespace backoffd::policy
