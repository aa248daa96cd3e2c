#include "admin/config_files.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace backoffd::admin {

void check_files(const Config& config, Problems& problems) {
  const auto check = [&problems](const std::string& path, const std::string& where) {
    if (path.empty() || ::access(path.c_str(), R_OK) == 0) return;
    problems.push_back({where, json::write(path) + ": " + std::strerror(errno)});
  };
  check(config.tls.ca_cert, "tls.ca_cert");
  check(config.tls.ca_key, "tls.ca_key");
  for (std::size_t i = 0; i < config.proxy.tls.upstream_roots.size(); ++i) {
    check(config.proxy.tls.upstream_roots[i], json::join("tls.upstream_roots", i));
  }
  check(config.proxy.upstream_proxy.credentials_file, "upstream_proxy_credentials");
  for (std::size_t i = 0; i < config.policy.providers.size(); ++i) {
    const auto& provider = config.policy.providers[i];
    const std::string where = json::join("providers", i);
    check(provider.upstream_roots, json::join(where, "upstream_roots"));
    check(provider.client_certificate, json::join(where, "client_certificate"));
    check(provider.client_key, json::join(where, "client_key"));
  }
}

}  // namespace backoffd::admin
