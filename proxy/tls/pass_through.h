// Who does not trust our certificates: pairs of client and host that are passed through as they are instead of being
// intercepted, learned from clients that turned a leaf down.
//
// An alert that names the certificate is proof: the pair passes at once. A client that closes without a word right
// after the handshake, or in the middle of it, may have other reasons: three in a row within a minute, and never a
// request between them, count as one. A request that came through the interception shows trust and forgets all of it.
// Learned pairs are forgotten after an hour, so that a client that was given the CA meanwhile is tried again. Never
// more than 1,024 pairs, the least recently touched goes first.
//
// One for all workers; every function may be called from any thread, takes the mutex for a look-up.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/time.h"

namespace backoffd::proxy {

class PassThrough {
 public:
  explicit PassThrough(std::size_t capacity = 1024) : capacity_(capacity) {}

  // Is this pair learned?
  bool passes(std::string_view client, std::string_view host, policy::MonoTime now);

  // The client sent the alert `why` ("unknown_ca"), or offers nothing we can speak ("no http/1.1 in ALPN"). True: the
  // pair is newly learned, which the caller logs. REQUIRES: `why` is not empty.
  bool rejected(std::string_view client, std::string_view host, std::string_view why, policy::MonoTime now);
  // The connection ended around the handshake without a request. True: with this the pair is newly learned.
  bool closed_early(std::string_view client, std::string_view host, policy::MonoTime now);
  // A request was read inside the interception.
  void trusted(std::string_view client, std::string_view host);

  struct Entry {
    std::string client;
    std::string host;
    std::string why;
    policy::MonoTime until;
  };
  std::vector<Entry> entries(policy::MonoTime now) const;  // learned and not yet forgotten, oldest first
  void clear();

 private:
  struct Pair {
    std::string key;  // client, a zero octet, host
    std::string why;  // empty: suspected only
    int closes = 0;
    policy::MonoTime until{};  // learned: when it is forgotten; suspected: when the closes are
  };
  using Order = std::list<Pair>;  // least recently touched first

  using Pairs = std::unordered_map<std::string_view, Order::iterator>;

  // These three: with the mutex held.
  Order::iterator touch(std::string key);  // made where there was none
  void forget(Pairs::iterator pair);
  static bool learn(Pair& pair, std::string_view why, policy::MonoTime now);

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  Order order_;  // GUARDED_BY(mutex_)
  Pairs pairs_;  // GUARDED_BY(mutex_); keys are views into order_
};

}  // namespace backoffd::proxy
