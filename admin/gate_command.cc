#include "admin/gate_command.h"

#include "admin/gate_words.h"

namespace backoffd::admin {

CommandResult gate_command(const AdminClient& client, const GateOrder& order, Output output, const Terminal& terminal) {
  const std::string name(order.gate ? policy::name(*order.gate) : "");
  const std::string path = name.empty() ? "/gates" : "/gates/" + name;
  const std::string about = name.empty() ? "gates" : "gate " + name;
  Reply reply = order.setting ? client.post(path, json::write(*order.setting), about) : client.get(path, about);
  if (!reply) return std::move(reply.failure);
  CommandResult result;
  if (output == Output::json) {
    result.out = std::move(reply.text);
  } else if (name.empty()) {
    result.out = gates_table(reply.json, terminal);
  } else {
    result.out = gate_in_words(name, reply.json, terminal);
    if (order.setting) result.out += "This holds from the next request on, until the proxy is restarted.\n";
  }
  return result;
}

}  // namespace backoffd::admin
