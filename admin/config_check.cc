// Rules between keys.
#include <algorithm>
#include <map>
#include <set>

#include "admin/address.h"
#include "admin/config_reader.h"
#include "admin/units.h"

namespace backoffd::admin {
namespace {

void check_listeners(Config& config, Problems& problems) {
  std::set<std::string> taken;
  for (std::size_t i = 0; i < config.proxy.listen.size(); ++i) {
    std::string& listen = config.proxy.listen[i];
    const auto endpoint = parse_listen(listen);
    if (!endpoint) continue;
    listen = endpoint->text();
    const std::string where = json::join("listen", i);
    if (!is_loopback(endpoint->address) && config.proxy.clients.empty()) {
      problems.push_back({where, '"' + listen +
                                     "\": others than this machine could use the proxy; name those who may "
                                     "in clients"});
    }
    if (endpoint->port != 0 && !taken.insert(listen).second) {
      problems.push_back({where, '"' + listen + "\": given twice"});
    }
  }
  if (config.admin.listen == "off") return;
  const auto endpoint = parse_listen(config.admin.listen);
  if (!endpoint) return;
  config.admin.listen = endpoint->text();
  if (!is_loopback(endpoint->address) && config.admin.token_file.empty()) {
    problems.push_back({"admin.listen", '"' + config.admin.listen +
                                            "\": others than this machine could change settings; set "
                                            "admin.token_file"});
  }
  if (endpoint->port != 0 && taken.count(config.admin.listen) != 0) {
    problems.push_back({"admin.listen", '"' + config.admin.listen + "\": is also in listen"});
  }
}

void check_bounds(const Config& config, Problems& problems) {
  const auto& retry = config.policy.retry;
  if (retry.base_delay > retry.max_backoff) {
    problems.push_back({"retry.base_delay", '"' + format_duration(retry.base_delay) +
                                                "\": must not be longer than retry.max_backoff (" +
                                                format_duration(retry.max_backoff) + ")"});
  }
  const auto& limits = config.proxy.limits;
  if (limits.request_target > limits.head_bytes) {
    problems.push_back({"limits.request_target", '"' + format_size(limits.request_target) +
                                                     "\": must not be larger than limits.head_bytes (" +
                                                     format_size(limits.head_bytes) + ")"});
  }
}

void check_roles(const policy::LimitConfig& limit, const std::string& where, Problems& problems) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < limit.roles.size(); ++i) {
    if (limit.roles[i].name.empty() || names.insert(limit.roles[i].name).second) continue;
    problems.push_back(
        {json::join(json::join(json::join(where, "roles"), i), "name"), '"' + limit.roles[i].name + "\": given twice"});
  }
}

// The first provider that matches counts: a name or a host that stands twice would silently never be used.
void check_providers(const Config& config, Problems& problems) {
  std::map<std::string, std::string> names, hosts;
  for (std::size_t i = 0; i < config.policy.providers.size(); ++i) {
    const auto& provider = config.policy.providers[i];
    const std::string where = json::join("providers", i);
    const auto claim = [&](std::map<std::string, std::string>& claimed, const std::string& value, std::string place) {
      if (value.empty()) return;  // was wrong, and is told already
      const auto [earlier, is_new] = claimed.emplace(value, place);
      if (!is_new) problems.push_back({place, '"' + value + "\": is already " + earlier->second});
    };
    claim(names, provider.name, json::join(where, "name"));
    for (std::size_t j = 0; j < provider.hosts.size(); ++j) {
      claim(hosts, provider.hosts[j], json::join(json::join(where, "hosts"), j));
    }
    check_roles(provider.limit, where, problems);
  }
  check_roles(config.policy.default_limits, "default_limits", problems);
}

// What is intercepted needs a CA, and with `providers` it is their hosts.
void check_tls(Config& config, Problems& problems) {
  using proxy::InterceptMode;
  const TlsConfig& ca = config.tls;
  if (ca.ca_cert.empty() != ca.ca_key.empty()) {
    const bool has_key = ca.ca_cert.empty();
    problems.push_back({has_key ? "tls.ca_key" : "tls.ca_cert",
                        json::write(has_key ? ca.ca_key : ca.ca_cert) + ": needs " +
                            (has_key ? "tls.ca_cert, its certificate" : "tls.ca_key, its private key")});
  }
  proxy::Tls& tls = config.proxy.tls;
  if (tls.intercept == InterceptMode::none) return;
  if (ca.ca == CaKind::state_dir && config.state_dir.empty() && ca.ca_cert.empty() && ca.ca_key.empty()) {
    problems.push_back(
        {"tls.intercept",
         "needs a CA: set state_dir, a folder to keep it in, or tls.ca to \"ephemeral\", or tls.ca_cert and "
         "tls.ca_key"});
  }
  if (tls.intercept != InterceptMode::providers) return;
  tls.intercept_hosts.clear();
  for (const auto& provider : config.policy.providers) {
    tls.intercept_hosts.insert(tls.intercept_hosts.end(), provider.hosts.begin(), provider.hosts.end());
  }
  if (tls.intercept_hosts.empty()) {
    problems.push_back({"tls.intercept", "\"providers\": there is none; name them and their hosts in providers"});
  }
}

void check_upstreams(const Config& config, Problems& problems) {
  const proxy::UpstreamProxy& parent = config.proxy.upstream_proxy;
  const auto is_own = [&](const std::string& url) {
    return std::any_of(config.proxy.listen.begin(), config.proxy.listen.end(),
                       [&](const std::string& listen) { return url == "http://" + listen; });
  };
  const auto check = [&](const std::string& url, const std::string& where) {
    if (is_own(url)) problems.push_back({where, json::write(url) + ": is this proxy itself (listen)"});
  };
  check(parent.url, "upstream_proxy");
  check(parent.https_url, "upstream_proxy.https");
  for (std::size_t i = 0; i < config.policy.providers.size(); ++i) {
    const auto& provider = config.policy.providers[i];
    const std::string where = json::join("providers", i);
    check(provider.upstream_proxy, json::join(where, "upstream_proxy"));
    if (provider.client_certificate.empty() == provider.client_key.empty()) continue;
    const bool has_key = provider.client_certificate.empty();
    problems.push_back({json::join(where, has_key ? "client_key" : "client_certificate"),
                        json::write(has_key ? provider.client_key : provider.client_certificate) + ": needs " +
                            (has_key ? "client_certificate" : "client_key") + ", too"});
  }
}

}  // namespace

void check_config(Config& config, Problems& problems) {
  check_listeners(config, problems);
  check_bounds(config, problems);
  check_providers(config, problems);
  check_tls(config, problems);
  check_upstreams(config, problems);
}

}  // namespace backoffd::admin
