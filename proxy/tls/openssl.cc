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

std::string base64(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string default_roots_file() { return X509_get_default_cert_file(); }

}  // namespace backoffd::proxy

#ifdef __SANITIZE_THREAD__
// OpenSSL counts references with atomics that the sanitizer does not see, because the library is not built for it: the
// free by the last owner would look like a race with what an earlier owner read.
extern "C" const char* __tsan_default_suppressions();  // NOLINT(bugprone-reserved-identifier): the sanitizer's name
extern "C" const char* __tsan_default_suppressions() { return "called_from_lib:libcrypto.so\n"; }
#endif
