// Certificates and keys as text (RFC 7468), read and written. Any thread. Errors say what is wrong in words and leave
// OpenSSL's queue empty.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/result.h"
#include "proxy/tls/openssl.h"

namespace backoffd::proxy {

// Every certificate in `pem`, in the order they stand there, at least one; what else is in it is passed over.
policy::Result<std::vector<X509Ptr>> read_certificates(std::string_view pem);

// The first private key in `pem`. One under a passphrase is refused: nobody is there to be asked.
policy::Result<PkeyPtr> read_private_key(std::string_view pem);

std::string pem_of(X509* certificate);
std::string pem_of(EVP_PKEY* private_key);  // PKCS #8, without a passphrase

// What has been written to a BIO in memory.
std::string text_in(BIO* memory);

}  // namespace backoffd::proxy
