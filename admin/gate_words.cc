#include "admin/gate_words.h"

#include <algorithm>

#include "admin/text_table.h"
#include "admin/words.h"

namespace backoffd::admin {
namespace {

using json::Value;
using Kind = TextTable::Kind;

constexpr std::size_t kMostActs = 5;  // that are told

Tone tone_of_mode(std::string_view mode) {
  if (mode == "on") return Tone::good;
  return mode == "shadow" ? Tone::warning : Tone::faint;
}

std::string list_of(const Value& list, const char* separator, std::string_view unit = "") {
  std::string out;
  for (const Value& one : list.array() ? *list.array() : json::Array()) {
    out += (out.empty() ? "" : separator) + (one.string() ? *one.string() : figure(one, unit));
  }
  return out;
}

std::string units_of(const Value& unit) {
  const std::string name = text_of(unit);
  if (name == "slice") return "slices of time";
  return name + "s";
}

bool is_off(const Value& setting) { return text_of(at(setting, {"mode"})) == "off"; }

// The last thing that happened to it; null: nothing did.
const Value& last_act(const Value& gate) {
  static const Value none;
  const json::Array* acts = at(gate, {"guard", "acts"}).array();
  return acts && !acts->empty() ? acts->back() : none;
}

std::string act_in_words(const Value& act) {
  std::string what = text_of(at(act, {"act"}));
  std::replace(what.begin(), what.end(), '_', ' ');
  return what + " by " + text_of(at(act, {"by"})) + " at " + text_of(at(act, {"at"})) + ": " +
         text_of(at(act, {"why"}));
}

// REQUIRES: the gate has a ramp.
std::string next_stage_in_words(const Value& gate) {
  const Value& setting = at(gate, {"effective"});
  const Value& next = at(gate, {"guard", "next_stage_at"});
  const Value& held = at(gate, {"guard", "held_by"});
  if (held.string()) return "held: " + *held.string();
  if (next.string()) return "at " + *next.string() + ", where nothing speaks against it";
  if (is_off(setting)) return "never: the gate is off";
  const Value& last = at(setting, {"ramp"}).array()->back();
  return number_of(at(setting, {"percentage"})) >= number_of(last) ? "none: the ramp is at its end" : "now";
}

}  // namespace

Tone tone_of_verdict(std::string_view verdict) {
  if (verdict == "keep") return Tone::good;
  if (verdict == "rollback") return Tone::bad;
  return verdict == "observe" ? Tone::warning : Tone::faint;
}

std::string setting_in_words(const Value& setting) {
  if (is_off(setting)) return "off";
  const Value& percentage = at(setting, {"percentage"});
  const std::string share =
      percentage.is_number() ? figure(percentage, " %") : "a ramp of " + list_of(at(setting, {"ramp"}), ", ", " %");
  std::string out = text_of(at(setting, {"mode"})) + " for " + share + " of " + units_of(at(setting, {"unit"}));
  const std::string providers = list_of(at(setting, {"providers"}), ", ");
  return providers.empty() ? out : out + " to " + providers;
}

std::string gates_table(const Value& root, const Terminal& terminal) {
  TextTable table({{"GATE"},
                   {"MODE"},
                   {"SHARE", Kind::number},
                   {"GUARD"},
                   {"VERDICT"},
                   {"SET BY"},
                   {"LAST CHANGE", Kind::elastic}});
  const Value& gates = at(root, {"gates"});
  for (const auto& [name, gate] : gates.object() ? *gates.object() : json::Object()) {
    const Value& setting = at(gate, {"effective"});
    const std::string mode = text_of(at(setting, {"mode"}));
    const bool off = is_off(setting);
    const std::string verdict = off ? "-" : text_of(at(gate, {"verdict"}));
    const bool rolled_back = is_true(at(gate, {"guard", "rolled_back"}));
    const Value& act = last_act(gate);
    table.add({{name, Tone::strong},
               {mode, tone_of_mode(mode)},
               off ? "-" : figure(at(setting, {"percentage"}), " %"),
               text_of(at(setting, {"guard"})),
               {rolled_back ? "rolled back" : verdict, rolled_back ? Tone::bad : tone_of_verdict(verdict)},
               text_of(at(gate, {"layer"})),
               text_of(at(act, {"at"}))});
  }
  return table.text(terminal);
}

std::string gate_in_words(std::string_view name, const Value& gate, const Terminal& terminal) {
  const Value& setting = at(gate, {"effective"});
  std::string out =
      painted(printable(name), Tone::strong, terminal) + ": " +
      painted(printable(setting_in_words(setting)), tone_of_mode(text_of(at(setting, {"mode"}))), terminal);
  if (is_true(at(gate, {"guard", "rolled_back"}))) out += ", " + painted("rolled back", Tone::bad, terminal);
  out += "\n";
  TextTable table({{""}, {""}}, 2);
  table.add({"set by", text_of(at(gate, {"layer"}))});
  if (is_true(at(gate, {"guard", "rolled_back"}))) {
    table.add({"stays off", "until it is flipped or configured anew; with a state_dir over a restart, too"});
  }
  const std::string verdict = text_of(at(gate, {"verdict"}));
  if (!is_off(setting)) table.add({"verdict", {verdict, tone_of_verdict(verdict)}});
  const bool blind = is_true(at(gate, {"guard", "blind"}));
  table.add(
      {"guard", text_of(at(setting, {"guard"})) + (blind ? "; at 100 % there is no control to compare with" : "")});
  if (const std::string ramp = list_of(at(setting, {"ramp"}), ", ", " %"); !ramp.empty()) {
    table.add({"ramp", ramp + ", " + text_of(at(setting, {"step"})) + " at each"});
    table.add({"next", next_stage_in_words(gate)});
  }
  if (text_of(at(setting, {"unit"})) == "slice") {
    table.add({"slices", text_of(at(setting, {"slice"})) + ", the first " + text_of(at(setting, {"washout"})) +
                             " of each not compared"});
  }
  std::string layers;
  const Value& all = at(gate, {"layers"});
  for (const auto& [layer, said] : all.object() ? *all.object() : json::Object()) {
    layers += (layers.empty() ? "" : "; ") + layer + ": " + setting_in_words(said);
  }
  table.add({"layers", layers});
  const json::Array* acts = at(gate, {"guard", "acts"}).array();
  for (std::size_t i = 0; acts && i < std::min(acts->size(), kMostActs); ++i) {
    table.add({i == 0 ? "last change" : "before", act_in_words((*acts)[acts->size() - 1 - i])});
  }
  return out + table.text(terminal);
}

}  // namespace backoffd::admin
