// The parts that every certificate made here has, whoever issues it: version 3, a random serial number, a validity, key
// identifiers, a signature with SHA-256.
#pragma once

#include <optional>

#include "policy/time.h"
#include "proxy/tls/openssl.h"

namespace backoffd::proxy {

struct Validity {
  policy::WallTime not_before;
  policy::WallTime not_after;
};

// ECDSA P-256; null: openssl_error() says why.
PkeyPtr make_key();

// Version 3, with serial number (127 random bits, positive), validity and public key; no names yet, no extension, no
// signature. Null: openssl_error() says why.
X509Ptr begin_certificate(const Validity& validity, EVP_PKEY* public_key);

// False: openssl_error() says why.
bool add_basic_constraints(X509* certificate, bool ca, std::optional<long> path_length);  // critical
bool add_key_usage(X509* certificate, int bits);                                          // KU_...; critical
bool add_server_auth(X509* certificate);                                                  // extended key usage
// Subject and authority key identifiers; an issuer without an identifier of its own cannot be named by it.
bool add_key_identifiers(X509* certificate, const X509* issuer);
bool sign_certificate(X509* certificate, EVP_PKEY* issuer_key);

Validity validity_of(const X509* certificate);

}  // namespace backoffd::proxy
