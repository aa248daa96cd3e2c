#include "policy/retry.h"

#include <algorithm>

#include "policy/backoff.h"

namespace backoffd::policy {
namespace {

// What the server asked for: Retry-After; else the reset of a quota that is used up, or that a 429 without a count
// speaks of. What is left of another quota is no reason to wait for it.
std::optional<Duration> asked_wait(const Outcome& outcome) {
  if (outcome.kind != OutcomeKind::response) return std::nullopt;
  const Hint& hint = outcome.hint;
  if (hint.retry_after) return hint.retry_after;
  if (hint.remaining == 0 || (outcome.status == 429 && !hint.remaining)) return hint.reset;
  return std::nullopt;
}

}  // namespace

Verdict judge(RetryPolicy policy, const RetryConfig& config, Operation operation, const Progress& progress,
              const Outcome& outcome, bool budget_allows, MonoTime now, Random& random) {
  const Wish wish =
      policy == RetryPolicy::standard ? standard_wish(config, outcome) : contextual_wish(config, operation, outcome);
  const bool wants_retry = wish.reason == Reason::retry || wish.reason == Reason::resume;
  const bool begun = progress.committed || outcome.kind == OutcomeKind::broken_body;
  const bool resumable = progress.resumable && policy == RetryPolicy::contextual && operation == Operation::download;
  const int max_attempts =
      wish.max_attempts > 0 ? std::min(wish.max_attempts, config.max_attempts) : config.max_attempts;
  const auto refuse = [](Reason reason) { return Verdict{Action::relay, reason, {}}; };

  if (!wants_retry && !begun) return refuse(wish.reason);

  // The refusals of POLICY 2. The first that holds names the verdict: who has left wants nothing, then what can never
  // be retried, then what was used up, and last the budget, which others share.
  if (progress.client_gone) return refuse(Reason::client_gone);
  if (begun && !(resumable && wants_retry)) return refuse(Reason::committed);
  if (!progress.idempotent && progress.request_sent) return refuse(Reason::not_idempotent);
  if (!progress.replayable) return refuse(Reason::body_too_large);
  if (progress.attempts >= max_attempts) return refuse(wish.after);
  const auto asked = asked_wait(outcome);
  const Duration wait = asked ? jitter_upward(*asked, random)
                              : full_jitter(config.base_delay, config.max_backoff, progress.attempts, random);
  if (now + wait >= progress.first_attempt + config.max_delay) return refuse(Reason::deadline);
  if (!budget_allows) return refuse(Reason::budget);

  return {Action::retry, begun ? Reason::resume : Reason::retry, wait};
}

}  // namespace backoffd::policy
