#include "admin/cli.h"

#include <algorithm>
#include <iterator>

#include "admin/cli_flags.h"
#include "admin/config_keys.h"
#include "admin/reference.h"
#include "admin/version.h"

namespace backoffd::admin {
namespace {

constexpr const char* kAbout =
    "backoffd: an HTTP forward proxy that retries, resumes and keeps to each provider's limits.\n";

constexpr const char* kFooter =
    "\nEnvironment (weaker than flags, stronger than the file):\n"
    "  BACKOFFD_ENABLE_CONTEXTUAL_RETRY, BACKOFFD_ENABLE_PROVIDER_LEARNING   1, true, yes, on or 0, false, no, off\n"
    "  BACKOFFD_PROVIDER_LEARNING_PATH                                       file of learned state\n"
    "  The same three are read with the prefix DOCSTOKG_.\n"
    "  http_proxy, https_proxy, all_proxy, no_proxy    with upstream_proxy \"environment\", and under exec\n"
    "  SSL_CERT_FILE                                   the system's roots: upstream, and in the bundle for clients\n"
    "  XDG_STATE_HOME                                  exec: folder of learned state, where nobody names one\n"
    "  XDG_RUNTIME_DIR, TMPDIR                         exec: where the bundle for the command lies\n"
    "\nExamples:\n"
    "  backoffd exec -- curl -O https://host/file   one command, retried and resumed\n"
    "  backoffd --config backoffd.json              run\n"
    "  backoffd --config backoffd.json --check      tell what is wrong with it\n"
    "  eval \"$(backoffd env)\"                      point this shell's tools at the one that runs\n"
    "  backoffd gate contextual-retry on --percentage 10\n"
    "  backoffd --provider-learning-status --output json\n";

CLI::App* add_gate_command(CLI::App& app, Flags& flags) {
  CLI::App* gate = app.add_subcommand("gate", "flip a gate of the running proxy, without a restart");
  gate->footer("");
  gate->fallthrough();  // --admin and --config may stand behind it
  const std::vector<std::string> names(policy::kGateNames.begin(), policy::kGateNames.end());
  const std::vector<std::string> modes(policy::kGateModeNames.begin(), policy::kGateModeNames.end());
  gate->add_option("NAME", flags.gate, "contextual-retry or provider-learning")
      ->type_name("")
      ->required()
      ->check(CLI::IsMember(names).description(""));
  gate->add_option("MODE", flags.mode, "on, off, or shadow (computed and reported only)")
      ->type_name("")
      ->required()
      ->check(CLI::IsMember(modes).description(""));
  gate->add_option("--percentage", flags.percentage, "share that is treated (100)")
      ->type_name("0..100")
      ->check(CLI::Range(0.0, 100.0).description(""));
  gate->set_help_flag("--help", "this text");
  return gate;
}

CLI::App* add_exec_command(CLI::App& app, Flags& flags) {
  CLI::App* exec = app.add_subcommand("exec", "run a command whose http and https go through a proxy of its own");
  exec->footer(
      "\n  backoffd exec [FLAGS] -- COMMAND [ARGUMENTS]\n"
      "\nAll flags of backoffd are taken, too. Without others: a CA in memory, all of https intercepted, no admin\n"
      "interface, no access log, no destination refused, the parent proxy that the environment names.\n");
  exec->fallthrough();
  exec->add_flag("--quiet", flags.quiet, "no summary at the end");
  exec->set_help_flag("--help", "this text");
  return exec;
}

CLI::App* add_env_command(CLI::App& app, Flags& flags) {
  CLI::App* env = app.add_subcommand("env", "print the variables that point tools at the running proxy and its CA");
  env->footer("\n  eval \"$(backoffd env)\"\n  backoffd env --format fish | source\n");
  env->fallthrough();
  const std::vector<std::string> formats(std::begin(kEnvFormatNames), std::end(kEnvFormatNames));
  env->add_option("--format", flags.env_format, "for eval, for a file, or for a program")
      ->type_name("sh|fish|dotenv|json")
      ->check(CLI::IsMember(formats).description(""));
  env->set_help_flag("--help", "this text");
  return env;
}

CLI::App* add_ca_command(CLI::App& app, Flags& flags) {
  CLI::App* ca = app.add_subcommand("ca", "the CA of intercepted hosts: show, path, rotate or bundle");
  ca->footer("");
  ca->fallthrough();
  const std::vector<std::string> actions(kCaActionNames.begin(), kCaActionNames.end());
  ca->add_option("ACTION", flags.ca_action,
                 "show, path (of its certificate), rotate (a new one), bundle (the system's roots and ours)")
      ->type_name("")
      ->required()
      ->check(CLI::IsMember(actions).description(""));
  ca->set_help_flag("--help", "this text");
  return ca;
}

constexpr const char* kRunBehind = "what to run stands behind --, as in: backoffd exec -- curl -O https://host/file";

template <class Names>
std::size_t index_of(const Names& names, std::string_view name) {
  return static_cast<std::size_t>(std::find(std::begin(names), std::end(names), name) - std::begin(names));
}

}  // namespace

policy::Result<Command> parse_command_line(std::vector<std::string> arguments) {
  CLI::App app(kAbout, "backoffd");
  app.footer(kFooter);
  app.get_formatter()->column_width(38);
  Flags flags;
  add_flags(app, flags);
  const CLI::App* exec = add_exec_command(app, flags);
  const CLI::App* env = add_env_command(app, flags);
  const CLI::App* ca = add_ca_command(app, flags);
  const CLI::App* gate = add_gate_command(app, flags);

  Command command;
  // What stands behind -- is the program's, whatever it looks like.
  const auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  const bool has_program = dashes != arguments.end();
  if (has_program) command.program.assign(dashes + 1, arguments.end());
  arguments.erase(dashes, arguments.end());
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes a vector from its end
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& stop) {
    std::ostringstream out, err;
    const bool no_dashes = exec->parsed() && !has_program && dynamic_cast<const CLI::ExtrasError*>(&stop) != nullptr;
    if (no_dashes) return policy::Error{"exec", kRunBehind};
    if (app.exit(stop, out, err) != 0) return policy::Error{"", stop.what()};
    command.kind = Command::Kind::message;
    command.message = out.str();
    return command;
  }

  if (flags.help_keys) {
    command.kind = Command::Kind::message;
    command.message = reference_text(key_rows());
    return command;
  }
  if (has_program && !exec->parsed()) return policy::Error{"--", "only exec runs a command"};
  if (exec->parsed()) {
    command.kind = Command::Kind::exec;
    command.quiet = flags.quiet;
    if (command.program.empty()) return policy::Error{"exec", kRunBehind};
  } else if (env->parsed()) {
    command.kind = Command::Kind::env;
    command.env_format = static_cast<EnvFormat>(index_of(kEnvFormatNames, flags.env_format));
  } else if (ca->parsed()) {
    command.kind = Command::Kind::ca;
    command.ca_action = static_cast<CaAction>(index_of(kCaActionNames, flags.ca_action));
  } else if (gate->parsed()) {
    command.kind = Command::Kind::gate;
    command.gate = *policy::parse_gate(flags.gate);
    command.mode = *policy::parse_gate_mode(flags.mode);
    command.percentage = flags.percentage;
  } else if (flags.status) {
    command.kind = Command::Kind::learning_status;
  } else if (flags.check) {
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
