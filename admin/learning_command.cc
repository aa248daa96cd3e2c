#include "admin/learning_command.h"

#include <cerrno>
#include <cstring>

#include "admin/file.h"
#include "admin/learning_file.h"
#include "admin/learning_status.h"
#include "admin/learning_words.h"
#include "admin/registrable_label.h"
#include "admin/units.h"
#include "admin/words.h"
#include "policy/engine.h"
#include "proxy/net/loop.h"

namespace backoffd::admin {
namespace {

using json::Value;
using proxy::Loop;

// `text`: the JSON as it is to be shown.
CommandResult show(const Value& learning, std::string text, const LearningOrder& order, Output output,
                   const Terminal& terminal) {
  CommandResult result;
  if (order.key.empty()) {
    result.out = output == Output::json ? std::move(text) : learning_table(learning, terminal);
    return result;
  }
  const Value& entry = at(learning, {"providers", order.key});
  if (entry.is_null()) return failed(json::write(order.key) + ": nothing is known of this provider@host");
  result.out = output == Output::json ? json::write(entry, json::Layout::indented) + "\n"
                                      : key_in_words(order.key, entry, terminal);
  return result;
}

}  // namespace

CommandResult learning_command(const AdminClient& client, const LearningOrder& order, Output output,
                               const Terminal& terminal) {
  if (order.reset) {
    Reply reply = client.post("/learning/" + percent_encoded(order.key) + "/reset", "{}", json::write(order.key));
    if (!reply) return std::move(reply.failure);
    return {.exit_code = kExitOk,
            .out = output == Output::json ? std::move(reply.text)
                                          : "What was learned of " + printable(order.key) + " is forgotten.\n",
            .complaint = {}};
  }
  Reply reply = client.get("/learning", "learning");
  if (!reply) return std::move(reply.failure);
  return show(reply.json, std::move(reply.text), order, output, terminal);
}

// The engine itself reads the file, so that age counts as it would at a start.
CommandResult learning_of_file(const LearningOrder& order, Output output, const Config& config, const std::string& why,
                               const Terminal& terminal) {
  const std::string path = learning_path(config);
  const auto no_use = [&](const std::string& reason) { return failed(why + "; and " + reason, kExitNoProxy); };
  if (path.empty()) return no_use("there is no file of learned state in the configuration to read instead");
  const auto text = read_file(path, 32 << 20);
  if (!text) return no_use(path + ": " + std::strerror(errno));
  const auto file = parse_learned(*text);
  if (!file) return no_use(path + ": " + file.error().text());
  if (file->newer()) return no_use(path + " is of a newer version");
  policy::Engine engine(config.policy, registrable_label);
  const auto now = Loop::now();
  const auto wall = Loop::wall_now();
  const auto age = std::max(policy::Duration::zero(), policy::Duration(wall - file->saved));
  engine.restore(file->keys, age, now);
  const Value learning = learning_json(engine.status(now), now, wall);
  CommandResult result = show(learning, json::write(learning, json::Layout::indented) + "\n", order, output, terminal);
  if (result.exit_code != kExitOk) return result;
  const std::string rounded = format_duration(std::chrono::duration_cast<std::chrono::seconds>(age));
  result.complaint = why + "; this is from " + path + ", saved " + rounded + " ago";
  return result;
}

}  // namespace backoffd::admin
