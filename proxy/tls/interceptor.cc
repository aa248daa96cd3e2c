#include "proxy/tls/interceptor.h"

#include <openssl/sha.h>

#include <algorithm>

#include "policy/text.h"
#include "proxy/net/address.h"
#include "proxy/tls/context.h"

namespace backoffd::proxy {

namespace {

using policy::Error;
using policy::Result;

bool matches_any(const std::vector<std::string>& globs, std::string_view host) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return policy::glob_match_ignoring_case(glob, host); });
}

// RFC 7301 3.2. A client that names protocols and not this one would wait for another protocol than we speak.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                    unsigned int offered_size, void*) {
  static constexpr unsigned char kOurs[] = "\x08http/1.1";
  unsigned char* found = nullptr;
  const int result = SSL_select_next_proto(&found, size, kOurs, sizeof kOurs - 1, offered, offered_size);
  *chosen = found;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

Interceptor::Interceptor(const Tls& config, Authority authority) : config_(config), authority_(std::move(authority)) {}

Result<std::unique_ptr<Interceptor>> Interceptor::make(const Tls& config, Authority authority) {
  std::unique_ptr<Interceptor> made(new Interceptor(config, std::move(authority)));
  auto mint = Mint::make(made->authority_);
  if (!mint) return mint.error();
  made->mint_ = std::move(*mint);
  made->context_ = new_context(TLS_server_method());
  if (!made->context_) return Error{"tls.intercept", openssl_error("no TLS context")};
  SSL_CTX* context = made->context_.get();
  SSL_CTX_set_alpn_select_cb(context, &choose_protocol, nullptr);
  // Tickets carry their state with them: any worker can resume, and nothing is kept here for clients that went.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  return made;
}

bool Interceptor::intercepts(std::string_view client, std::string_view host, policy::MonoTime now) {
  const std::string_view name = without_root_dot(host);
  if (config_.intercept != InterceptMode::all && !matches_any(config_.intercept_hosts, name)) return false;
  if (matches_any(config_.passthrough, name)) return false;
  return authority_.constraints().permits(host) && !pass_through_.passes(client, host, now);
}

Result<SslPtr> Interceptor::accept(std::string_view host, policy::WallTime now) {
  auto leaf = mint_->leaf(host, now);
  if (!leaf) return leaf.error();
  SslPtr ssl(SSL_new(context_.get()));
  if (!ssl) return Error{"", openssl_error("no TLS handle")};
  SSL_set_accept_state(ssl.get());
  // A ticket is good for the host it was given for, and for no other (RFC 8446 4.6.1).
  unsigned char context[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(host.data()), host.size(), context);
  bool good = SSL_set_session_id_context(ssl.get(), context, sizeof context) == 1 &&
              SSL_use_certificate(ssl.get(), leaf->get()) == 1 && SSL_use_PrivateKey(ssl.get(), mint_->key()) == 1;
  for (const X509Ptr& link : authority_.chain()) {
    // The root is for the client to have, or not.
    if (link.get() != authority_.root() || authority_.chain().size() == 1) {
      good = good && SSL_add1_chain_cert(ssl.get(), link.get()) == 1;
    }
  }
  if (!good) return Error{"", openssl_error("the leaf cannot be used")};
  return ssl;
}

}  // namespace backoffd::proxy
