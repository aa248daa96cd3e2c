// Owners for what OpenSSL hands out, and its errors in words.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>

namespace backoffd::proxy {

struct OpensslDelete {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
  void operator()(BIO_METHOD* method) const { BIO_meth_free(method); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  void operator()(X509_STORE_CTX* context) const { X509_STORE_CTX_free(context); }
  void operator()(STACK_OF(X509) * certificates) const { sk_X509_free(certificates); }
};
using BioPtr = std::unique_ptr<BIO, OpensslDelete>;
using BioMethodPtr = std::unique_ptr<BIO_METHOD, OpensslDelete>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, OpensslDelete>;
using SslPtr = std::unique_ptr<SSL, OpensslDelete>;
using SslContextPtr = std::unique_ptr<SSL_CTX, OpensslDelete>;
using SslSessionPtr = std::unique_ptr<SSL_SESSION, OpensslDelete>;
using X509Ptr = std::unique_ptr<X509, OpensslDelete>;
using X509StorePtr = std::unique_ptr<X509_STORE, OpensslDelete>;
using X509StoreContextPtr = std::unique_ptr<X509_STORE_CTX, OpensslDelete>;
using X509StackPtr = std::unique_ptr<STACK_OF(X509), OpensslDelete>;  // does not own what it lists

inline X509Ptr share(X509* certificate) {
  X509_up_ref(certificate);
  return X509Ptr(certificate);
}

// The reason of the oldest error in this thread's queue, which is emptied: "no start line"; `otherwise` where there is
// none.
std::string openssl_error(const char* otherwise);

// RFC 4648 4.
std::string base64(std::string_view bytes);

// Where this build of OpenSSL looks for the roots it trusts by default; often there is no such file.
std::string default_roots_file();

}  // namespace backoffd::proxy
