#include "proxy/tls/certificate.h"

#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <ctime>

namespace backoffd::proxy {
namespace {

struct PartDelete {
  void operator()(BASIC_CONSTRAINTS* part) const { BASIC_CONSTRAINTS_free(part); }
  void operator()(EXTENDED_KEY_USAGE* part) const { EXTENDED_KEY_USAGE_free(part); }
  void operator()(AUTHORITY_KEYID* part) const { AUTHORITY_KEYID_free(part); }
  void operator()(ASN1_STRING* part) const { ASN1_STRING_free(part); }
  void operator()(BIGNUM* part) const { BN_free(part); }
};
template <class T>
using Part = std::unique_ptr<T, PartDelete>;

bool add(X509* certificate, int kind, void* value, bool critical) {
  return X509_add1_ext_i2d(certificate, kind, value, critical ? 1 : 0, X509V3_ADD_DEFAULT) == 1;
}

bool set_serial_number(X509* certificate) {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return false;
  bytes[0] = (bytes[0] & 0x7f) | 0x40;  // positive, and never short
  const Part<BIGNUM> number(BN_bin2bn(bytes, sizeof bytes, nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

std::time_t seconds_of(policy::WallTime time) {
  return static_cast<std::time_t>(std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count());
}

policy::WallTime time_of(const ASN1_TIME* time) {
  std::tm parts{};
  ASN1_TIME_to_tm(time, &parts);
  return policy::WallTime(std::chrono::seconds(timegm(&parts)));
}

}  // namespace

PkeyPtr make_key() { return PkeyPtr(EVP_EC_gen("P-256")); }

X509Ptr begin_certificate(const Validity& validity, EVP_PKEY* public_key) {
  X509Ptr certificate(X509_new());
  const bool ok = certificate && X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
                  set_serial_number(certificate.get()) &&
                  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), seconds_of(validity.not_before)) != nullptr &&
                  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), seconds_of(validity.not_after)) != nullptr &&
                  X509_set_pubkey(certificate.get(), public_key) == 1;
  return ok ? std::move(certificate) : nullptr;
}

bool add_basic_constraints(X509* certificate, bool ca, std::optional<long> path_length) {
  const Part<BASIC_CONSTRAINTS> part(BASIC_CONSTRAINTS_new());
  if (!part) return false;
  part->ca = ca ? 0xff : 0;
  if (path_length) {
    part->pathlen = ASN1_INTEGER_new();
    if (part->pathlen == nullptr || ASN1_INTEGER_set(part->pathlen, *path_length) != 1) return false;
  }
  return add(certificate, NID_basic_constraints, part.get(), true);
}

bool add_key_usage(X509* certificate, int bits) {
  const Part<ASN1_STRING> part(ASN1_BIT_STRING_new());
  if (!part) return false;
  for (int bit = 0; bit < 8; ++bit) {  // the first bit of the string is the highest of KU_...
    if ((bits & (0x80 >> bit)) != 0 && ASN1_BIT_STRING_set_bit(part.get(), bit, 1) != 1) return false;
  }
  return add(certificate, NID_key_usage, part.get(), true);
}

bool add_server_auth(X509* certificate) {
  const Part<EXTENDED_KEY_USAGE> part(sk_ASN1_OBJECT_new_null());
  return part && sk_ASN1_OBJECT_push(part.get(), OBJ_nid2obj(NID_server_auth)) > 0 &&
         add(certificate, NID_ext_key_usage, part.get(), false);
}

bool add_key_identifiers(X509* certificate, const X509* issuer) {
  // 160 bits of SHA-256 (RFC 7093 2, method 1).
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  if (X509_pubkey_digest(certificate, EVP_sha256(), digest, &length) != 1) return false;
  const Part<ASN1_STRING> subject(ASN1_OCTET_STRING_new());
  if (!subject || ASN1_STRING_set(subject.get(), digest, 20) != 1) return false;
  if (!add(certificate, NID_subject_key_identifier, subject.get(), false)) return false;

  const ASN1_OCTET_STRING* above =
      issuer == certificate ? subject.get() : X509_get0_subject_key_id(const_cast<X509*>(issuer));
  if (above == nullptr) return true;
  const Part<AUTHORITY_KEYID> authority(AUTHORITY_KEYID_new());
  if (!authority) return false;
  authority->keyid = ASN1_OCTET_STRING_dup(above);
  return authority->keyid != nullptr && add(certificate, NID_authority_key_identifier, authority.get(), false);
}

bool sign_certificate(X509* certificate, EVP_PKEY* issuer_key) {
  // These two hash by themselves (RFC 8410); all other kinds of keys take SHA-256.
  const bool hashes_itself = EVP_PKEY_is_a(issuer_key, "ED25519") == 1 || EVP_PKEY_is_a(issuer_key, "ED448") == 1;
  return X509_sign(certificate, issuer_key, hashes_itself ? nullptr : EVP_sha256()) > 0;
}

Validity validity_of(const X509* certificate) {
  return {time_of(X509_get0_notBefore(certificate)), time_of(X509_get0_notAfter(certificate))};
}

}  // namespace backoffd::proxy
