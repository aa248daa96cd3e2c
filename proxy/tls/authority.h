// The certificate authority that leaves of intercepted hosts are issued by: an issuing certificate with its private
// key, and the chain above it up to the root that clients trust.
//
// One made here is a root and an intermediate below it. The root's key signs the intermediate and is forgotten: what is
// kept, and could leak, is the key of the intermediate, which may sign for TLS servers of the constrained names only
// and no further authority. The constraints stand on both, because some verifiers (Java) ignore those of a trust
// anchor.
//
// A value: made once at start by the main thread, then only read, from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/result.h"
#include "policy/time.h"
#include "proxy/tls/name_constraints.h"
#include "proxy/tls/openssl.h"

namespace backoffd::proxy {

class Authority {
 public:
  // ECDSA P-256, valid from a day before `now` for three years.
  static policy::Result<Authority> create(const NameConstraints& constraints, policy::WallTime now);

  // `chain`: PEM, the issuing certificate first, then those above it; `key`: PEM, of the issuing certificate, without a
  // passphrase; both may be one text. Refused, with a sentence that says which: unreadable PEM, no CA, a key that is
  // not the certificate's, not valid at `now` (with the date), key usage without keyCertSign or serverAuth, a chain
  // that does not verify up to a root. The error's place is empty: the caller knows it.
  static policy::Result<Authority> parse(std::string_view chain, std::string_view key, policy::WallTime now);

  X509* issuer() const { return chain_.front().get(); }
  X509* root() const { return chain_.back().get(); }
  EVP_PKEY* key() const { return key_.get(); }
  const std::vector<X509Ptr>& chain() const { return chain_; }  // issuer first, root last
  // What all certificates of the chain permit.
  const NameConstraints& constraints() const { return constraints_; }

  std::string chain_pem() const;
  std::string root_pem() const;
  std::string key_pem() const;      // PKCS#8
  std::string fingerprint() const;  // SHA-256 of the root, upper-case hex with colons
  std::string subject() const;      // of the root, one line
  policy::WallTime not_before() const;
  policy::WallTime not_after() const;  // the earliest of the chain

 private:
  Authority(std::vector<X509Ptr> chain, PkeyPtr key, NameConstraints constraints)
      : chain_(std::move(chain)), key_(std::move(key)), constraints_(std::move(constraints)) {}

  std::vector<X509Ptr> chain_;
  PkeyPtr key_;
  NameConstraints constraints_;
};

}  // namespace backoffd::proxy
