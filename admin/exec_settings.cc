#include "admin/exec_settings.h"

#include <sys/stat.h>

#include <filesystem>
#include <system_error>

#include "admin/upstream_proxy.h"

namespace backoffd::admin {
namespace {

constexpr const char* kSource = "exec";

bool learns(const Settings& settings) {
  bool on = false;
  for (const GateChoice& choice : settings.gates) {  // in the order of their layers
    if (choice.id == policy::GateId::provider_learning) on = choice.setting.mode != policy::GateMode::off;
  }
  return on;
}

// Empty: there is none.
std::string state_home(const Environment& environment) {
  std::string home = environment("XDG_STATE_HOME").value_or("");
  if (home.starts_with('/')) return home;
  const std::string user = environment("HOME").value_or("");
  return user.starts_with('/') ? user + "/.local/state" : "";
}

}  // namespace

Config exec_defaults() {
  Config config;
  config.tls.ca = CaKind::ephemeral;
  config.proxy.tls.intercept = proxy::InterceptMode::all;
  config.proxy.upstream_proxy.url = kFromEnvironment;
  config.proxy.egress.allow = {"0.0.0.0/0", "::/0"};
  config.proxy.egress.connect_any_port = true;
  config.proxy.timeouts.drain = std::chrono::seconds(2);
  return config;
}

std::vector<Assignment> exec_assignments() {
  return {{kSource, "listen", json::Array{"127.0.0.1:0"}},
          {kSource, "admin.listen", "off"},
          {kSource, "access_log", "off"},
          {kSource, "tls.publish_dir", ""},
          {kSource, "log_level", "warning"}};
}

void place_learned_state(Settings& settings, const Environment& environment) {
  if (!learns(settings) || !learning_path(settings.config).empty()) return;
  const std::string home = state_home(environment);
  if (home.empty()) return;
  const std::string folder = home + "/backoffd";
  std::error_code ignored;  // opening the file tells
  std::filesystem::create_directories(home, ignored);
  ::mkdir(folder.c_str(), 0700);
  settings.config.policy.learning.path = folder + "/learning.json";
}

}  // namespace backoffd::admin
