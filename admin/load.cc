#include "admin/load.h"

#include <cerrno>
#include <cstring>

#include "admin/auth.h"
#include "admin/config_files.h"
#include "admin/exec_settings.h"
#include "admin/file.h"
#include "admin/upstream_proxy.h"

namespace backoffd::admin {
namespace {

constexpr std::size_t kLargestConfig = 1 << 20;

// The configuration file; none: nobody named one.
struct File {
  std::string path;
  std::string text;
};

File read_config(const Command& command, const Environment& environment, Problems& problems) {
  const bool by_flag = !command.config_file.empty();
  const std::string path = by_flag ? command.config_file : environment(kConfigVariable).value_or("");
  if (path.empty()) return {};
  const auto refuse = [&](const std::string& why) {
    problems.push_back({by_flag ? "--config" : kConfigVariable, json::write(path) + ": " + why});
  };
  auto text = read_file(path, kLargestConfig);
  if (!text) refuse(std::strerror(errno));
  if (text && text->empty()) refuse("is empty");
  return {path, text.value_or("")};
}

// A fault of syntax is at a line, and a line is of a file.
void append(Problems& problems, Problems more, const File& file) {
  for (policy::Error& problem : more) {
    if (problem.where.starts_with("line ")) problem.where.insert(0, file.path + ", ");
    problems.push_back(std::move(problem));
  }
}

// What wins over the file, the strongest last.
std::vector<Assignment> assignments_of(const Command& command, const Environment& environment, Problems& problems) {
  std::vector<Assignment> all = read_environment(environment, problems);
  const bool for_command = command.kind == Command::Kind::exec;
  for (const auto& more : {for_command ? exec_assignments() : std::vector<Assignment>(), command.assignments}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

}  // namespace

Start load(const Command& command, const Environment& environment, Problems& problems) {
  const bool for_command = command.kind == Command::Kind::exec;
  const File file = read_config(command, environment, problems);
  Loaded loaded = read_settings(file.text, assignments_of(command, environment, problems),
                                for_command ? exec_defaults() : Config());
  append(problems, std::move(loaded.problems), file);
  Start start{std::move(loaded.settings), {}};
  Config& config = start.settings.config;
  take_from_environment(config.proxy.upstream_proxy, environment, problems);
  check_files(config, problems);
  if (for_command) place_learned_state(start.settings, environment);
  if (const std::string& path = config.admin.token_file; !path.empty() && config.admin.listen != "off") {
    auto token = read_token(path);
    if (!token) problems.push_back(token.error());
    if (token) start.token = std::move(*token);
  }
  return start;
}

AdminConfig load_admin(const Command& command, const Environment& environment, Problems& problems) {
  const File file = read_config(command, environment, problems);
  Problems of_gates;
  Loaded loaded = read_admin_settings(file.text, assignments_of(command, environment, of_gates));
  append(problems, std::move(loaded.problems), file);
  return loaded.settings.config.admin;
}

}  // namespace backoffd::admin
