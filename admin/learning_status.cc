#include "admin/learning_status.h"

#include <cmath>

#include "admin/units.h"

namespace backoffd::admin {
namespace {

using json::Value;
using policy::MonoTime;
using policy::WallTime;

Value rate_or_null(double per_second) {
  return std::isfinite(per_second) && per_second > 0 ? Value(per_second) : Value();
}

Value show_key(const policy::KeyStatus& key, MonoTime now, WallTime wall) {
  const policy::LearnerStatus& learner = key.learner;
  Value out;
  out["status"] = name(learner.state);
  out["consecutive_429s"] = learner.consecutive_429s;
  out["reduction_pct"] = learner.reduction_pct;
  out["recovery_time_estimate"] = rate_or_null(learner.recovery_time_estimate);
  out["configured_limit"] = rate_or_null(key.configured_limit);
  out["effective_limit"] = rate_or_null(key.effective_limit);
  out["paused_until"] = learner.paused_until > now && learner.paused_until != policy::kNever
                            ? Value(format_time(wall + (learner.paused_until - now)))
                            : Value();
  out["last_change"] = Value();
  if (!learner.reason.empty()) {
    out["last_change"]["at"] = format_time(wall - (now - learner.changed));
    out["last_change"]["reason"] = learner.reason;
  }
  if (learner.shadow.requests > 0) {
    Value& shadow = out["shadow"];
    shadow["effective_limit"] = rate_or_null(learner.effective_rate);
    shadow["requests"] = learner.shadow.requests;
    shadow["held"] = learner.shadow.held;
    shadow["avoided"] = learner.shadow.avoided;
  }
  out["max_concurrency"] = key.max_concurrency > 0 ? Value(key.max_concurrency) : Value();
  out["in_flight"] = key.in_flight;
  out["queued"] = key.queued;
  out["requests"] = key.requests;
  out["retries"] = key.retries;
  out["throttle_answers"] = key.throttle_answers;
  out["hints_ignored"] = key.hints_ignored;
  return out;
}

}  // namespace

Value learning_json(const std::vector<policy::KeyStatus>& keys, MonoTime now, WallTime wall) {
  json::Object providers;
  for (const policy::KeyStatus& key : keys) providers.emplace_back(key.key, show_key(key, now, wall));
  return json::Object{{"providers", std::move(providers)}};
}

}  // namespace backoffd::admin
