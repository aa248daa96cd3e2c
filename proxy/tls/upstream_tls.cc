#include "proxy/tls/upstream_tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>

#include "policy/text.h"
#include "proxy/net/address.h"
#include "proxy/tls/context.h"
#include "proxy/tls/pem.h"

namespace backoffd::proxy {

namespace {

using policy::Error;
using policy::Result;

Error file_error(const std::string& key, const std::string& path, const std::string& what) {
  return Error{key, '"' + path + "\": " + what};
}

// What `read` makes of the PEM file that the configuration's `key` names.
template <typename T>
Result<T> read_file(const std::string& key, const std::string& path, Result<T> (*read)(std::string_view)) {
  ERR_clear_error();
  const BioPtr file(BIO_new_file(path.c_str(), "r"));
  if (!file) return file_error(key, path, openssl_error("cannot be opened"));
  std::string text;
  char part[4096];
  for (int n; (n = BIO_read(file.get(), part, sizeof part)) > 0;) text.append(part, static_cast<std::size_t>(n));
  auto result = read(text);
  if (!result) return file_error(key, path, result.error().text());
  return result;
}

Result<std::vector<X509Ptr>> certificates_in(const std::string& key, const std::string& path) {
  return read_file<std::vector<X509Ptr>>(key, path, &read_certificates);
}

// What the new_session callback needs of a handle: where its sessions go.
struct SessionSlot {
  SessionCache& cache;
  const std::string origin;
};

int slot_index() {
  static const int kIndex = SSL_get_ex_new_index(
      0, nullptr, nullptr, nullptr,
      [](void*, void* slot, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<SessionSlot*>(slot); });
  return kIndex;
}

int keep_session(SSL* ssl, SSL_SESSION* session) {
  const auto* slot = static_cast<SessionSlot*>(SSL_get_ex_data(ssl, slot_index()));
  if (slot == nullptr) return 0;
  slot->cache.give(slot->origin, SslSessionPtr(session));
  return 1;  // ours now
}

}  // namespace

Result<std::unique_ptr<UpstreamTls>> UpstreamTls::make(const Tls& config,
                                                       const std::vector<policy::ProviderConfig>& providers) {
  std::unique_ptr<UpstreamTls> made(new UpstreamTls(config, providers));
  if (auto loaded = made->load(); !loaded) return loaded.error();
  return made;
}

Result<bool> UpstreamTls::load() {
  general_ = std::make_unique<Context>();
  const auto add_roots = [](Context& context, const std::string& key, const std::string& path) -> Result<bool> {
    auto roots = certificates_in(key, path);
    if (!roots) return roots.error();
    for (X509Ptr& root : *roots) context.roots.push_back(std::move(root));
    return true;
  };
  const auto add_general = [&](Context& context) -> Result<bool> {
    for (std::size_t i = 0; i < config_.upstream_roots.size(); ++i) {
      const std::string key = "tls.upstream_roots[" + std::to_string(i) + "]";
      if (auto added = add_roots(context, key, config_.upstream_roots[i]); !added) return added.error();
    }
    return true;
  };
  if (auto added = add_general(*general_); !added) return added.error();
  own_.resize(providers_.size());
  for (std::size_t i = 0; i < providers_.size(); ++i) {
    const policy::ProviderConfig& provider = providers_[i];
    if (provider.upstream_roots.empty() && provider.client_certificate.empty()) continue;
    const std::string place = "providers[" + std::to_string(i) + "].";
    auto context = std::make_unique<Context>();
    if (auto added = add_general(*context); !added) return added.error();
    if (!provider.upstream_roots.empty()) {
      auto added = add_roots(*context, place + "upstream_roots", provider.upstream_roots);
      if (!added) return added.error();
    }
    if (!provider.client_certificate.empty()) {
      auto chain = certificates_in(place + "client_certificate", provider.client_certificate);
      if (!chain) return chain.error();
      auto key = read_file<PkeyPtr>(place + "client_key", provider.client_key, &read_private_key);
      if (!key) return key.error();
      if (X509_check_private_key(chain->front().get(), key->get()) != 1) {
        ERR_clear_error();
        return file_error(place + "client_key", provider.client_key,
                          "is not the key of \"" + provider.client_certificate + '"');
      }
      context->certificate = std::move(chain->front());
      chain->erase(chain->begin());
      context->chain = std::move(*chain);
      context->key = std::move(*key);
    }
    own_[i] = std::move(context);
  }
  return true;
}

SslContextPtr UpstreamTls::make_context(const Context& from) {
  SslContextPtr context = new_context(TLS_client_method());
  if (!context) return nullptr;
  // The system's roots, or those that SSL_CERT_FILE and SSL_CERT_DIR name. A system without any leaves our own.
  SSL_CTX_set_default_verify_paths(context.get());
  ERR_clear_error();
  X509_STORE* store = SSL_CTX_get_cert_store(context.get());
  for (const X509Ptr& root : from.roots) X509_STORE_add_cert(store, root.get());
  // A root that is trusted is the end of a chain, whoever signed it in turn.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
  if (from.certificate) {
    SSL_CTX_use_certificate(context.get(), from.certificate.get());
    SSL_CTX_use_PrivateKey(context.get(), from.key.get());
    for (const X509Ptr& one : from.chain) SSL_CTX_add1_chain_cert(context.get(), one.get());
  }
  static constexpr unsigned char kAlpn[] = "\x08http/1.1";
  SSL_CTX_set_alpn_protos(context.get(), kAlpn, sizeof kAlpn - 1);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context.get(), &keep_session);
  return context;
}

UpstreamTls::Context& UpstreamTls::context_for(std::string_view host) {
  const policy::ProviderConfig* provider = index_.by_host(host);
  if (provider != nullptr) {
    const auto& own = own_[static_cast<std::size_t>(provider - providers_.data())];
    if (own) return *own;
  }
  return *general_;
}

bool UpstreamTls::verifies(std::string_view host) const {
  const auto& exempt = config_.insecure_skip_verify;
  return std::none_of(exempt.begin(), exempt.end(),
                      [&](const std::string& one) { return policy::equals_ignoring_case(one, host); });
}

SSL_CTX* UpstreamTls::made(Context& context) {
  std::call_once(context.made, [&] { context.context = make_context(context); });
  return context.context.get();
}

void UpstreamTls::prepare() {
  made(*general_);
  for (const auto& own : own_) {
    if (own) made(*own);
  }
}

Result<SslPtr> UpstreamTls::start(std::string_view host, const std::string& origin, SessionCache& cache) {
  SSL_CTX* context = made(context_for(host));
  if (context == nullptr) return Error{"", openssl_error("no TLS context")};
  SslPtr ssl(SSL_new(context));
  if (!ssl) return Error{"", openssl_error("no TLS handle")};
  SSL_set_connect_state(ssl.get());
  // The root label is no part of a server name, nor of the names in a certificate (RFC 6066 3).
  const std::string name(without_root_dot(host));
  const bool is_address = Address::parse(name).has_value();
  // RFC 6066 3: an address is no server name.
  if (!is_address) SSL_set_tlsext_host_name(ssl.get(), name.c_str());
  if (verifies(host)) {
    SSL_set_verify(ssl.get(), SSL_VERIFY_PEER, nullptr);
    SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    const bool bound = is_address ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), name.c_str()) == 1
                                  : SSL_set1_host(ssl.get(), name.c_str()) == 1;
    if (!bound) return Error{"", openssl_error("the host cannot be checked")};
  }
  if (const SslSessionPtr session = cache.take(origin)) SSL_set_session(ssl.get(), session.get());
  SSL_set_ex_data(ssl.get(), slot_index(), new SessionSlot{cache, origin});
  return ssl;
}

}  // namespace backoffd::proxy
