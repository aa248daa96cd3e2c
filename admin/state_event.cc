#include "admin/state_event.h"

#include <cmath>

#include "admin/exchanges_json.h"
#include "admin/units.h"
#include "admin/version.h"

namespace backoffd::admin {
namespace {

using json::Value;
using proxy::Counter;
using proxy::Counters;

Value rate_or_null(double per_second) {
  return std::isfinite(per_second) && per_second > 0 ? Value(per_second) : Value();
}

Value show_key(const policy::KeyStatus& key, const Clocks& clocks) {
  const policy::LearnerStatus& learner = key.learner;
  Value out;
  out["key"] = key.key;
  out["provider"] = key.key.substr(0, key.key.rfind('@'));
  out["state"] = name(learner.state);
  out["configured_limit"] = rate_or_null(key.configured_limit);
  out["effective_limit"] = rate_or_null(key.effective_limit);
  out["reduction_pct"] = learner.reduction_pct;
  out["queued"] = key.queued;
  out["in_flight"] = key.in_flight;
  out["max_concurrency"] = key.max_concurrency > 0 ? Value(key.max_concurrency) : Value();
  out["requests"] = key.requests;
  out["retries"] = key.retries;
  out["throttle_answers"] = key.throttle_answers;
  out["hints"] = key.hints;
  out["hints_ignored"] = key.hints_ignored;
  out["reason"] = learner.reason.empty() ? Value() : Value(learner.reason);
  out["changed"] = learner.reason.empty() ? Value() : Value(format_time(clocks.wall - (clocks.now - learner.changed)));
  out["paused_until"] = learner.paused_until > clocks.now && learner.paused_until != policy::kNever
                            ? Value(format_time(clocks.wall + (learner.paused_until - clocks.now)))
                            : Value();
  return out;
}

Value show_totals(const std::vector<const Counters*>& all) {
  const auto sum = [&](Counter Counters::*counter) {
    std::uint64_t total = 0;
    for (const Counters* counters : all) total += (counters->*counter).get();
    return total;
  };
  std::uint64_t answered = 0;
  for (const Counters* counters : all) {
    for (const Counter& responses : counters->responses) answered += responses.get();
  }
  Value out;
  out["requests"] = answered;
  out["in_flight"] = sum(&Counters::active_exchanges);
  out["tunnels"] = sum(&Counters::open_tunnels);
  out["client_connections"] = sum(&Counters::open_client_connections);
  out["attempts"] = sum(&Counters::attempts);
  out["retries"] = sum(&Counters::retries);
  out["queued"] = sum(&Counters::queued);
  out["absorbed_throttles"] = sum(&Counters::absorbed_throttles);
  out["resumed_bodies"] = sum(&Counters::resumed_bodies);
  out["broken_bodies"] = sum(&Counters::broken_bodies);
  out["bytes_from_clients"] = sum(&Counters::client_bytes_in);
  out["bytes_to_clients"] = sum(&Counters::client_bytes_out);
  return out;
}

}  // namespace

Value state_json(const StateSource& source) {
  Value out;
  out["time"] = format_time(source.clocks.wall);
  out["version"] = kVersion;
  out["uptime"] = policy::seconds(std::chrono::duration_cast<std::chrono::milliseconds>(source.uptime));
  out["draining"] = source.draining;
  out["listeners"] = json::Array(source.listeners.begin(), source.listeners.end());
  out["totals"] = show_totals(source.counters);
  json::Array keys;
  for (const policy::KeyStatus& key : source.keys) keys.push_back(show_key(key, source.clocks));
  out["keys"] = std::move(keys);
  out["keys_total"] = static_cast<std::uint64_t>(source.keys_total);
  out["gates"] = *show_gates(source.gates, source.clocks).find("gates");
  out["exchanges"]["in_flight_total"] = *out["totals"].find("in_flight");
  out["exchanges"]["in_flight"] = show_in_flight(source.exchanges.in_flight);
  out["exchanges"]["recent"] = show_finished(source.exchanges.recent);
  return out;
}

// JSON on one line has no line break in it, which is what would end the data.
std::string event_text(std::string_view event, const Value& data) {
  std::string text = "event: ";
  text.append(event).append("\ndata: ").append(json::write(data)).append("\n\n");
  return text;
}

}  // namespace backoffd::admin
