#include "admin/compare_command.h"

#include <array>
#include <cstdio>

#include "admin/gate_words.h"
#include "admin/text_table.h"
#include "admin/words.h"

namespace backoffd::admin {
namespace {

using json::Value;
using Kind = TextTable::Kind;

std::string with_sign(double number, const char* unit) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%+.2f%s", 100 * number, unit);
  return text.data();
}

std::string title_of(std::string_view figure) {
  if (figure == "success_rate") return "success rate";
  if (figure == "throttled_share") return "throttled";
  if (figure == "latency") return "latency, geometric mean";
  if (figure == "latency_p95") return "latency, 95th percentile";
  return std::string(figure);
}

// What is compared, with what the difference may be. Shares differ by points, latencies by a part.
std::string effects_table(const Value& comparison, const Terminal& terminal) {
  TextTable table({{"COMPARED", Kind::elastic},
                   {"CONTROL", Kind::number},
                   {"TREATMENT", Kind::number},
                   {"DIFFERENCE", Kind::number},
                   {"AT LEAST", Kind::number},
                   {"AT MOST", Kind::number}});
  const Value& effects = at(comparison, {"effects"});
  for (const auto& [name, effect] : effects.object() ? *effects.object() : json::Object()) {
    const bool latency = name.starts_with("latency");
    const auto of_arm = [&](const Value& value) { return latency ? span(value) : share(value); };
    const auto change = [&](const Value& value) {
      return value.is_number() ? with_sign(value.number(), latency ? " %" : " pt") : std::string("any");
    };
    table.add({title_of(name), of_arm(at(effect, {"control"})), of_arm(at(effect, {"treatment"})),
               change(at(effect, {"difference"})), change(at(effect, {"low"})), change(at(effect, {"high"}))});
  }
  if (table.empty()) return {};
  const double sure = 100 * (1 - number_of(at(comparison, {"alpha"})));
  return table.text(terminal) + "With " + figure(sure, " %") + " confidence at every look.\n\n";
}

std::string arms_table(const Value& comparison, policy::FigureWindow window, const Terminal& terminal) {
  constexpr std::array<const char*, policy::kFigureWindowNames.size()> kTitles = {"LAST 5 MIN", "LAST HOUR",
                                                                                  "SINCE THE FLIP"};
  const char* const title_of_all = kTitles[static_cast<std::size_t>(window)];
  TextTable table({{title_of_all, Kind::elastic}, {"CONTROL", Kind::number}, {"TREATMENT", Kind::number}});
  const Value& arms = at(comparison, {"windows", name(window)});
  const auto both = [&](const char* title, auto show) {
    table.add({title, show(at(arms, {"control"})), show(at(arms, {"treatment"}))});
  };
  const auto member = [&](const char* title, const char* name, auto show) {
    both(title, [&](const Value& arm) { return show(at(arm, {name})); });
  };
  // Of no exchange there is nothing that a mean could be of.
  const auto of_some = [&](const char* title, const char* name, auto show) {
    both(title, [&](const Value& arm) { return number_of(at(arm, {"exchanges"})) > 0 ? show(at(arm, {name})) : "-"; });
  };
  const auto quantiles = [](const char* of) {
    return [of](const Value& arm) -> std::string {
      if (number_of(at(arm, {"exchanges"})) == 0) return "-";
      const auto one = [&](const char* which) { return span(at(arm, {of, which})); };
      return one("p50") + " / " + one("p95") + " / " + one("p99");
    };
  };
  const auto plain = [](const Value& value) { return figure(value); };
  const auto seconds = [](const Value& value) { return span(value); };
  member("exchanges", "exchanges", count);
  member("successes", "successes", count);
  member("clients that left", "clients_left", count);
  of_some("attempts per exchange", "attempts_per_exchange", plain);
  member("429s received", "throttle_answers_received", count);
  member("429s given", "429_given", count);
  member("timeouts", "timeouts", count);
  member("broken bodies", "broken_bodies", count);
  member("resumed bodies", "resumed_bodies", count);
  of_some("wait in the queue, mean", "queue_wait_mean", seconds);
  both("to the head, p50 / p95 / p99", quantiles("seconds_to_head"));
  both("to the end, p50 / p95 / p99", quantiles("seconds_to_end"));
  member("bytes", "bytes", bytes_in_words);
  return table.text(terminal);
}

std::string in_words(const std::string& name, const Value& comparison, policy::FigureWindow window,
                     const Terminal& terminal) {
  const std::string verdict = text_of(at(comparison, {"verdict"}));
  const Value& setting = at(comparison, {"setting"});
  std::string out = painted(name, Tone::strong, terminal) + ": " +
                    painted(printable(verdict), tone_of_verdict(verdict), terminal) + "\n";
  const Value& evidence = at(comparison, {"evidence"});
  for (const Value& sentence : evidence.array() ? *evidence.array() : json::Array()) {
    out += "  - " + printable(text_of(sentence)) + "\n";
  }
  if (text_of(at(setting, {"mode"})) != "off") {
    out += "It is " + printable(setting_in_words(setting)) + ", since " +
           printable(text_of(at(comparison, {"since"}))) + ".\n";
  }
  out += "\n" + effects_table(comparison, terminal) + arms_table(comparison, window, terminal);
  const Value& overridden = at(comparison, {"overridden"});
  const Value& washed_out = at(comparison, {"washed_out"});
  const Value& late = at(comparison, {"late"});
  if (number_of(overridden) + number_of(washed_out) + number_of(late) > 0) {
    out += "Not compared: " + count(overridden) + " that chose their arm themselves, " + count(washed_out) +
           " in the washout of a slice, " + count(late) + " that ended long after their slice.\n";
  }
  return out;
}

}  // namespace

CommandResult compare_command(const AdminClient& client, policy::GateId gate, policy::FigureWindow window,
                              Output output, const Terminal& terminal) {
  const std::string name(policy::name(gate));
  Reply reply = client.get("/gates/" + name + "/comparison", "gate " + name);
  if (!reply) return std::move(reply.failure);
  return {.exit_code = kExitOk,
          .out = output == Output::json ? std::move(reply.text) : in_words(name, reply.json, window, terminal),
          .complaint = {}};
}

}  // namespace backoffd::admin
