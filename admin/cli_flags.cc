#include "admin/cli_flags.h"

#include "admin/version.h"

namespace backoffd::admin {

void add_flags(CLI::App& app, Flags& flags) {
  const char* const kRunning = "Running";
  const char* const kHttps = "HTTPS";
  const char* const kGates = "Gates";
  const char* const kAsking = "Asking";
  const auto once = CLI::MultiOptionPolicy::TakeLast;
  app.add_option("--config", flags.config, "JSON file, `//` comments allowed")->type_name("FILE")->group(kRunning);
  app.add_option("--listen", flags.listen, "where the proxy listens (127.0.0.1:8080); may be repeated")
      ->type_name("ADDRESS:PORT")
      ->allow_extra_args(false)
      ->group(kRunning);
  app.add_option("--admin", flags.admin, "where the admin interface listens (127.0.0.1:9901), or off")
      ->type_name("ADDRESS:PORT")
      ->multi_option_policy(once)
      ->group(kRunning);
  app.add_option("--token-file", flags.token_file, "file of the admin interface's bearer token")
      ->type_name("FILE")
      ->group(kRunning);
  app.add_option("--workers", flags.workers, "threads; 0: one a core")->type_name("N")->group(kRunning);
  app.add_option("--state-dir", flags.state_dir, "folder of learned state")->type_name("DIR")->group(kRunning);
  app.add_option("--allow", flags.allow, "address, range or host that may be reached although private; may be repeated")
      ->type_name("RANGE|HOST")
      ->allow_extra_args(false)
      ->group(kRunning);
  app.add_option("--connect-ports", flags.connect_ports, "ports that CONNECT may ask for (443)")
      ->type_name("LIST|any")
      ->group(kRunning);
  app.add_option("--access-log", flags.access_log, "where the access log goes (-: standard output)")
      ->type_name("FILE|-|off")
      ->group(kRunning);
  app.add_option("--set", flags.set, "any key of the file, such as retry.max_attempts=3; may be repeated")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false)
      ->group(kRunning);

  app.add_option("--intercept", flags.intercept, "hosts whose https is looked into (none); lists may hold globs")
      ->type_name("none|providers|all|LIST")
      ->group(kHttps);
  app.add_option("--upstream-ca", flags.upstream_ca, "PEM file of roots to trust besides the system's; may be repeated")
      ->type_name("FILE")
      ->allow_extra_args(false)
      ->group(kHttps);
  app.add_option("--ca", flags.ca, "where the CA of intercepted hosts is kept: in --state-dir, or in memory only")
      ->type_name("state_dir|ephemeral")
      ->group(kHttps);
  app.add_option("--ca-cert", flags.ca_cert, "PEM file of a CA of your own instead")->type_name("FILE")->group(kHttps);
  app.add_option("--ca-key", flags.ca_key, "PEM file of its private key")->type_name("FILE")->group(kHttps);

  app.add_flag_function(
         "--enable-contextual-retry", [&](std::int64_t n) { flags.contextual_retry = n > 0; },
         "contextual retry policy instead of the standard one")
      ->group(kGates);
  app.add_flag_function(
         "--enable-provider-learning", [&](std::int64_t n) { flags.provider_learning = n > 0; },
         "reduce limits by what is learned of a provider")
      ->group(kGates);
  app.add_option("--provider-learning-path", flags.learning_path, "file of learned state")
      ->type_name("FILE")
      ->group(kGates);

  app.add_flag("--check", flags.check, "tell everything that is wrong with the configuration, and end")->group(kAsking);
  app.add_flag("--provider-learning-status", flags.status, "what a running proxy has learned, or what its file holds")
      ->group(kAsking);
  app.add_option("--output", flags.output, "for people, or for programs")
      ->type_name("table|json")
      ->check(CLI::IsMember({"table", "json"}).description(""))
      ->group(kAsking);
  app.add_flag("--help-keys", flags.help_keys, "every configuration key with its default and meaning")->group(kAsking);
  app.set_help_flag("--help", "this text")->group(kAsking);
  app.set_version_flag("--version", "backoffd " + std::string(kVersion), "the version")->group(kAsking);
}

policy::Result<std::vector<Assignment>> assignments_of(const Flags& flags) {
  std::vector<Assignment> out;
  const auto add = [&](const char* flag, const char* path, const std::string& text) {
    if (!text.empty()) out.push_back(assignment_of_text(flag, path, text));
  };
  if (!flags.listen.empty()) {
    out.push_back({"--listen", "listen", json::Array(flags.listen.begin(), flags.listen.end())});
  }
  add("--admin", "admin.listen", flags.admin);
  add("--token-file", "admin.token_file", flags.token_file);
  add("--workers", "workers", flags.workers);
  add("--state-dir", "state_dir", flags.state_dir);
  for (const std::string& one : flags.allow) {
    out.push_back({.source = "--allow", .path = "egress.allow", .value = one, .append = true});
  }
  add("--connect-ports", "egress.connect_ports", flags.connect_ports);
  add("--access-log", "access_log", flags.access_log);
  add("--intercept", "tls.intercept", flags.intercept);
  for (const std::string& one : flags.upstream_ca) {
    out.push_back({.source = "--upstream-ca", .path = "tls.upstream_roots", .value = one, .append = true});
  }
  add("--ca", "tls.ca", flags.ca);
  add("--ca-cert", "tls.ca_cert", flags.ca_cert);
  add("--ca-key", "tls.ca_key", flags.ca_key);
  add("--provider-learning-path", "learning.path", flags.learning_path);
  if (flags.contextual_retry) {
    out.push_back({"--enable-contextual-retry", "gates.contextual-retry", *flags.contextual_retry});
  }
  if (flags.provider_learning) {
    out.push_back({"--enable-provider-learning", "gates.provider-learning", *flags.provider_learning});
  }
  for (const std::string& one : flags.set) {
    const auto equals = one.find('=');
    const std::string path = one.substr(0, equals);
    if (equals == std::string::npos || path.empty()) {
      return policy::Error{"--set", json::write(one) + ": expected KEY=VALUE, such as retry.max_attempts=3"};
    }
    out.push_back(assignment_of_text("--set " + path, path, std::string_view(one).substr(equals + 1)));
  }
  return out;
}

}  // namespace backoffd::admin
