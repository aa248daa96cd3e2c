// The program: what was asked for, settings, and then one of the few things it can do.
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "admin/ca_commands.h"
#include "admin/check_command.h"
#include "admin/cli.h"
#include "admin/compare_command.h"
#include "admin/drain_command.h"
#include "admin/env_command.h"
#include "admin/exec.h"
#include "admin/exec_summary.h"
#include "admin/health_command.h"
#include "admin/load.h"
#include "admin/log_sink.h"
#include "admin/serve.h"
#include "admin/status_command.h"
#include "admin/watch.h"

namespace backoffd::admin {
namespace {

void complain(const std::string& sentence) {
  std::string shown;
  for (const char c : sentence) shown += (c >= 0 && c < 0x20) || c == 0x7f ? '?' : c;
  spdlog::default_logger_raw()->flush();  // what was logged before comes before it
  std::fprintf(stderr, "backoffd: %s\n", shown.c_str());
}

int failure_of(const Command& command, const Problems& problems = {}) {
  if (command.kind == Command::Kind::exec) return kExitOwnFailure;
  return is_wrong_use(command, problems) ? kExitWrongUse : kExitFailed;
}

std::optional<std::string> variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? std::optional<std::string>(value) : std::nullopt;
}

void set_up_log(LogLevel level) {
  auto sink = std::make_shared<LogSink>(proxy::Fd(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)));
  auto logger = std::make_shared<spdlog::logger>("backoffd", std::move(sink));
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

bool asks_only(const Command& command) { return command.kind >= Command::Kind::learning; }

// What a command that asks a running proxy has to say; all of it but what was seen on the way of a watch.
CommandResult ask(const Command& command, const AdminConfig& admin) {
  std::optional<Watch> watch;
  if (command.watch) watch.emplace();
  const AdminClient client(admin, command.patience, watch ? watch->cancel() : -1);
  const auto look = [&](Output output, const Terminal& terminal) {
    switch (command.kind) {
      case Command::Kind::status:
        return status_command(client, output, terminal);
      case Command::Kind::gate:
        return gate_command(client, command.gate, output, terminal);
      case Command::Kind::compare:
        return compare_command(client, *command.gate.gate, command.window, output, terminal);
      case Command::Kind::drain:
        return drain_command(client, command.wait, output);
      case Command::Kind::health:
        return health_command(admin, command.patience, output);
      default:
        return learning_command(client, command.learning, output, terminal);
    }
  };
  if (watch) return watch->run(look, *command.watch, command.output, variable);
  return look(command.output, Terminal::of(STDOUT_FILENO, variable));
}

int run(std::vector<std::string> arguments) {
  const Inherited inherited = Inherited::now();
  const auto command = parse_command_line(std::move(arguments));
  if (!command) {
    complain(command.error().text() + " (--help tells what there is)");
    return kExitWrongUse;
  }
  if (command->kind == Command::Kind::message) {
    std::fputs(command->message.c_str(), stdout);
    return 0;
  }
  Problems problems;
  const auto wrong = [&] {
    for (const policy::Error& problem : problems) complain(problem.text());
    return !problems.empty();
  };
  if (asks_only(*command)) {
    const AdminConfig admin = load_admin(*command, variable, problems);
    if (wrong()) return failure_of(*command, problems);
    const CommandResult result = ask(*command, admin);
    if (command->kind != Command::Kind::learning || result.exit_code != kExitNoProxy || command->watch ||
        command->learning.reset) {
      return finish(result);
    }
    const Start start = load(*command, variable, problems);
    if (wrong()) return failure_of(*command, problems);
    return finish(learning_of_file(command->learning, command->output, start.settings.config, result.complaint,
                                   Terminal::of(STDOUT_FILENO, variable)));
  }
  Start start = load(*command, variable, problems);
  if (command->kind == Command::Kind::check && command->output == Output::json) {
    std::fputs(checked_json(problems).c_str(), stdout);
    return problems.empty() ? kExitOk : failure_of(*command, problems);
  }
  if (wrong()) return failure_of(*command, problems);
  switch (command->kind) {
    case Command::Kind::check:
      std::puts("The configuration is good.");
      return 0;
    case Command::Kind::env:
      return finish(env_command(command->env_format, start.settings.config));
    case Command::Kind::ca:
      return finish(ca_command(command->ca_action, command->output, start.settings.config));
    default:
      break;
  }
  return run_service(std::move(start), *command, inherited);
}

}  // namespace
}  // namespace backoffd::admin

int main(int argc, char** argv) { return backoffd::admin::run({argv + 1, argv + argc}); }
