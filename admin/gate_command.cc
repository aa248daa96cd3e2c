#include "admin/gate_command.h"

#include "admin/gate_words.h"

#include <algorithm>
#include <string_view>

#include "admin/words.h"

namespace backoffd::admin {
namespace {

using json::Value;

void erase(Value& object, std::string_view member) {
  std::erase_if(*object.object(), [&](const json::Member& one) { return one.first == member; });
}

bool has_ramp(const Value& setting) {
  const Value* ramp = setting.find("ramp");
  return ramp && ramp->array() && !ramp->array()->empty();
}

// A guard that is to act and cannot.
std::string warning_of(const std::string& about, const Value& gate) {
  const bool acts = text_of(at(gate, {"effective", "guard"})) == "enforce";
  if (!acts || !is_true(at(gate, {"guard", "blind"}))) return "";
  return about + ": at 100 % there is no control arm to compare with, so its guard will never take it back";
}

}  // namespace

Value changed_setting(const Value& effective, const Value& named) {
  if (!named.object()) return named;
  Value out = effective;
  if (named.find("percentage")) {
    erase(out, "ramp");
    erase(out, "step");
  } else if (has_ramp(effective) || has_ramp(named)) {
    erase(out, "percentage");
  }
  for (const auto& [member, value] : *named.object()) out[member] = value;
  if (named.find("ramp") && !named.find("mode")) out["mode"] = "on";
  return out;
}

CommandResult gate_command(const AdminClient& client, const GateOrder& order, Output output, const Terminal& terminal) {
  const std::string name(order.gate ? policy::name(*order.gate) : "");
  const std::string path = name.empty() ? "/gates" : "/gates/" + name;
  const std::string about = name.empty() ? "gates" : "gate " + name;
  Reply reply;
  if (!order.setting || !order.replace) reply = client.get(path, about);
  if (reply && order.setting) {
    const Value& effective = at(reply.json, {"effective"});
    reply = client.post(path, json::write(order.replace ? *order.setting : changed_setting(effective, *order.setting)),
                        about);
  }
  if (!reply) return std::move(reply.failure);
  CommandResult result;
  if (order.setting) result.complaint = warning_of(about, reply.json);
  if (output == Output::json) {
    result.out = std::move(reply.text);
  } else if (name.empty()) {
    result.out = gates_table(reply.json, terminal);
  } else {
    result.out = gate_in_words(name, reply.json, terminal);
    if (order.setting && !order.setting->is_null())
      result.out += "This holds from the next request on, until the proxy is restarted.\n";
  }
  return result;
}

}  // namespace backoffd::admin
