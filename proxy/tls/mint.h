// Leaf certificates for intercepted hosts, issued as they are asked for and kept for the next time.
//
// All leaves share one key of their own (ECDSA P-256, made at start, never written). A leaf names one host, as
// subjectAltName only: a DNS name or an address, never a wildcard; serverAuth; valid from a day before its making, at
// most 30 days in all and never beyond its issuer. One Mint for all workers; every function may be called from any
// thread. The mutex is held for look-ups only, never while signing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "policy/result.h"
#include "policy/time.h"
#include "proxy/tls/authority.h"
#include "proxy/tls/openssl.h"

namespace backoffd::proxy {

class Mint {
 public:
  // `capacity`: leaves kept; beyond it the least recently used goes. The authority outlives the mint.
  static policy::Result<std::unique_ptr<Mint>> make(const Authority& authority, std::size_t capacity = 1024);

  // The leaf of `host` (as Target::host gives it: lower case, an IPv6 address without brackets), at hand or minted now
  // (some 0.3 ms, of which OpenSSL 3.0 spends three quarters on encoding and decoding the key anew). Renewed once two
  // thirds of its life are over. An error where the authority's constraints do not permit the host, or the name cannot
  // stand in a certificate (longer than 253 octets, empty).
  policy::Result<X509Ptr> leaf(std::string_view host, policy::WallTime now);

  EVP_PKEY* key() const { return key_.get(); }
  std::uint64_t minted() const;  // since the start
  std::size_t size() const;

 private:
  struct Kept {
    std::string host;
    X509Ptr leaf;
    policy::WallTime since;
    policy::WallTime renew_at;
  };
  using Order = std::list<Kept>;  // least recently used first

  Mint(const Authority& authority, PkeyPtr key, std::size_t capacity)
      : authority_(authority), key_(std::move(key)), capacity_(capacity) {}
  policy::Result<X509Ptr> issue(std::string_view host, policy::WallTime now) const;

  // --- constant after make() ---
  const Authority& authority_;
  const PkeyPtr key_;
  const std::size_t capacity_;

  mutable std::mutex mutex_;
  Order order_;                                                 // GUARDED_BY(mutex_)
  std::unordered_map<std::string_view, Order::iterator> kept_;  // GUARDED_BY(mutex_); keys are views into order_
  std::uint64_t minted_ = 0;                                    // GUARDED_BY(mutex_)
};

}  // namespace backoffd::proxy
