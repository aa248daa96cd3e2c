#include "admin/client_commands.h"

#include <cerrno>
#include <cstring>

#include "admin/address.h"
#include "admin/client.h"
#include "admin/file.h"
#include "admin/learning_file.h"
#include "admin/learning_status.h"
#include "admin/registrable_label.h"
#include "admin/units.h"
#include "policy/engine.h"
#include "proxy/net/loop.h"

namespace backoffd::admin {
namespace {

using proxy::Loop;

policy::Result<Answer> ask(const Config& config, Call what) {
  if (config.admin.listen == "off") return policy::Error{"admin.listen", "off: there is nobody to ask"};
  what.admin = *parse_listen(config.admin.listen);
  return call(what);
}

std::string show(const json::Value& learning, Command::Output output) {
  return output == Command::Output::json ? json::write(learning, json::Layout::indented) + "\n"
                                         : learning_table(learning);
}

// The engine itself reads the file, so that age counts as it would at a start.
CommandResult status_of_file(const std::string& path, Command::Output output, const Config& config,
                             const std::string& why) {
  if (path.empty()) return failed(why + "; and there is no file of learned state in the configuration to read instead");
  const auto text = read_file(path, 32 << 20);
  if (!text) return failed(why + "; and " + path + ": " + std::strerror(errno));
  const auto file = parse_learned(*text);
  if (!file) return failed(why + "; and " + path + ": " + file.error().text());
  if (file->newer()) return failed(why + "; and " + path + " is of a newer version");
  policy::Engine engine(config.policy, registrable_label);
  const auto now = Loop::now();
  const auto wall = Loop::wall_now();
  const auto age = std::max(policy::Duration::zero(), policy::Duration(wall - file->saved));
  engine.restore(file->keys, age, now);
  const std::string rounded = format_duration(std::chrono::duration_cast<std::chrono::seconds>(age));
  return {.exit_code = 0,
          .out = show(learning_json(engine.status(now), now, wall), output),
          .complaint = why + "; this is from " + path + ", saved " + rounded + " ago"};
}

}  // namespace

CommandResult flip_gate(const Command& command, const Config& config, const std::string& token) {
  json::Value body;
  body["mode"] = name(command.mode);
  if (command.percentage) body["percentage"] = *command.percentage;
  const std::string gate(name(command.gate));
  const auto answer = ask(config, {.admin = {},
                                   .method = "POST",
                                   .path = "/gates/" + gate,
                                   .body = json::write(body),
                                   .token = token,
                                   .patience = kCallPatience,
                                   .cancel = -1});
  if (!answer) return failed(answer.error().text());
  if (answer->status != 200) return failed(message_of(*answer));
  return {.exit_code = 0,
          .out = gate + " is " + std::string(name(command.mode)) + " until the proxy is restarted\n",
          .complaint = {}};
}

CommandResult learning_status(const Command& command, const Config& config, const std::string& token) {
  const auto answer = ask(config, {.admin = {},
                                   .method = "GET",
                                   .path = "/learning",
                                   .body = {},
                                   .token = token,
                                   .patience = kCallPatience,
                                   .cancel = -1});
  if (!answer) return status_of_file(learning_path(config), command.output, config, answer.error().text());
  if (answer->status != 200) return failed(message_of(*answer));
  const auto learning = json::parse(answer->body, json::Dialect::strict, {.bytes = 64 << 20, .depth = 16});
  if (!learning) return failed("the answer is no JSON: " + learning.error().text());
  return {.exit_code = 0, .out = show(learning->root, command.output), .complaint = {}};
}

}  // namespace backoffd::admin
