// Which upstreams are reached through another proxy, and what that one wants to hear: `upstream_proxy` in general,
// `providers[].upstream_proxy` for a provider's hosts, `no_proxy` against both. Immutable after make(): any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policy/config.h"
#include "policy/provider.h"
#include "policy/result.h"
#include "proxy/config.h"
#include "proxy/net/address.h"

namespace backoffd::proxy {

struct ParentProxy {
  std::string host;
  std::uint16_t port = 0;
  std::string authorization;  // value of Proxy-Authorization; empty: none

  std::string authority() const;
};

// "http://host:port", no path and no userinfo. Errors are sentences without the place.
policy::Result<ParentProxy> parse_proxy_url(std::string_view url);

class ParentProxies {
 public:
  // Errors name the key. Reads the credentials file. `providers` outlives it and does not change.
  static policy::Result<std::unique_ptr<ParentProxies>> make(const UpstreamProxy& config,
                                                             const std::vector<policy::ProviderConfig>& providers);

  // The proxy between us and that origin; null: none, it is dialled. `tls`: https, or a tunnel.
  const ParentProxy* between(std::string_view host, bool tls) const;

 private:
  explicit ParentProxies(const std::vector<policy::ProviderConfig>& providers) : index_(providers) {}
  bool is_exempt(std::string_view host) const;

  const policy::ProviderIndex index_;
  std::unique_ptr<ParentProxy> plain_;
  std::unique_ptr<ParentProxy> secure_;
  struct Own {
    std::string_view provider;
    std::unique_ptr<ParentProxy> proxy;  // null: "direct"
  };
  std::vector<Own> own_;
  std::vector<std::string> exempt_globs_;
  std::vector<Cidr> exempt_ranges_;
  bool any_ = false;  // there is a parent proxy at all
};

}  // namespace backoffd::proxy
