// Rules between keys.
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

}  // namespace

void check_config(Config& config, Problems& problems) {
  check_listeners(config, problems);
  check_bounds(config, problems);
  check_providers(config, problems);
}

}  // namespace backoffd::admin
