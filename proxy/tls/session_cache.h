// TLS sessions of upstream servers, to be resumed by the next connection to the same origin (RFC 8446 2.2). One a
// worker; its thread. Never more than `capacity`, the least recently used goes first.
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "proxy/tls/openssl.h"

namespace backoffd::proxy {

class SessionCache {
 public:
  explicit SessionCache(std::size_t capacity = 512) : capacity_(capacity) {}

  // None, or the latest session of that origin. A TLS 1.3 ticket is used once (RFC 8446 C.4), so it leaves the cache.
  SslSessionPtr take(std::string_view origin);
  void give(std::string_view origin, SslSessionPtr session);
  std::size_t size() const { return order_.size(); }

 private:
  struct Kept {
    std::string origin;
    SslSessionPtr session;
  };
  using Order = std::list<Kept>;  // least recently used first

  const std::size_t capacity_;
  Order order_;
  std::unordered_map<std::string_view, Order::iterator> by_origin_;  // keys are views into order_
};

}  // namespace backoffd::proxy
