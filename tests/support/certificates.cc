#include "tests/support/certificates.h"

#include <openssl/x509v3.h>

#include "proxy/tls/pem.h"

namespace backoffd::test {
namespace {

void extend(X509* certificate, X509* issuer, int kind, const std::string& value) {
  if (value.empty()) return;
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  if (extension != nullptr) X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

proxy::X509Ptr sign(const Paper& paper, const proxy::Validity& validity, EVP_PKEY* key, X509* issuer,
                    EVP_PKEY* issuer_key) {
  proxy::X509Ptr made = proxy::begin_certificate(validity, key);
  X509* above = issuer != nullptr ? issuer : made.get();
  X509_NAME_add_entry_by_NID(X509_get_subject_name(made.get()), NID_commonName, MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(paper.common_name.c_str()), -1, -1, 0);
  X509_set_issuer_name(made.get(), X509_get_subject_name(above));
  extend(made.get(), above, NID_basic_constraints, paper.basic_constraints);
  extend(made.get(), above, NID_key_usage, paper.key_usage);
  extend(made.get(), above, NID_ext_key_usage, paper.extended_key_usage);
  extend(made.get(), above, NID_subject_alt_name, paper.san);
  extend(made.get(), above, NID_name_constraints, paper.name_constraints);
  extend(made.get(), above, NID_subject_key_identifier, "hash");
  if (issuer != nullptr) extend(made.get(), above, NID_authority_key_identifier, "keyid");
  proxy::sign_certificate(made.get(), issuer != nullptr ? issuer_key : key);
  return made;
}

std::string extension(const X509* certificate, int kind) {
  const int at = X509_get_ext_by_NID(certificate, kind, -1);
  if (at < 0) return "absent";
  X509_EXTENSION* found = X509_get_ext(certificate, at);
  const proxy::BioPtr memory(BIO_new(BIO_s_mem()));
  X509V3_EXT_print(memory.get(), found, 0, 0);
  return (X509_EXTENSION_get_critical(found) != 0 ? "critical: " : "") + proxy::text_in(memory.get());
}

std::string verify(X509* leaf, const proxy::Authority& authority, const std::string& host, policy::WallTime now,
                   X509* sub) {
  const proxy::X509StorePtr store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), authority.root());
  const proxy::X509StackPtr sent(sk_X509_new_null());
  sk_X509_push(sent.get(), authority.issuer());
  if (sub != nullptr) sk_X509_push(sent.get(), sub);
  const proxy::X509StoreContextPtr context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), leaf, sent.get());
  X509_STORE_CTX_set_default(context.get(), "ssl_server");
  X509_VERIFY_PARAM* wanted = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(wanted, std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count());
  X509_VERIFY_PARAM_set_flags(wanted, X509_V_FLAG_X509_STRICT);
  if (proxy::Address::parse(host)) {
    X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str());
  } else {
    X509_VERIFY_PARAM_set1_host(wanted, host.c_str(), host.size());
  }
  X509_verify_cert(context.get());
  return X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
}

}  // namespace backoffd::test
