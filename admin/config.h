// Everything an operator can set, all rooms together: plain structs, a default and a meaning at each field. Read and
// checked by admin/config_reader from the table in admin/config_keys.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "policy/config.h"
#include "proxy/config.h"

namespace backoffd::admin {

enum class LogLevel { debug, info, warning, error };
inline constexpr std::array<std::string_view, 4> kLogLevelNames = {"debug", "info", "warning", "error"};
constexpr std::string_view name(LogLevel level) { return kLogLevelNames[static_cast<std::size_t>(level)]; }

struct AdminConfig {
  std::string listen = "127.0.0.1:9901";  // admin.listen: one address and port; "off": no admin interface
  std::string token_file;                 // admin.token_file: bearer token of calls that change something
  std::vector<std::string> hosts;         // admin.hosts: names a Host field may bear besides loopback ones
  std::string webhook;                    // gates.webhook: what a guard does is sent there; empty: nowhere
};

// Where the authority comes from that signs for intercepted hosts, unless one is given by its files.
enum class CaKind { state_dir, ephemeral };
inline constexpr std::array<std::string_view, 2> kCaKindNames = {"state_dir", "ephemeral"};
constexpr std::string_view name(CaKind kind) { return kCaKindNames[static_cast<std::size_t>(kind)]; }

struct TlsConfig {
  CaKind ca = CaKind::state_dir;  // tls.ca: kept in state_dir from the first start on; or of this run alone, its key
                                  // never on a disk
  std::string ca_cert;            // tls.ca_cert: the operator's own: PEM, the issuing certificate first; empty: tls.ca
  std::string ca_key;             // tls.ca_key: PEM, the key of that certificate; set where ca_cert is
  std::string publish_dir;        // tls.publish_dir: where the public part is also written for clients, the certificate
                                  // and the bundle; empty: nowhere else
};

struct Config {
  policy::Config policy;
  proxy::Config proxy;
  AdminConfig admin;
  TlsConfig tls;
  std::string state_dir;  // state_dir: where learned state is kept when learning.path is empty, and the authority with
                          // tls.ca state_dir; empty: nowhere
  LogLevel log_level = LogLevel::info;
};

// The file that learned state is kept in; empty: it is not kept.
inline std::string learning_path(const Config& config) {
  if (!config.policy.learning.path.empty() || config.state_dir.empty()) return config.policy.learning.path;
  return config.state_dir + "/learning.json";
}

}  // namespace backoffd::admin
