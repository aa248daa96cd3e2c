#include "admin/learning_words.h"

#include "admin/text_table.h"
#include "admin/words.h"

namespace backoffd::admin {
namespace {

using json::Value;
using Kind = TextTable::Kind;

std::string state_in_words(const std::string& state, const Value& entry) {
  const Value& until = at(entry, {"paused_until"});
  const std::string end = until.string() ? " until " + *until.string() : "";
  if (state == "normal") return "nothing is held back";
  if (state == "reducing") return "asked more slowly than configured";
  if (state == "recovering") return "given back step by step what was taken";
  if (state == "paused") return "what is held back waits" + end;
  if (state == "exhausted") return "what is held back is refused" + end;
  return state == "unknown" ? "nothing is learned of it yet" : state;
}

std::string limit_in_words(const Value& entry) {
  const Value& effective = at(entry, {"effective_limit"});
  const Value& configured = at(entry, {"configured_limit"});
  if (!effective.is_number() && !configured.is_number()) return "none";
  std::string out = figure(effective, "/s");
  out += configured.is_number() ? ", configured " + figure(configured, "/s") : ", none is configured";
  if (const double reduction = number_of(at(entry, {"reduction_pct"})); reduction > 0) {
    out += ": " + figure(reduction, " %") + " taken off";
  }
  return out;
}

}  // namespace

Tone tone_of_state(std::string_view state) {
  if (state == "normal") return Tone::good;
  if (state == "paused" || state == "exhausted") return Tone::bad;
  return state == "unknown" ? Tone::faint : Tone::warning;
}

std::string learning_table(const Value& learning, const Terminal& terminal) {
  TextTable table({{"KEY", Kind::elastic},
                   {"STATUS"},
                   {"429s", Kind::number},
                   {"REDUCTION", Kind::number},
                   {"LIMIT", Kind::number},
                   {"CONFIGURED", Kind::number},
                   {"RECOVERY", Kind::number},
                   {"PAUSED UNTIL"}});
  const Value& providers = at(learning, {"providers"});
  for (const auto& [key, entry] : providers.object() ? *providers.object() : json::Object()) {
    const std::string status = text_of(at(entry, {"status"}));
    table.add({key,
               {status, tone_of_state(status)},
               figure(at(entry, {"consecutive_429s"})),
               figure(at(entry, {"reduction_pct"}), " %"),
               figure(at(entry, {"effective_limit"}), "/s"),
               figure(at(entry, {"configured_limit"}), "/s"),
               figure(at(entry, {"recovery_time_estimate"}), " s"),
               text_of(at(entry, {"paused_until"}))});
  }
  return table.empty() ? "Nothing is known of any provider yet.\n" : table.text(terminal);
}

std::string key_in_words(std::string_view key, const Value& entry, const Terminal& terminal) {
  const std::string status = text_of(at(entry, {"status"}));
  const auto number = [&](const char* name) -> const Value& { return at(entry, {name}); };
  TextTable table({{""}, {""}}, 2);
  table.add({"meaning", state_in_words(status, entry)});
  table.add({"limit", limit_in_words(entry)});
  if (number("max_concurrency").is_number()) table.add({"at once", count(number("max_concurrency"))});
  table.add({"now", count(number("in_flight")) + " in flight, " + count(number("queued")) + " queued"});
  if (const Value& change = at(entry, {"last_change"}); change.object()) {
    table.add({"last change", text_of(at(change, {"at"})) + ": " + text_of(at(change, {"reason"}))});
  }
  table.add({"evidence", counted(number("throttle_answers"), "refusal") + " to " +
                             counted(number("requests"), "request") + ", the last " +
                             count(number("consecutive_429s")) + " without a success between; retried " +
                             count(number("retries")) + " times"});
  if (number("recovery_time_estimate").is_number()) {
    table.add({"recovery", "about " + span(number("recovery_time_estimate")) + ", by the Retry-After it sent"});
  }
  if (number_of(number("hints_ignored")) > 0) {
    table.add({"ignored", counted(number("hints_ignored"), "hint") + " that made no sense"});
  }
  if (const Value& shadow = at(entry, {"shadow"}); shadow.object()) {
    table.add({"in shadow", "would be " + text_of(at(shadow, {"status"})) + " at " +
                                figure(at(shadow, {"effective_limit"}), "/s") + "; would have held " +
                                count(at(shadow, {"held"})) + " of " + counted(at(shadow, {"requests"}), "request") +
                                " and avoided " + counted(at(shadow, {"avoided"}), "refusal")});
    if (const Value& change = at(shadow, {"last_change"}); change.object()) {
      table.add({"", text_of(at(change, {"at"})) + ": " + text_of(at(change, {"reason"}))});
    }
  }
  return painted(printable(key), Tone::strong, terminal) + ": " +
         painted(printable(status), tone_of_state(status), terminal) + "\n" + table.text(terminal);
}

}  // namespace backoffd::admin
