#include "proxy/tls/pem.h"

#include <openssl/err.h>
#include <openssl/pem.h>

namespace backoffd::proxy {

namespace {

using policy::Error;
using policy::Result;

BioPtr reader(std::string_view text) { return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

}  // namespace

Result<std::vector<X509Ptr>> read_certificates(std::string_view pem) {
  ERR_clear_error();
  const BioPtr bio = reader(pem);
  std::vector<X509Ptr> all;
  while (X509Ptr one{PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr)}) all.push_back(std::move(one));
  const unsigned long code = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
  const std::string why = openssl_error("unknown");
  if (!at_end) return Error{"", "certificate " + std::to_string(all.size() + 1) + " in it is unreadable: " + why};
  if (all.empty()) return Error{"", "there is no certificate in it (PEM, \"-----BEGIN CERTIFICATE-----\")"};
  return all;
}

Result<PkeyPtr> read_private_key(std::string_view pem) {
  ERR_clear_error();
  const BioPtr bio = reader(pem);
  // Without this OpenSSL would ask at the terminal.
  bool passphrase = false;
  const auto refuse = [](char*, int, int, void* asked) {
    *static_cast<bool*>(asked) = true;
    return -1;
  };
  PkeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse, &passphrase));
  const std::string why = openssl_error("unknown");
  if (key) return key;
  if (passphrase) return Error{"", "the key is protected by a passphrase; it must be without one"};
  if (pem.find("PRIVATE KEY-----") == pem.npos) {
    return Error{"", "there is no key in it (PEM, \"-----BEGIN PRIVATE KEY-----\")"};
  }
  return Error{"", "the key is unreadable: " + why};
}

std::string text_in(BIO* memory) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(memory, &data);
  return {data, static_cast<std::size_t>(length)};
}

std::string pem_of(X509* certificate) {
  const BioPtr memory(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(memory.get(), certificate);
  return text_in(memory.get());
}

std::string pem_of(EVP_PKEY* private_key) {
  const BioPtr memory(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(memory.get(), private_key, nullptr, nullptr, 0, nullptr, nullptr);
  return text_in(memory.get());
}

}  // namespace backoffd::proxy
