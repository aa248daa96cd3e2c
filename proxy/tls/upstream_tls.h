// The upstream side: which roots a server is judged by, what certificate it is shown, and the client's end of a
// handshake. TLS 1.2 or later, hostname checked, ALPN http/1.1, SNI, no renegotiation.
//
// One for all workers, made before they start; start() may be called from any thread. Reading the system's roots takes
// some ten milliseconds and a few MiB, so that is done by the first handshake, or beside the serving threads by
// prepare().
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "policy/config.h"
#include "policy/provider.h"
#include "policy/result.h"
#include "proxy/config.h"
#include "proxy/tls/openssl.h"
#include "proxy/tls/session_cache.h"

namespace backoffd::proxy {

class UpstreamTls {
 public:
  // Reads every file that is named: an error names its key, the file and what is wrong with it. `config` and
  // `providers` outlive it and do not change.
  static policy::Result<std::unique_ptr<UpstreamTls>> make(const Tls& config,
                                                           const std::vector<policy::ProviderConfig>& providers);

  // The client's end of a handshake with `host` (as Target::host gives it). A session of `cache` under `origin` is
  // resumed, and new ones go there: both outlive the handle.
  policy::Result<SslPtr> start(std::string_view host, const std::string& origin, SessionCache& cache);

  // Reads the system's roots now, so that no worker's first handshake has to. From any thread.
  void prepare();

  bool verifies(std::string_view host) const;  // false: insecure_skip_verify names it

 private:
  // One for each provider that asks for something of its own, and one for all others.
  struct Context {
    std::vector<X509Ptr> roots;  // besides the system's
    X509Ptr certificate;
    std::vector<X509Ptr> chain;
    PkeyPtr key;
    std::once_flag made;
    SslContextPtr context;  // null where it could not be made
  };

  UpstreamTls(const Tls& config, const std::vector<policy::ProviderConfig>& providers)
      : config_(config), providers_(providers), index_(providers) {}
  policy::Result<bool> load();
  Context& context_for(std::string_view host);
  static SSL_CTX* made(Context& context);
  static SslContextPtr make_context(const Context& from);

  const Tls& config_;
  const std::vector<policy::ProviderConfig>& providers_;
  const policy::ProviderIndex index_;
  std::unique_ptr<Context> general_;
  std::vector<std::unique_ptr<Context>> own_;  // by the provider's place; null: it takes the general one
};

}  // namespace backoffd::proxy
