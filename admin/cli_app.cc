#include "admin/cli_app.h"

#include <string_view>

#include "admin/ca_action.h"
#include "admin/tool_environment.h"
#include "admin/units.h"
#include "policy/gate.h"

namespace backoffd::admin {
namespace {

constexpr const char* kAbout =
    "backoffd: an HTTP forward proxy that retries, resumes and keeps to each provider's limits.\n";

constexpr const char* kFooter =
    "\nEnvironment (weaker than flags, stronger than the file):\n"
    "  BACKOFFD_CONFIG, BACKOFFD_ADMIN, BACKOFFD_ADMIN_TOKEN_FILE            as --config, --admin, --token-file\n"
    "  BACKOFFD_ENABLE_CONTEXTUAL_RETRY, BACKOFFD_ENABLE_PROVIDER_LEARNING   1, true, yes, on or 0, false, no, off\n"
    "  BACKOFFD_PROVIDER_LEARNING_PATH                                       file of learned state\n"
    "  The last three are read with the prefix DOCSTOKG_, too.\n"
    "  http_proxy, https_proxy, all_proxy, no_proxy    with upstream_proxy \"environment\", and under exec\n"
    "  SSL_CERT_FILE                                   the system's roots: upstream, and in the bundle for clients\n"
    "  XDG_STATE_HOME                                  exec: folder of learned state, where nobody names one\n"
    "  XDG_RUNTIME_DIR, TMPDIR                         exec: where the bundle for the command lies\n"
    "\nExamples:\n"
    "  backoffd exec -- curl -O https://host/file   one command, retried and resumed\n"
    "  backoffd --config backoffd.json              run\n"
    "  backoffd check --config backoffd.json        tell what is wrong with it\n"
    "  eval \"$(backoffd env)\"                       point this shell's tools at the one that runs\n"
    "  backoffd gate contextual-retry on --percentage 10\n"
    "  backoffd --provider-learning-status --output json\n";

// "a|b|c": the type of an option that takes one of these words.
template <class Names>
std::string choice_of(const Names& names) {
  std::string out;
  for (const std::string_view name : names) out.append(out.empty() ? "" : "|").append(name);
  return out;
}

// An option that takes one of `names`, and says so by its type.
template <class Names>
CLI::Option* one_of(CLI::Option* option, const Names& names) {
  const std::vector<std::string> words(std::begin(names), std::end(names));
  return option->type_name(choice_of(names))->check(CLI::IsMember(words).description(""));
}

const CLI::Validator kSpan(
    [](std::string& text) {
      const auto span = parse_duration(text);
      if (!span) return span.error().text();
      return *span > policy::Duration::zero() ? std::string() : "must be longer than nothing";
    },
    "");

CLI::App* add_command(CLI::App& app, const char* name, const char* about, const char* footer = "") {
  CLI::App* command = app.add_subcommand(name, about);
  command->footer(footer);
  command->fallthrough();  // --admin and --config may stand behind it
  command->set_help_flag("--help", "this text");
  return command;
}

// A command that asks a running proxy.
CLI::App* add_asking(CLI::App& app, Flags& flags, const char* name, const char* about, const char* patience) {
  CLI::App* command = add_command(app, name, about);
  command->add_option("--timeout", flags.timeout, std::string("how long an answer may take (") + patience + ")")
      ->type_name("DURATION")
      ->check(kSpan);
  return command;
}

CLI::App* add_gate(CLI::App& app, Flags& flags) {
  CLI::App* gate = add_command(app, "gate", "flip a gate of the running proxy, without a restart");
  one_of(gate->add_option("NAME", flags.gate, "which gate"), policy::kGateNames)->required();
  one_of(gate->add_option("MODE", flags.mode, "shadow: computed and reported only"), policy::kGateModeNames)
      ->required();
  gate->add_option("--percentage", flags.percentage, "share that is treated (100)")
      ->type_name("0..100")
      ->check(CLI::Range(0.0, 100.0).description(""));
  return gate;
}

CLI::App* add_exec(CLI::App& app, Flags& flags) {
  CLI::App* exec = add_command(
      app, "exec", "run a command whose http and https go through a proxy of its own",
      "\n  backoffd exec [FLAGS] -- COMMAND [ARGUMENTS]\n"
      "\nAll flags of backoffd are taken, too. Without others: a CA in memory, all of https intercepted, no "
      "admin\ninterface, no access log, no destination refused, the parent proxy that the environment "
      "names.\n");
  exec->add_flag("--quiet", flags.quiet, "no summary at the end");
  return exec;
}

CLI::App* add_env(CLI::App& app, Flags& flags) {
  CLI::App* env = add_command(app, "env", "print the variables that point tools at the running proxy and its CA",
                              "\n  eval \"$(backoffd env)\"\n  backoffd env --format fish | source\n");
  one_of(env->add_option("--format", flags.env_format, "for eval, for a file, or for a program"), kEnvFormatNames);
  return env;
}

CLI::App* add_ca(CLI::App& app, Flags& flags) {
  CLI::App* ca = add_command(app, "ca", "the CA of intercepted hosts: show, path, rotate or bundle");
  one_of(ca->add_option("ACTION", flags.ca_action,
                        "path of its certificate; rotate: a new one; bundle: the system's roots and ours"),
         kCaActionNames)
      ->required();
  return ca;
}

}  // namespace

CliApp::CliApp() : app(kAbout, "backoffd") {
  app.footer(kFooter);
  app.get_formatter()->column_width(38);
  app.require_subcommand(0, 1);
  add_flags(app, flags);
  health = add_asking(app, flags, "health", "ends with 0 where the proxy serves, with 1 where not, and says why", "2s");
  check = add_command(app, "check", "tell everything that is wrong with the configuration");
  gate = add_gate(app, flags);
  exec = add_exec(app, flags);
  env = add_env(app, flags);
  ca = add_ca(app, flags);
}

}  // namespace backoffd::admin
