// Certificates that the product would never issue, and what OpenSSL says of a chain.
#pragma once

#include <string>

#include "proxy/tls/authority.h"
#include "proxy/tls/certificate.h"

namespace backoffd::test {

// What a certificate says, as OpenSSL's own configuration writes extensions; empty: without it.
struct Paper {
  std::string common_name = "somebody";
  std::string basic_constraints = "CA:FALSE";  // "critical,CA:TRUE,pathlen:0"
  std::string key_usage = "digitalSignature";  // "keyCertSign"
  std::string extended_key_usage = "serverAuth";
  std::string san = {};               // "DNS:a.example,IP:127.0.0.1"
  std::string name_constraints = {};  // "permitted;DNS:.a.example"
};

// Signed by `issuer_key` in the name of `issuer`; null: by itself.
proxy::X509Ptr sign(const Paper& paper, const proxy::Validity& validity, EVP_PKEY* key, X509* issuer,
                    EVP_PKEY* issuer_key);

// An extension as OpenSSL prints it, "critical: " before it where it is; "absent".
std::string extension(const X509* certificate, int kind);  // NID_...

// X509_verify_cert() as a client does it that trusts the root alone, gets leaf and issuer in the handshake and wants
// `host`: "ok", or the error in words. `sub`: one more certificate between leaf and issuer.
std::string verify(X509* leaf, const proxy::Authority& authority, const std::string& host, policy::WallTime now,
                   X509* sub = nullptr);

}  // namespace backoffd::test
