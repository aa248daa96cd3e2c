// Upstream connections between two requests, kept for the next one to the same origin. One pool a worker.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "proxy/config.h"
#include "proxy/http/framing.h"
#include "proxy/http/head.h"
#include "proxy/net/stream.h"

namespace backoffd::proxy {

// The response that ended on `stream` leaves it fit for another request (RFC 9112 9.3, 9.6). What lies behind a
// complete response was asked for by nobody.
bool may_carry_another(const Head& response, const Framing& framing, const Stream& stream);

class IdlePool {
 public:
  IdlePool(Loop& loop, const Config& config);
  ~IdlePool();

  // The connection to `origin` ("host:port" and how it is secured) that was used last, or none. What has ended, or
  // said something nobody asked for (RFC 9112 9.2), is never handed out.
  std::unique_ptr<Stream> take(std::string_view origin);
  // REQUIRES: the last message on `stream` is complete in both directions. Closes the least recently used where a
  // bound is reached; a bound of 0 keeps none.
  void give(std::string_view origin, std::unique_ptr<Stream> stream);
  void clear();
  std::size_t size() const { return order_.size(); }

 private:
  class Idle;
  using Order = std::list<std::unique_ptr<Idle>>;  // least recently used first
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Stack = std::vector<Order::iterator>;  // least recently used first

  void drop(Order::iterator position);

  Loop& loop_;
  const Config& config_;
  Order order_;
  std::unordered_map<std::string, Stack, Hash, std::equal_to<>> by_origin_;
};

}  // namespace backoffd::proxy
