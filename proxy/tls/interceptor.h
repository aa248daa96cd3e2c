// The client's side of interception: which hosts, the server context that all intercepted connections share (and with
// it the session tickets: a client resumes at any worker), leaves from the mint, and who is passed through.
//
// One for all workers, made before they start; every function may be called from any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policy/result.h"
#include "policy/time.h"
#include "proxy/config.h"
#include "proxy/tls/authority.h"
#include "proxy/tls/mint.h"
#include "proxy/tls/openssl.h"
#include "proxy/tls/pass_through.h"

namespace backoffd::proxy {

class Interceptor {
 public:
  // REQUIRES: tls.intercept is not `none`.
  static policy::Result<std::unique_ptr<Interceptor>> make(const Tls& config, Authority authority);

  // Is this CONNECT target intercepted for this client? By tls.intercept, tls.passthrough, the constraints of the
  // authority (what it may not sign is tunnelled), and what was learned.
  bool intercepts(std::string_view client, std::string_view host, policy::MonoTime now);

  // The server's end of a handshake with a leaf for `host`. ALPN http/1.1 only; TLS 1.2 or later, no renegotiation.
  policy::Result<SslPtr> accept(std::string_view host, policy::WallTime now);

  const Authority& authority() const { return authority_; }
  PassThrough& pass_through() { return pass_through_; }
  const PassThrough& pass_through() const { return pass_through_; }
  const Mint& mint() const { return *mint_; }

 private:
  Interceptor(const Tls& config, Authority authority);

  const Tls& config_;
  const Authority authority_;
  std::unique_ptr<Mint> mint_;
  SslContextPtr context_;
  PassThrough pass_through_;
};

}  // namespace backoffd::proxy
