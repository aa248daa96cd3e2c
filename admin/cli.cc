#include "admin/cli.h"

#include <algorithm>
#include <iterator>
#include <sstream>

#include "admin/cli_app.h"
#include "admin/cli_words.h"
#include "admin/config_keys.h"
#include "admin/reference.h"
#include "admin/units.h"

namespace backoffd::admin {
namespace {

// Shorter than what container engines give a health check by default.
constexpr policy::Duration kHealthPatience = std::chrono::seconds(2);

constexpr policy::Duration kInterval = std::chrono::seconds(2);  // of --watch

constexpr const char* kRunBehind = "what to run stands behind --, as in: backoffd exec -- curl -O https://host/file";

template <class Names>
std::size_t index_of(const Names& names, std::string_view name) {
  return static_cast<std::size_t>(std::find(std::begin(names), std::end(names), name) - std::begin(names));
}

json::Value list_of(const std::vector<std::string>& texts) { return json::Array(texts.begin(), texts.end()); }

// What cannot be, whatever is in force: nobody need be asked. `setting` is an object.
std::optional<policy::Error> fault_of(policy::GateId gate, const json::Value& setting) {
  json::Value whole = setting;
  if (!whole.find("mode")) whole["mode"] = "on";
  // What is not named lies with the proxy, and is no reason to refuse what is.
  if (!whole.find("slice")) whole["slice"] = "24h";
  if (!whole.find("washout")) whole["washout"] = "0s";
  Problems problems;
  policy::GateSetting unused;
  GateType(gate).read(unused, Place{whole, "", problems});
  if (problems.empty()) return std::nullopt;
  std::string text;
  for (const policy::Error& problem : problems) text += (text.empty() ? "--" : "; --") + problem.text();
  return policy::Error{"", text};
}

// What the flags of `gate` say, as POST /gates/{name} takes it.
policy::Result<GateOrder> gate_order(const Flags& flags) {
  GateOrder order;
  order.gate = policy::parse_gate(flags.gate);
  json::Value setting{json::Object()};
  if (flags.percentage) setting["percentage"] = *flags.percentage;
  if (!flags.unit.empty()) setting["unit"] = flags.unit;
  if (!flags.providers.empty()) setting["providers"] = list_of(flags.providers);
  if (!flags.guard.empty()) setting["guard"] = flags.guard;
  if (!flags.ramp.empty()) setting["ramp"] = json::Array(flags.ramp.begin(), flags.ramp.end());
  if (!flags.step.empty()) setting["step"] = flags.step;
  if (!flags.slice.empty()) setting["slice"] = flags.slice;
  if (!flags.washout.empty()) setting["washout"] = flags.washout;
  const bool says_more = !setting.object()->empty();
  if (flags.mode.empty() && !says_more) {
    if (flags.replace) return policy::Error{"--replace", "expected the setting that is to be"};
    return order;
  }
  if (flags.watch) return policy::Error{"--watch", "there is nothing to watch in a flip"};
  if (flags.mode == kTakeBack) {
    if (says_more || flags.replace) return policy::Error{"MODE", "reset takes a flip back, and no further settings"};
    setting = json::Value();
  } else if (!flags.mode.empty()) {
    setting["mode"] = flags.mode;
  } else if (flags.replace && flags.ramp.empty()) {
    return policy::Error{"MODE", "expected on, off or shadow, as --replace takes nothing from what is in force"};
  }
  if (setting.object()) {
    if (auto fault = fault_of(*order.gate, setting)) return *std::move(fault);
  }
  order.replace = flags.replace || flags.mode == kTakeBack;
  order.setting = std::move(setting);
  return order;
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
    // CLI11 lists these from the last to the first.
    if (dynamic_cast<const CLI::ExtrasError*>(&stop) != nullptr) {
      std::string all;
      for (const std::string& one : cli.app.remaining(true)) all += " " + one;
      return policy::Error{"", "not expected:" + all};
    }
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
  command.patience = kCallPatience;
  if (!flags.timeout.empty()) command.patience = *parse_duration(flags.timeout);
  if (flags.watch) command.watch = flags.interval.empty() ? kInterval : *parse_duration(flags.interval);
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
  } else if (cli.completion->parsed()) {
    command.kind = Command::Kind::message;
    command.message = completion_script(static_cast<Shell>(index_of(kShellNames, flags.shell)), command_words(cli.app));
  } else if (cli.status->parsed()) {
    command.kind = Command::Kind::status;
  } else if (cli.gate->parsed()) {
    auto order = gate_order(flags);
    if (!order) return order.error();
    command.kind = Command::Kind::gate;
    command.gate = std::move(*order);
  } else if (cli.compare->parsed()) {
    command.kind = Command::Kind::compare;
    command.window = static_cast<policy::FigureWindow>(index_of(policy::kFigureWindowNames, flags.window));
    command.gate.gate = policy::parse_gate(flags.gate);
  } else if (cli.learning->parsed() || flags.status) {
    command.kind = Command::Kind::learning;
    command.learning = {flags.key, cli.reset->parsed()};
    if (flags.watch && command.learning.reset) return policy::Error{"--watch", "there is nothing to watch in a reset"};
  } else if (cli.drain->parsed()) {
    command.kind = Command::Kind::drain;
    command.wait = flags.wait;
  } else if (cli.health->parsed()) {
    command.kind = Command::Kind::health;
    if (flags.timeout.empty()) command.patience = kHealthPatience;
  } else if (flags.check || cli.check->parsed()) {
    command.kind = Command::Kind::check;
  }
  command.output = flags.output == "json" ? Output::json : Output::table;
  command.config_file = flags.config;
  auto assignments = assignments_of(flags);
  if (!assignments) return assignments.error();
  command.assignments = std::move(*assignments);
  return command;
}

bool is_wrong_use(const Command& command, const Problems& problems) {
  const auto was_said = [&](const policy::Error& problem) {
    return std::any_of(command.assignments.begin(), command.assignments.end(),
                       [&](const Assignment& one) { return is_below(problem.where, one.source); });
  };
  return !problems.empty() && std::all_of(problems.begin(), problems.end(), was_said);
}

}  // namespace backoffd::admin
