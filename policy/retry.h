// Outcome -> Verdict. Every failed attempt and every response head becomes one Outcome; one pure function makes of it
// one Verdict. The two retry policies differ in that function only.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "policy/config.h"
#include "policy/hint.h"
#include "policy/operation.h"
#include "policy/random.h"
#include "policy/time.h"

namespace backoffd::policy {

// How one attempt stands when a decision is due.
enum class OutcomeKind {
  response,             // a whole response head came; `status` and `hint` are set
  connect_error,        // resolve, dial or parent proxy failed
  connect_timeout,      // timeouts.connect ran out
  reset,                // the connection ended before a response head
  head_timeout,         // timeouts.response_head ran out
  bad_response,         // what came is not a valid response head
  bad_certificate,      // TLS: the certificate does not verify; never retried
  tls_error,            // TLS: the two sides do not agree; never retried, because they would not the next time either
  destination_refused,  // the address may not be dialled; never retried
  broken_body,          // after the head: the body ended before its announced end, or stalled
};
inline constexpr std::array<std::string_view, 10> kOutcomeNames = {
    "response",        "connect_error", "connect_timeout",     "reset",      "head_timeout", "bad_response",
    "bad_certificate", "tls_error",     "destination_refused", "broken_body"};
constexpr std::string_view name(OutcomeKind kind) { return kOutcomeNames[static_cast<std::size_t>(kind)]; }

struct Outcome {
  OutcomeKind kind = OutcomeKind::response;
  int status = 0;
  Hint hint;
};

// Where the exchange stands: the facts the rules of POLICY 2 ask for.
struct Progress {
  int attempts = 0;          // made so far, the one just ended included
  MonoTime first_attempt{};  // start of the first one; once body bytes went to the client, when the last of them did:
                             // max_delay bounds the client's waiting, not how long a download may run
  bool committed = false;    // a byte of a response head has gone to the client
  bool client_gone = false;
  bool idempotent = false;    // safe or idempotent method, or an Idempotency-Key
  bool request_sent = false;  // at least one byte of the request went out in the attempt just ended
  bool replayable = true;     // no body, or all of it is kept for replay, or none of it has been read yet
  bool resumable = false;     // committed, but the body can be continued (POLICY 5, resume.h)
};

// Why the verdict is what it is. The same name stands in the log, in the metric label and in Backoffd-Verdict.
enum class Reason {
  none,    // nothing to say: a response that needs no retry
  retry,   // will be tried again
  resume,  // a broken body will be continued
  committed,
  not_idempotent,
  body_too_large,
  attempts,
  deadline,
  budget,
  client_gone,  // POLICY 2
  defer,
  failover,
  give_up,  // POLICY 4
  queue_timeout,
  queue_full,
  exhausted,      // POLICY 7, 8
  not_retryable,  // this kind of outcome is never retried
};
inline constexpr std::array<std::string_view, 17> kReasonNames = {
    "none",     "retry",         "resume",     "committed",   "not_idempotent", "body_too_large",
    "attempts", "deadline",      "budget",     "client_gone", "defer",          "failover",
    "give_up",  "queue_timeout", "queue_full", "exhausted",   "not_retryable"};
constexpr std::string_view name(Reason reason) { return kReasonNames[static_cast<std::size_t>(reason)]; }

enum class Action {
  relay,  // give the client what there is: this response; or, for an outcome without one, the last answer that came
          // before, else the proxy's own error
  retry,  // wait, then make a new attempt
};

struct Verdict {
  Action action = Action::relay;
  Reason reason = Reason::none;
  Duration wait{};  // with Action::retry, before queueing again
};

enum class RetryPolicy { standard, contextual };
inline constexpr std::array<std::string_view, 2> kRetryPolicyNames = {"standard", "contextual"};
constexpr std::string_view name(RetryPolicy policy) { return kRetryPolicyNames[static_cast<std::size_t>(policy)]; }

// What a policy wants of an outcome before the rules of POLICY 2 have their say.
struct Wish {
  Reason reason = Reason::none;     // none: relay as it is; retry; resume; defer; failover; give_up; not_retryable
  int max_attempts = 0;             // 0: the configured retry.max_attempts; else the smaller of the two holds
  Reason after = Reason::attempts;  // what to say when max_attempts of the operation is used up
};
Wish standard_wish(const RetryConfig& config, const Outcome& outcome);
Wish contextual_wish(const RetryConfig& config, Operation operation, const Outcome& outcome);

// The whole decision. Pure: the budget's answer is an argument and is spent by the caller only when the action is
// retry. The wait is the server's hint with jitter upward (never shortened) or full jitter of the backoff; the hint is
// Retry-After, else the reset of a quota with nothing left. Allocates nothing.
//
// The order: first the policy's wish, and one that is no retry is the verdict (none, defer, failover, give_up,
// not_retryable). Then the refusals of POLICY 2, of which the first that holds is named: client_gone, committed,
// not_idempotent, body_too_large, attempts (or what the operation does then), deadline, budget. After the commit point
// every outcome but a resume is `committed`: also an answer to the resuming attempt that would be relayed otherwise.
Verdict judge(RetryPolicy policy, const RetryConfig& config, Operation operation, const Progress& progress,
              const Outcome& outcome, bool budget_allows, MonoTime now, Random& random);

}  // namespace backoffd::policy
