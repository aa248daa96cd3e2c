// The standard policy (POLICY 3).
#include <algorithm>

#include "policy/retry.h"

namespace backoffd::policy {

Wish standard_wish(const RetryConfig& config, const Outcome& outcome) {
  switch (outcome.kind) {
    case OutcomeKind::response:
      return {std::binary_search(config.statuses.begin(), config.statuses.end(), outcome.status) ? Reason::retry
                                                                                                 : Reason::none};
    case OutcomeKind::connect_error:
    case OutcomeKind::connect_timeout:
    case OutcomeKind::reset:
    case OutcomeKind::head_timeout:
      return {Reason::retry};
    case OutcomeKind::bad_response:         // a server that speaks no HTTP will not learn it while we wait
    case OutcomeKind::bad_certificate:      // trying again is what an attacker in the middle hopes for
    case OutcomeKind::tls_error:            // no version or cipher in common, no TLS at all
    case OutcomeKind::destination_refused:  // our own rules refused it
    case OutcomeKind::broken_body:          // after the head there is only resume, which is not of this policy
      return {Reason::not_retryable};
  }
  return {Reason::not_retryable};
}

}  // namespace backoffd::policy
