#include "admin/learning_status.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

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

// A cell must not be able to move the cursor of the terminal it is shown on.
std::string printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return text;
}

std::string cell(const Value* value, const char* unit = "") {
  if (!value || value->is_null()) return "-";
  if (const std::string* text = value->string()) return printable(*text);
  if (!value->is_number()) return "-";
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.6g%s", value->number(), unit);
  return text.data();
}

}  // namespace

Value learning_json(const std::vector<policy::KeyStatus>& keys, MonoTime now, WallTime wall) {
  json::Object providers;
  for (const policy::KeyStatus& key : keys) providers.emplace_back(key.key, show_key(key, now, wall));
  return json::Object{{"providers", std::move(providers)}};
}

std::string learning_table(const Value& learning) {
  using Row = std::array<std::string, 8>;
  std::vector<Row> rows = {{"KEY", "STATUS", "429s", "REDUCTION", "LIMIT", "CONFIGURED", "RECOVERY", "PAUSED UNTIL"}};
  const Value* providers = learning.find("providers");
  const json::Object none;
  for (const auto& [key, entry] : providers && providers->object() ? *providers->object() : none) {
    rows.push_back({printable(key), cell(entry.find("status")), cell(entry.find("consecutive_429s")),
                    cell(entry.find("reduction_pct"), " %"), cell(entry.find("effective_limit"), "/s"),
                    cell(entry.find("configured_limit"), "/s"), cell(entry.find("recovery_time_estimate"), " s"),
                    cell(entry.find("paused_until"))});
  }
  if (rows.size() == 1) return "Nothing is known of any provider yet.\n";
  Row::size_type widths[std::tuple_size_v<Row>] = {};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) line += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

}  // namespace backoffd::admin
