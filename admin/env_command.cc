#include "admin/env_command.h"

#include <unistd.h>

#include <filesystem>

#include "admin/address.h"
#include "admin/ca_publication.h"
#include "admin/client.h"

namespace backoffd::admin {
namespace {

using policy::Error;
using policy::Result;

// What a running proxy says its configuration is.
Result<Config> ask(const Config& config) {
  if (config.admin.listen == "off") return Error{"admin.listen", "off: there is nobody to ask"};
  const auto answer = call({.admin = *parse_listen(config.admin.listen),
                            .method = "GET",
                            .path = "/config",
                            .body = {},
                            .token = {},
                            .patience = kCallPatience,
                            .cancel = -1});
  if (!answer) return answer.error();
  if (answer->status != 200) return Error{"", message_of(*answer)};
  Loaded loaded = read_settings(answer->body, {});
  if (loaded.problems.empty()) return std::move(loaded.settings.config);
  return Error{"", "the configuration of the running proxy is not understood: " + loaded.problems.front().text()};
}

Result<ToolSettings> settings_of(const Config& config) {
  const proxy::Endpoint listener = *parse_listen(config.proxy.listen.front());
  if (listener.port == 0) {
    return Error{"listen", json::write(config.proxy.listen.front()) + ": the port is not known; name one"};
  }
  ToolSettings settings;
  settings.proxy = "http://" + reachable(listener).text();
  if (config.proxy.tls.intercept == proxy::InterceptMode::none) return settings;
  const auto folders = ca_publication_folders(config);
  if (folders.empty()) {
    return Error{"tls.publish_dir", "not set: the CA is in no file that tools could be pointed at"};
  }
  const std::string folder = std::filesystem::absolute(folders.front()).string();
  settings.bundle = ca_bundle_path(folder);
  settings.root = ca_root_path(folder);
  for (const std::string& file : {settings.bundle, settings.root}) {
    if (::access(file.c_str(), R_OK) == 0) continue;
    return Error{"", "cannot read " + file + ", which a proxy that intercepts writes when it starts"};
  }
  return settings;
}

}  // namespace

CommandResult env_command(EnvFormat format, const Config& config) {
  const auto running = ask(config);
  const auto settings = settings_of(running ? *running : config);
  if (!settings) return failed(settings.error().text());
  return {.exit_code = 0,
          .out = format_variables(tool_environment(*settings), format),
          .complaint = running ? "" : running.error().text() + "; this is from the configuration"};
}

}  // namespace backoffd::admin
