#include "proxy/parent_proxies.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "policy/text.h"
#include "proxy/http/target.h"
#include "proxy/tls/openssl.h"

namespace backoffd::proxy {

namespace {

using policy::Error;
using policy::Result;

Error at(const std::string& key, std::string_view value, const std::string& what) {
  return Error{key, '"' + std::string(value) + "\": " + what};
}

// RFC 7617 2: user-id without a colon, then the password; no control characters in either.
Result<std::string> read_credentials(const std::string& path) {
  const std::string key = "upstream_proxy_credentials";
  std::ifstream file(path);
  std::string line;
  if (!file) return at(key, path, std::strerror(errno));
  std::getline(file, line);
  if (!line.empty() && line.back() == '\r') line.pop_back();
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (line.find(':') == std::string::npos || line.front() == ':') {
    return at(key, path, "its first line must be user:password");
  }
  if (line.size() > 1024 || std::any_of(line.begin(), line.end(), is_control)) {
    return at(key, path, "its first line is too long, or holds control characters");
  }
  return "Basic " + base64(line);
}

}  // namespace

std::string ParentProxy::authority() const { return authority_with_port(host, port); }

Result<ParentProxy> parse_proxy_url(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  if (url.find("://") == std::string_view::npos) return Error{"", "expected http://HOST:PORT"};
  if (!policy::starts_with_ignoring_case(url, kScheme)) {
    return Error{"", "only proxies that are spoken to in plain HTTP can be used: http://HOST:PORT"};
  }
  url.remove_prefix(kScheme.size());
  if (url.ends_with('/')) url.remove_suffix(1);
  if (url.find('@') != std::string_view::npos) {
    return Error{"", "user and password belong in the file that upstream_proxy_credentials names"};
  }
  ParentProxy parent;
  if (!parse_authority(url, parent.host, parent.port)) return Error{"", "expected http://HOST:PORT"};
  return parent;
}

Result<std::unique_ptr<ParentProxies>> ParentProxies::make(const UpstreamProxy& config,
                                                           const std::vector<policy::ProviderConfig>& providers) {
  std::unique_ptr<ParentProxies> made(new ParentProxies(providers));
  std::string authorization;
  if (!config.credentials_file.empty()) {
    auto read = read_credentials(config.credentials_file);
    if (!read) return read.error();
    authorization = std::move(*read);
  }
  const auto parent_at = [&](const std::string& key, const std::string& url) -> Result<std::unique_ptr<ParentProxy>> {
    auto parent = parse_proxy_url(url);
    // What stands before "@" is nobody's to read.
    if (!parent && url.find('@') != std::string::npos) return Error{key, parent.error().what};
    if (!parent) return at(key, url, parent.error().what);
    parent->authorization = authorization;
    return std::make_unique<ParentProxy>(std::move(*parent));
  };
  const auto set = [&](std::unique_ptr<ParentProxy>& to, const std::string& url) -> Result<bool> {
    if (url.empty() || url == "direct") return true;
    auto parent = parent_at("upstream_proxy", url);
    if (!parent) return parent.error();
    to = std::move(*parent);
    return true;
  };
  if (auto done = set(made->plain_, config.url); !done) return done.error();
  if (auto done = set(made->secure_, config.https_url.empty() ? config.url : config.https_url); !done) {
    return done.error();
  }
  for (std::size_t i = 0; i < providers.size(); ++i) {
    const std::string& url = providers[i].upstream_proxy;
    if (url.empty()) continue;
    Own own{providers[i].name, nullptr};
    if (url != "direct") {
      auto parent = parent_at("providers[" + std::to_string(i) + "].upstream_proxy", url);
      if (!parent) return parent.error();
      own.proxy = std::move(*parent);
    }
    made->own_.push_back(std::move(own));
  }
  for (const std::string& entry : config.no_proxy) {
    std::string why;
    if (const auto range = Cidr::parse(entry, why)) {
      made->exempt_ranges_.push_back(*range);
    } else if (entry == "*" || entry.starts_with("*.")) {
      made->exempt_globs_.push_back(entry);
    } else {
      // "example.org" and ".example.org" both mean the name and all below it: so do curl, Python and Go.
      const std::string name = entry.starts_with('.') ? entry.substr(1) : entry;
      made->exempt_globs_.push_back(name);
      made->exempt_globs_.push_back("*." + name);
    }
  }
  made->any_ = made->plain_ || made->secure_ || !made->own_.empty();
  return made;
}

bool ParentProxies::is_exempt(std::string_view host) const {
  host = without_root_dot(host);
  if (const auto address = Address::parse(host)) {
    if (std::any_of(exempt_ranges_.begin(), exempt_ranges_.end(),
                    [&](const Cidr& range) { return range.contains(*address); })) {
      return true;
    }
  }
  return std::any_of(exempt_globs_.begin(), exempt_globs_.end(),
                     [&](const std::string& glob) { return policy::glob_match_ignoring_case(glob, host); });
}

const ParentProxy* ParentProxies::between(std::string_view host, bool tls) const {
  if (!any_ || is_exempt(host)) return nullptr;
  if (const policy::ProviderConfig* provider = index_.by_host(host)) {
    const auto own =
        std::find_if(own_.begin(), own_.end(), [&](const Own& one) { return one.provider == provider->name; });
    if (own != own_.end()) return own->proxy.get();
  }
  return tls ? secure_.get() : plain_.get();
}

}  // namespace backoffd::proxy
