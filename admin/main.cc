// The program: what was asked for, settings, and then one of the few things it can do.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "admin/auth.h"
#include "admin/cli.h"
#include "admin/client_commands.h"
#include "admin/environment.h"
#include "admin/file.h"
#include "admin/service.h"

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
  std::vector<Assignment> assignments = read_environment(
      [](const std::string& name) {
        const char* value = std::getenv(name.c_str());
        return value ? std::optional<std::string>(value) : std::nullopt;
      },
      problems);
  assignments.insert(assignments.end(), command.assignments.begin(), command.assignments.end());
  Loaded loaded = read_settings(file, assignments);
  problems.insert(problems.end(), loaded.problems.begin(), loaded.problems.end());
  Start start{std::move(loaded.settings), {}};
  if (const std::string& path = start.settings.config.admin.token_file; !path.empty()) {
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

int serve(Start start) {
  set_up_log(start.settings.config.log_level);
  auto service = Service::make(std::move(start.settings), std::move(start.token));
  if (!service) {
    complain(service.error().text());
    return kFailed;
  }
  (*service)->run();
  return 0;
}

int finish(const CommandResult& result) {
  std::fputs(result.out.c_str(), stdout);
  if (!result.complaint.empty()) complain(result.complaint);
  return result.exit_code;
}

int run(std::vector<std::string> arguments) {
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
  if (!start) return kFailed;
  switch (command->kind) {
    case Command::Kind::check:
      std::puts("The configuration is good.");
      return 0;
    case Command::Kind::gate:
      return finish(flip_gate(*command, start->settings.config, start->token));
    case Command::Kind::learning_status:
      return finish(learning_status(*command, start->settings.config, start->token));
    case Command::Kind::run:
    case Command::Kind::message:
      break;
  }
  return serve(std::move(*start));
}

}  // namespace
}  // namespace backoffd::admin

int main(int argc, char** argv) { return backoffd::admin::run({argv + 1, argv + argc}); }
