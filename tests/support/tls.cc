#include "tests/support/tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <chrono>

#include "proxy/tls/pem.h"

namespace backoffd::test {

namespace {

// As OpenSSL's own programs choose: the product's choices (openssl.cnf's too) must not be what the test rests on.
proxy::SslContextPtr context_of(const SSL_METHOD* method, int min_version, int max_version) {
  proxy::SslContextPtr context(SSL_CTX_new(method));
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_cipher_list(context.get(), "ALL:@SECLEVEL=0");
  SSL_CTX_set_min_proto_version(context.get(), min_version);
  SSL_CTX_set_max_proto_version(context.get(), max_version);
  return context;
}

proxy::X509Ptr unsigned_leaf(const proxy::Validity& validity, EVP_PKEY* key, X509* issuer) {
  proxy::X509Ptr leaf = proxy::begin_certificate(validity, key);
  X509_set_issuer_name(leaf.get(), X509_get_subject_name(issuer));
  return leaf;
}

int choose(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
           unsigned int offered_size, void* wanted) {
  const std::string& ours = *static_cast<const std::string*>(wanted);
  unsigned char* found = nullptr;
  const int result = SSL_select_next_proto(&found, size, reinterpret_cast<const unsigned char*>(ours.data()),
                                           static_cast<unsigned>(ours.size()), offered, offered_size);
  *chosen = found;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

}  // namespace

proxy::Validity valid_from_days(int first, int last) {
  const policy::WallTime now = std::chrono::system_clock::now();
  return {now + std::chrono::days(first), now + std::chrono::days(last)};
}

// --- certificates ---

TestCa::TestCa(const std::string& common_name)
    : key_(proxy::make_key()),
      root_(sign({.common_name = common_name,
                  .basic_constraints = "critical,CA:TRUE",
                  .key_usage = "keyCertSign",
                  .extended_key_usage = ""},
                 valid_from_days(-1, 1), key_.get(), nullptr, nullptr)),
      file_(proxy::pem_of(root_.get())) {}

IdentityPtr TestCa::identity(const std::string& san) const { return identity({.san = san}, valid_from_days(-1, 1)); }

IdentityPtr TestCa::identity(const Paper& paper, const proxy::Validity& validity) const {
  auto made = std::make_shared<Identity>();
  made->key = proxy::make_key();
  made->certificate = sign(paper, validity, made->key.get(), root_.get(), key_.get());
  return made;
}

IdentityPtr TestCa::identity_of_octets(std::string_view name) const {
  auto made = std::make_shared<Identity>();
  made->key = proxy::make_key();
  made->certificate = unsigned_leaf(valid_from_days(-1, 1), made->key.get(), root_.get());
  ASN1_STRING* octets = ASN1_STRING_type_new(V_ASN1_IA5STRING);
  ASN1_STRING_set(octets, name.data(), static_cast<int>(name.size()));
  GENERAL_NAME* general = GENERAL_NAME_new();
  GENERAL_NAME_set0_value(general, GEN_DNS, octets);
  GENERAL_NAMES* names = GENERAL_NAMES_new();
  sk_GENERAL_NAME_push(names, general);
  X509_add1_ext_i2d(made->certificate.get(), NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT);
  GENERAL_NAMES_free(names);
  proxy::sign_certificate(made->certificate.get(), key_.get());
  return made;
}

const TestCa& test_ca() {
  static const TestCa ca("test root");
  return ca;
}

IdentityPtr self_signed(const std::string& san) {
  auto made = std::make_shared<Identity>();
  made->key = proxy::make_key();
  made->certificate = sign({.san = san}, valid_from_days(-1, 1), made->key.get(), nullptr, nullptr);
  return made;
}

// --- one end of a connection ---

TlsLayer::TlsLayer(proxy::SslPtr ssl) : ssl_(std::move(ssl)) {
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(in, -1);
  SSL_set_bio(ssl_.get(), in, out);
}

// However the connection ended, its session may be resumed: OpenSSL would forbid it.
TlsLayer::~TlsLayer() { SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); }

TlsLayer::Step TlsLayer::after(int result) {
  if (result > 0) return Step::ok;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Step::more;
    case SSL_ERROR_ZERO_RETURN:
      return Step::ended;
    default:
      error_ = proxy::openssl_error("unknown");
      return Step::failed;
  }
}

TlsLayer::Step TlsLayer::shake() {
  ERR_clear_error();
  return after(SSL_do_handshake(ssl_.get()));
}

TlsLayer::Step TlsLayer::open(std::string& plain) {
  ERR_clear_error();
  for (bool some = false;; some = true) {
    char bytes[16384];
    const int n = SSL_read(ssl_.get(), bytes, sizeof bytes);
    if (n <= 0 && some) return Step::ok;
    if (n <= 0) return after(n);
    plain.append(bytes, static_cast<std::size_t>(n));
  }
}

TlsLayer::Step TlsLayer::seal(std::string_view plain) {
  ERR_clear_error();
  if (plain.empty()) return Step::ok;
  return after(SSL_write(ssl_.get(), plain.data(), static_cast<int>(plain.size())));
}

void TlsLayer::close_notify() {
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

void TlsLayer::received(std::string_view wire) {
  BIO_write(SSL_get_rbio(ssl_.get()), wire.data(), static_cast<int>(wire.size()));
}

std::string TlsLayer::to_send() {
  BIO* out = SSL_get_wbio(ssl_.get());
  std::string wire(BIO_ctrl_pending(out), '\0');
  if (!wire.empty()) BIO_read(out, wire.data(), static_cast<int>(wire.size()));
  return wire;
}

std::string TlsLayer::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

// --- the parties ---

std::unique_ptr<TlsLayer> client_tls(const ClientTls& how) {
  const proxy::SslContextPtr context = context_of(TLS_client_method(), how.min_version, how.max_version);
  proxy::SslPtr ssl(SSL_new(context.get()));
  SSL_set_connect_state(ssl.get());
  if (!how.name.empty()) SSL_set_tlsext_host_name(ssl.get(), how.name.c_str());
  if (!how.alpn.empty()) {
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(how.alpn.data()),
                        static_cast<unsigned>(how.alpn.size()));
  }
  if (how.trusts != nullptr) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), how.trusts);
    SSL_set_verify(ssl.get(), SSL_VERIFY_PEER, nullptr);
  }
  if (!how.host.empty() && X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), how.host.c_str()) != 1) {
    SSL_set1_host(ssl.get(), how.host.c_str());
  }
  if (how.session != nullptr) SSL_set_session(ssl.get(), how.session);
  return std::make_unique<TlsLayer>(std::move(ssl));
}

Play::Script over_tls(Play::Script inside, const OriginTls& how) {
  // One context for all its connections: tickets are good at any of them.
  struct Party {
    OriginTls how;
    std::string alpn;
    proxy::SslContextPtr context;
  };
  auto party = std::make_shared<Party>();
  party->how = how;
  if (!how.identity) party->how.identity = test_ca().identity("IP:127.0.0.1,IP:::1,DNS:origin.test");
  party->context = context_of(TLS_server_method(), how.min_version, how.max_version);
  SSL_CTX* context = party->context.get();
  SSL_CTX_use_certificate(context, party->how.identity->certificate.get());
  SSL_CTX_use_PrivateKey(context, party->how.identity->key.get());
  SSL_CTX_set_session_id_context(context, reinterpret_cast<const unsigned char*>("play"), 4);
  if (!how.tickets) SSL_CTX_set_num_tickets(context, 0);
  if (!how.alpn.empty()) {
    party->alpn = static_cast<char>(how.alpn.size()) + how.alpn;
    SSL_CTX_set_alpn_select_cb(context, &choose, &party->alpn);
  }
  if (how.wants_certificate) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), test_ca().root());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return [party, inside = std::move(inside)](Upstream& origin, Peer& peer) {
    proxy::SslPtr ssl(SSL_new(party->context.get()));
    SSL_set_accept_state(ssl.get());
    if (!peer.start_tls(std::make_unique<TlsLayer>(std::move(ssl)))) return;
    inside(origin, peer);
    if (party->how.close_notify) peer.close_notify();
  };
}

}  // namespace backoffd::test
