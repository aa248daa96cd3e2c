// The program: what was asked for, settings, and then one of the few things it can do.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "admin/auth.h"
#include "admin/ca_commands.h"
#include "admin/cli.h"
#include "admin/client_commands.h"
#include "admin/config_files.h"
#include "admin/env_command.h"
#include "admin/environment.h"
#include "admin/exec.h"
#include "admin/exec_settings.h"
#include "admin/exec_summary.h"
#include "admin/file.h"
#include "admin/serve.h"
#include "admin/upstream_proxy.h"

namespace backoffd::admin {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongUse = 2;
constexpr std::size_t kLargestConfig = 1 << 20;

void complain(const std::string& sentence) {
  std::string shown;
  for (const char c : sentence) shown += (c >= 0 && c < 0x20) || c == 0x7f ? '?' : c;
  std::fprintf(stderr, "backoffd: %s\n", shown.c_str());
}

int failure_of(const Command& command) { return command.kind == Command::Kind::exec ? kOwnFailure : kFailed; }

std::optional<std::string> variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? std::optional<std::string>(value) : std::nullopt;
}

struct Start {
  Settings settings;
  std::string token;
};

// Everything that is wrong is told here; none then.
std::optional<Start> load(const Command& command) {
  Problems problems;
  std::string file;
  if (!command.config_file.empty()) {
    auto text = read_file(command.config_file, kLargestConfig);
    if (!text) problems.push_back({"--config", json::write(command.config_file) + ": " + std::strerror(errno)});
    file = text.value_or("");
    if (text && file.empty()) problems.push_back({"--config", json::write(command.config_file) + ": is empty"});
  }
  const bool for_command = command.kind == Command::Kind::exec;
  std::vector<Assignment> assignments = for_command ? exec_assignments() : std::vector<Assignment>();
  for (const auto& more : {read_environment(variable, problems), command.assignments}) {
    assignments.insert(assignments.end(), more.begin(), more.end());
  }
  Loaded loaded = read_settings(file, assignments, for_command ? exec_defaults() : Config());
  problems.insert(problems.end(), loaded.problems.begin(), loaded.problems.end());
  Start start{std::move(loaded.settings), {}};
  Config& config = start.settings.config;
  take_from_environment(config.proxy.upstream_proxy, variable, problems);
  check_files(config, problems);
  if (for_command) place_learned_state(start.settings, variable);
  if (const std::string& path = config.admin.token_file; !path.empty() && config.admin.listen != "off") {
    auto token = read_token(path);
    if (!token) problems.push_back(token.error());
    if (token) start.token = std::move(*token);
  }
  if (problems.empty()) return start;
  for (const policy::Error& problem : problems) complain(problem.text());
  return std::nullopt;
}

void set_up_log(LogLevel level) {
  auto logger = spdlog::stderr_logger_mt("backoffd");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                                                   spdlog::level::err};
  logger->set_level(kLevels[static_cast<std::size_t>(level)]);
  spdlog::set_default_logger(std::move(logger));
}

// The service on its own, or for a command.
int run_service(Start start, const Command& command, const Inherited& inherited) {
  set_up_log(start.settings.config.log_level);
  auto service = Service::make(std::move(start.settings), std::move(start.token));
  if (!service) {
    complain(service.error().text());
    return failure_of(command);
  }
  if (command.kind != Command::Kind::exec) return serve(**service);
  const Ran ran = run_command(**service, {command.program, inherited, variable});
  if (!ran.complaint.empty()) {
    complain(ran.complaint);
  } else if (!command.quiet) {
    complain(ExecSummary::of((*service)->server().counters()).text());
  }
  return ran.exit_status;
}

int finish(const CommandResult& result) {
  std::fputs(result.out.c_str(), stdout);
  if (!result.complaint.empty()) complain(result.complaint);
  return result.exit_code;
}

int run(std::vector<std::string> arguments) {
  const Inherited inherited = Inherited::now();
  const auto command = parse_command_line(std::move(arguments));
  if (!command) {
    complain(command.error().text() + " (--help tells what there is)");
    return kWrongUse;
  }
  if (command->kind == Command::Kind::message) {
    std::fputs(command->message.c_str(), stdout);
    return 0;
  }
  auto start = load(*command);
  if (!start) return failure_of(*command);
  switch (command->kind) {
    case Command::Kind::check:
      std::puts("The configuration is good.");
      return 0;
    case Command::Kind::gate:
      return finish(flip_gate(*command, start->settings.config, start->token));
    case Command::Kind::learning_status:
      return finish(learning_status(*command, start->settings.config, start->token));
    case Command::Kind::env:
      return finish(env_command(command->env_format, start->settings.config));
    case Command::Kind::ca:
      return finish(ca_command(command->ca_action, command->output, start->settings.config));
    case Command::Kind::run:
    case Command::Kind::exec:
    case Command::Kind::message:
      break;
  }
  return run_service(std::move(*start), *command, inherited);
}

}  // namespace
}  // namespace backoffd::admin

int main(int argc, char** argv) { return backoffd::admin::run({argv + 1, argv + argc}); }
