#include "proxy/tls/openssl.h"

#include <openssl/err.h>

#include <cstring>

namespace backoffd::proxy {

std::string openssl_error(const char* otherwise) {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return otherwise;
  if (ERR_SYSTEM_ERROR(code)) return std::strerror(ERR_GET_REASON(code));
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : otherwise;
}

std::string default_roots_file() { return X509_get_default_cert_file(); }

}  // namespace backoffd::proxy
