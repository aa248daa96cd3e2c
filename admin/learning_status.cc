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

Value show_paused_until(const policy::LearnerStatus& learner, MonoTime now, WallTime wall) {
  const bool paused = learner.paused_until > now && learner.paused_until != policy::kNever;
  return paused ? Value(format_time(wall + (learner.paused_until - now))) : Value();
}

Value show_last_change(const policy::LearnerStatus& learner, MonoTime now, WallTime wall) {
  Value out;
  if (learner.reason.empty()) return out;
  out["at"] = format_time(wall - (now - learner.changed));
  out["reason"] = learner.reason;
  return out;
}

Value show_shadow(const policy::LearnerStatus& shadow, MonoTime now, WallTime wall) {
  Value out;
  out["status"] = name(shadow.state);
  out["reduction_pct"] = shadow.reduction_pct;
  out["effective_limit"] = rate_or_null(shadow.effective_rate);
  out["max_concurrency"] = shadow.concurrency > 0 ? Value(shadow.concurrency) : Value();
  out["paused_until"] = show_paused_until(shadow, now, wall);
  out["last_change"] = show_last_change(shadow, now, wall);
  out["requests"] = shadow.counts.requests;
  out["held"] = shadow.counts.held;
  out["avoided"] = shadow.counts.avoided;
  return out;
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
  out["paused_until"] = show_paused_until(learner, now, wall);
  out["last_change"] = show_last_change(learner, now, wall);
  if (key.shadow) out["shadow"] = show_shadow(*key.shadow, now, wall);
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
