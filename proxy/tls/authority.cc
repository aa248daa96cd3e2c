#include "proxy/tls/authority.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>

#include "policy/text.h"
#include "proxy/tls/certificate.h"
#include "proxy/tls/pem.h"

namespace backoffd::proxy {
namespace {

using policy::Error;
using policy::Result;
using policy::WallTime;

constexpr auto kBackDated = std::chrono::days(1);
constexpr auto kLife = std::chrono::days(3 * 365);

Error openssl_failed(const char* doing) {
  return {"", std::string("cannot ") + doing + ": " + openssl_error("unknown")};
}

X509_NAME* subject_of(X509* certificate) { return X509_get_subject_name(certificate); }

bool name_subject(X509* certificate, const std::string& common_name) {
  return X509_NAME_add_entry_by_NID(subject_of(certificate), NID_commonName, MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(common_name.data()),
                                    static_cast<int>(common_name.size()), -1, 0) == 1;
}

// Two authorities in one trust store are told apart by this.
std::string random_id() {
  std::array<unsigned char, 4> bytes{};
  RAND_bytes(bytes.data(), static_cast<int>(bytes.size()));
  char text[9];
  std::snprintf(text, sizeof text, "%02x%02x%02x%02x", bytes[0], bytes[1], bytes[2], bytes[3]);
  return text;
}

struct Place {
  std::string common_name;
  long path_length;
  int usage;
};

// `issuer` null: signs itself. Null: openssl_error() says why.
X509Ptr make_ca(const Place& place, const NameConstraints& constraints, const Validity& validity, EVP_PKEY* key,
                X509* issuer, EVP_PKEY* issuer_key) {
  X509Ptr made = begin_certificate(validity, key);
  X509* above = issuer != nullptr ? issuer : made.get();
  const bool ok =
      made && name_subject(made.get(), place.common_name) && X509_set_issuer_name(made.get(), subject_of(above)) == 1 &&
      add_basic_constraints(made.get(), true, place.path_length) && add_key_usage(made.get(), place.usage) &&
      // The key that is kept may sign for TLS servers alone: no mail, no code, no client.
      (issuer == nullptr || add_server_auth(made.get())) && add_name_constraints(made.get(), constraints) &&
      add_key_identifiers(made.get(), above) && sign_certificate(made.get(), issuer_key);
  return ok ? std::move(made) : nullptr;
}

std::string one_line(const X509_NAME* name) {
  const BioPtr memory(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(memory.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  return text_in(memory.get());
}

std::string quoted(X509* certificate) { return "\"" + one_line(subject_of(certificate)) + "\""; }

std::string date(WallTime time) {
  const auto text = policy::format_http_date(std::chrono::floor<std::chrono::seconds>(time));
  return {text.begin(), text.end()};
}

Result<bool> check_certificate(X509* certificate, WallTime now) {
  const Validity validity = validity_of(certificate);
  if (now < validity.not_before)
    return Error{"", quoted(certificate) + " is not valid before " + date(validity.not_before)};
  if (now >= validity.not_after) return Error{"", quoted(certificate) + " expired on " + date(validity.not_after)};
  if ((X509_get_extension_flags(certificate) & EXFLAG_CA) == 0) {
    return Error{"", quoted(certificate) + " is no certificate authority: its basic constraints are without CA:TRUE"};
  }
  if ((X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN) == 0) {
    return Error{"", quoted(certificate) + " may not sign certificates: its key usage is without keyCertSign"};
  }
  return true;
}

Result<bool> check_key(const std::vector<X509Ptr>& chain, EVP_PKEY* key) {
  const auto own = std::find_if(chain.begin(), chain.end(),
                                [key](const X509Ptr& one) { return X509_check_private_key(one.get(), key) == 1; });
  ERR_clear_error();
  if (own == chain.begin()) return true;
  if (own == chain.end()) return Error{"", "the key is not that of " + quoted(chain.front().get())};
  return Error{"", "the key is that of " + quoted(own->get()) + ", which must come first in the chain"};
}

// What X509_verify_cert() says of the issuing certificate below the root of its own chain.
Result<bool> check_chain(const std::vector<X509Ptr>& chain, WallTime now) {
  X509* issuer = chain.front().get();
  X509* root = chain.back().get();
  if (X509_self_signed(root, 0) != 1) {
    return Error{"", "the chain ends in " + quoted(root) + ", which is no root: add those above it, up to the root"};
  }
  for (const X509Ptr& certificate : chain) {
    if (auto checked = check_certificate(certificate.get(), now); !checked) return checked;
  }
  if (X509_check_purpose(issuer, X509_PURPOSE_SSL_SERVER, 1) != 1) {
    return Error{"", quoted(issuer) + " may not sign for TLS servers: its extended key usage is without serverAuth"};
  }
  const X509StorePtr store(X509_STORE_new());
  const X509StoreContextPtr context(X509_STORE_CTX_new());
  const X509StackPtr between(sk_X509_new_null());
  bool ok = store && context && between && X509_STORE_add_cert(store.get(), root) == 1;
  for (const X509Ptr& certificate : chain) ok = ok && sk_X509_push(between.get(), certificate.get()) > 0;
  ok = ok && X509_STORE_CTX_init(context.get(), store.get(), issuer, between.get()) == 1;
  if (!ok) return openssl_failed("check the chain");
  X509_STORE_CTX_set_time(
      context.get(), 0,
      std::chrono::system_clock::to_time_t(std::chrono::time_point_cast<std::chrono::system_clock::duration>(now)));
  if (X509_verify_cert(context.get()) == 1) return true;
  const int code = X509_STORE_CTX_get_error(context.get());
  return Error{"", "the chain does not verify: " + std::string(X509_verify_cert_error_string(code))};
}

}  // namespace

Result<Authority> Authority::create(const NameConstraints& constraints, WallTime now) {
  const Validity validity{now - kBackDated, now - kBackDated + kLife};
  const std::string id = random_id();
  const PkeyPtr root_key = make_key();
  PkeyPtr key = make_key();
  if (!root_key || !key) return openssl_failed("make a key");
  const Place top{"backoffd CA " + id, 1, KU_KEY_CERT_SIGN | KU_CRL_SIGN};
  const X509Ptr root = make_ca(top, constraints, validity, root_key.get(), nullptr, root_key.get());
  if (!root) return openssl_failed("make the root certificate");
  const Place below{"backoffd CA " + id + " issuer", 0, KU_KEY_CERT_SIGN};
  const X509Ptr issuer = make_ca(below, constraints, validity, key.get(), root.get(), root_key.get());
  if (!issuer) return openssl_failed("make the issuing certificate");
  // Read back, it is in the state that threads may share: nothing is left to be encoded or looked up on first use.
  return parse(pem_of(issuer.get()) + pem_of(root.get()), pem_of(key.get()), now);
}

Result<Authority> Authority::parse(std::string_view chain_pem, std::string_view key_pem, WallTime now) {
  auto chain = read_certificates(chain_pem);
  if (!chain) return chain.error();
  auto key = read_private_key(key_pem);
  if (!key) return key.error();
  if (const auto checked = check_key(*chain, key->get()); !checked) return checked.error();
  if (const auto checked = check_chain(*chain, now); !checked) return checked.error();
  NameConstraints constraints;
  constraints.any = true;
  for (const X509Ptr& certificate : *chain) {
    const auto own = name_constraints_of(certificate.get());
    if (!own) return Error{"", quoted(certificate.get()) + ": " + own.error().text()};
    constraints = constraints.intersect(*own);
  }
  return Authority(std::move(*chain), std::move(*key), std::move(constraints));
}

std::string Authority::chain_pem() const {
  std::string pem;
  for (const X509Ptr& certificate : chain_) pem += pem_of(certificate.get());
  return pem;
}

std::string Authority::root_pem() const { return pem_of(root()); }

std::string Authority::key_pem() const { return pem_of(key_.get()); }

std::string Authority::fingerprint() const {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  X509_digest(root(), EVP_sha256(), digest, &length);
  std::string text;
  for (unsigned i = 0; i < length; ++i) {
    char octet[4];
    std::snprintf(octet, sizeof octet, "%s%02X", i == 0 ? "" : ":", digest[i]);
    text += octet;
  }
  return text;
}

std::string Authority::subject() const { return one_line(subject_of(root())); }

WallTime Authority::not_before() const {
  WallTime latest = WallTime::min();
  for (const X509Ptr& certificate : chain_) latest = std::max(latest, validity_of(certificate.get()).not_before);
  return latest;
}

WallTime Authority::not_after() const {
  WallTime earliest = WallTime::max();
  for (const X509Ptr& certificate : chain_) earliest = std::min(earliest, validity_of(certificate.get()).not_after);
  return earliest;
}

}  // namespace backoffd::proxy
