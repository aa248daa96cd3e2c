#include "admin/cli.h"

#include <algorithm>
#include <iterator>

#include "admin/cli_app.h"
#include "admin/config_keys.h"
#include "admin/reference.h"
#include "admin/units.h"

namespace backoffd::admin {
namespace {

// Shorter than what container engines give a health check by default.
constexpr policy::Duration kHealthPatience = std::chrono::seconds(2);

constexpr const char* kRunBehind = "what to run stands behind --, as in: backoffd exec -- curl -O https://host/file";

template <class Names>
std::size_t index_of(const Names& names, std::string_view name) {
  return static_cast<std::size_t>(std::find(std::begin(names), std::end(names), name) - std::begin(names));
}

}  // namespace

policy::Result<Command> parse_command_line(std::vector<std::string> arguments) {
  CliApp cli;
  const Flags& flags = cli.flags;
  Command command;
  // What stands behind -- is the program's, whatever it looks like.
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  const bool has_program = dashes != arguments.end();
  if (has_program) command.program.assign(dashes + 1, arguments.end());
  arguments.erase(dashes, arguments.end());
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes a vector from its end
  try {
    cli.app.parse(arguments);
  } catch (const CLI::ParseError& stop) {
    std::ostringstream out, err;
    const bool no_dashes =
        cli.exec->parsed() && !has_program && dynamic_cast<const CLI::ExtrasError*>(&stop) != nullptr;
    if (no_dashes) return policy::Error{"exec", kRunBehind};
    if (cli.app.exit(stop, out, err) != 0) return policy::Error{"", stop.what()};
    command.kind = Command::Kind::message;
    command.message = out.str();
    return command;
  }

  if (flags.help_keys) {
    command.kind = Command::Kind::message;
    command.message = reference_text(key_rows());
    return command;
  }
  if (has_program && !cli.exec->parsed()) return policy::Error{"--", "only exec runs a command"};
  if (cli.exec->parsed()) {
    command.kind = Command::Kind::exec;
    command.quiet = flags.quiet;
    if (command.program.empty()) return policy::Error{"exec", kRunBehind};
  } else if (cli.env->parsed()) {
    command.kind = Command::Kind::env;
    command.env_format = static_cast<EnvFormat>(index_of(kEnvFormatNames, flags.env_format));
  } else if (cli.ca->parsed()) {
    command.kind = Command::Kind::ca;
    command.ca_action = static_cast<CaAction>(index_of(kCaActionNames, flags.ca_action));
  } else if (cli.gate->parsed()) {
    command.kind = Command::Kind::gate;
    command.gate = *policy::parse_gate(flags.gate);
    command.mode = *policy::parse_gate_mode(flags.mode);
    command.percentage = flags.percentage;
  } else if (flags.status) {
    command.kind = Command::Kind::learning_status;
  } else if (cli.health->parsed()) {
    command.kind = Command::Kind::health;
    command.patience = flags.timeout.empty() ? kHealthPatience : *parse_duration(flags.timeout);
  } else if (flags.check || cli.check->parsed()) {
    command.kind = Command::Kind::check;
  }
  command.output = flags.output == "json" ? Command::Output::json : Command::Output::table;
  command.config_file = flags.config;
  auto assignments = assignments_of(flags);
  if (!assignments) return assignments.error();
  command.assignments = std::move(*assignments);
  return command;
}

}  // namespace backoffd::admin
