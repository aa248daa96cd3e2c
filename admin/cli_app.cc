#include "admin/cli_app.h"

#include <string_view>

#include "admin/ca_action.h"
#include "admin/completion.h"
#include "admin/tool_environment.h"
#include "admin/units.h"
#include "policy/arm_figures.h"
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

const CLI::Validator kSpanOrNothing(
    [](std::string& text) {
      const auto span = parse_duration(text);
      return span ? std::string() : span.error().text();
    },
    "");

// CLI::Range says the bounds with six decimals.
const CLI::Validator kPercentage(
    [](std::string& text) {
      double share = -1;
      const bool good = CLI::detail::lexical_cast(text, share) && share >= 0 && share <= 100;
      return good ? std::string() : text + " is no percentage from 0 to 100";
    },
    "");

CLI::App* add_command(CLI::App& app, const char* name, const char* about, const char* footer = "") {
  CLI::App* command = app.add_subcommand(name, about);
  command->footer(footer);
  command->fallthrough();  // --admin and --config may stand behind it
  command->set_help_flag("--help", "this text");
  return command;
}

CLI::Option* add_span(CLI::App* command, const char* name, std::string& span, const char* about) {
  return command->add_option(name, span, about)->type_name("DURATION")->check(kSpan);
}

// A command that asks a running proxy.
CLI::App* add_asking(CLI::App& app, Flags& flags, const char* name, const char* about) {
  CLI::App* command = add_command(app, name, about);
  add_span(command, "--timeout", flags.timeout, "how long an answer may take (5s; health: 2s)");
  return command;
}

// ... and may do so again and again.
CLI::App* add_watching(CLI::App& app, Flags& flags, const char* name, const char* about) {
  CLI::App* command = add_asking(app, flags, name, about);
  CLI::Option* watch =
      command->add_flag("--watch", flags.watch, "again and again: redrawn on a terminal, else lines of JSON");
  add_span(command, "--interval", flags.interval, "how often (2s)")->needs(watch);
  return command;
}

CLI::App* add_gate(CLI::App& app, Flags& flags) {
  CLI::App* gate = add_watching(app, flags, "gate", "the gates, one of them in detail, or flip it without a restart");
  CLI::Option* name = one_of(gate->add_option("NAME", flags.gate, "which one; none: all of them"), policy::kGateNames);
  std::vector<std::string_view> modes(policy::kGateModeNames.begin(), policy::kGateModeNames.end());
  modes.push_back(kTakeBack);
  one_of(gate->add_option("MODE", flags.mode, "shadow: computed and reported only; reset: as it was started"), modes);
  const auto setting = [&](CLI::Option* option) { option->needs(name); };
  CLI::Option* percentage = gate->add_option("--percentage", flags.percentage, "share that is treated")
                                ->type_name("0..100")
                                ->check(kPercentage);
  setting(percentage);
  setting(one_of(gate->add_option("--unit", flags.unit, "what falls on an arm as one"), policy::kGateUnitNames));
  setting(gate->add_option("--providers", flags.providers, "names or globs, with commas between; *: all")
              ->type_name("LIST")
              ->delimiter(',')
              ->allow_extra_args(false));
  setting(one_of(gate->add_option("--guard", flags.guard, "who acts on the verdict rollback: enforce flips it off"),
                 policy::kGuardModeNames));
  CLI::Option* ramp = gate->add_option("--ramp", flags.ramp, "percentages to go up through, such as 1,10,50,100")
                          ->type_name("LIST")
                          ->delimiter(',')
                          ->allow_extra_args(false)
                          ->check(kPercentage)
                          ->excludes(percentage);
  setting(ramp);
  setting(add_span(gate, "--step", flags.step, "how long the ramp stays at each"));
  setting(add_span(gate, "--slice", flags.slice, "unit slice: how long a key stays on one arm"));
  setting(gate->add_option("--washout", flags.washout, "unit slice: first part of a slice that is not compared")
              ->type_name("DURATION")
              ->check(kSpanOrNothing));
  setting(gate->add_flag("--replace", flags.replace, "what is not named is as built in; else it stays as it is"));
  return gate;
}

CLI::App* add_compare(CLI::App& app, Flags& flags) {
  CLI::App* compare =
      add_watching(app, flags, "compare", "both arms of a gate side by side, and what may be said of them");
  one_of(compare->add_option("NAME", flags.gate, "which gate"), policy::kGateNames)->required();
  one_of(compare->add_option("--window", flags.window, "time that the arms' figures are of (since_flip)"),
         policy::kFigureWindowNames);
  return compare;
}

CLI::App* add_learning(CLI::App& app, Flags& flags) {
  CLI::App* learning = add_watching(app, flags, "learning",
                                    "what was learned of each provider, or of one and why; the file's where none runs");
  learning->add_option("KEY", flags.key, "provider@host; none: all of them")->type_name("");
  return learning;
}

CLI::App* add_reset(CLI::App& learning, Flags& flags) {
  CLI::App* reset = add_command(learning, "reset", "forget what was learned of a provider");
  reset->add_option("KEY", flags.key, "provider@host")->type_name("")->required();
  return reset;
}

CLI::App* add_drain(CLI::App& app, Flags& flags) {
  CLI::App* drain = add_asking(app, flags, "drain", "have the proxy finish what it has begun, and end");
  drain->add_flag("--wait", flags.wait, "until it has gone");
  return drain;
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

CLI::App* add_completion(CLI::App& app, Flags& flags) {
  CLI::App* completion = add_command(app, "completion", "print what makes a shell complete this command line",
                                     "\n  source <(backoffd completion bash)\n");
  one_of(completion->add_option("SHELL", flags.shell, "which one"), kShellNames)->required();
  return completion;
}

}  // namespace

CliApp::CliApp() : app(kAbout, "backoffd") {
  app.footer(kFooter);
  app.get_formatter()->column_width(38);
  app.require_subcommand(0, 1);
  add_flags(app, flags);
  status = add_watching(app, flags, "status", "what runs: providers with limits, queues and 429s, and the gates");
  gate = add_gate(app, flags);
  compare = add_compare(app, flags);
  learning = add_learning(app, flags);
  reset = add_reset(*learning, flags);
  drain = add_drain(app, flags);
  health = add_asking(app, flags, "health", "end with 0 where the proxy serves, with 1 where not, and say why");
  check = add_command(app, "check", "tell everything that is wrong with the configuration");
  exec = add_exec(app, flags);
  env = add_env(app, flags);
  ca = add_ca(app, flags);
  completion = add_completion(app, flags);
}

}  // namespace backoffd::admin
