// One thread and everything on it: the loop, the client sessions, the idle upstream connections, the resolver, the
// random source, the counters. Nothing here is shared; other threads speak to it through loop.post() only (and read
// the counters).
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "policy/engine.h"
#include "policy/random.h"
#include "proxy/access_log.h"
#include "proxy/config.h"
#include "proxy/counters.h"
#include "proxy/exchange_info.h"
#include "proxy/http/parser.h"
#include "proxy/idle_pool.h"
#include "proxy/link.h"
#include "proxy/net/address.h"
#include "proxy/net/dialer.h"
#include "proxy/net/egress.h"
#include "proxy/net/listener.h"
#include "proxy/net/loop.h"
#include "proxy/net/resolver.h"
#include "proxy/net/splice.h"
#include "proxy/notable.h"
#include "proxy/parent_proxies.h"
#include "proxy/tls/interceptor.h"
#include "proxy/tls/session_cache.h"
#include "proxy/tls/upstream_tls.h"

namespace backoffd::proxy {

class Exchange;
class Pacer;
class Session;

// What all workers look at and none changes.
struct Shared {
  const Config& config;
  policy::Engine& engine;
  Pacer& pacer;
  const EgressRules& egress;
  const Resolver::Options& resolver;
  const std::vector<Cidr>& clients;  // who may connect; empty: anyone who can reach the listeners
  LogFile& access_log;
  UpstreamTls& upstream_tls;
  const ParentProxies& parents;
  Interceptor* interceptor;  // null: nothing is intercepted
};

struct Worker final : private Acceptor::Owner {
  // `connection_share`: client connections this worker may hold.
  Worker(const Shared& shared, unsigned id, std::vector<Fd> listeners, std::size_t connection_share);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // --- this thread's ---
  void start_accepting();
  void end(Session& session);  // destroys it after the current callback
  std::uint64_t next_number() { return next_number_ += 1; }
  // Where a grant finds its exchange; an exchange that leaves takes its entry with it.
  void await(std::uint64_t number, Exchange& exchange) { waiting_[number] = &exchange; }
  void forget(std::uint64_t number) { waiting_.erase(number); }
  void deliver(const policy::Grant& grant);
  // No new connections, kept ones closed, running exchanges finish; `on_drained` is called when none is left.
  void drain(std::function<void()> on_drained);
  bool draining() const { return draining_; }
  void flush_log_later();
  // Adds what of this worker is asked for.
  void tell(const ExchangeQuery& query, ExchangeAnswer& answer);

  const unsigned id;
  const Shared shared;
  const Config& config;
  policy::Engine& engine;
  const HeadLimits request_limits;
  const HeadLimits response_limits;
  Loop loop;
  Resolver resolver;
  Dialer dialer;
  SessionCache tls_sessions;
  IdlePool idle_pool;
  PipePool pipes;
  const BufferPtr payload = new_buffer();  // body bytes between a reader and a writer, inside one call
  policy::Random random;
  Counters counters;
  AccessLog access_log;
  Link exchanges;  // under way, the oldest first
  Notable notable;

 private:
  class LogFlush;
  bool has_room() override;
  void accepted(Fd fd, const Address& peer) override;
  void tell_if_drained();
  std::vector<Fd> sockets_;  // listening, until start_accepting()
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  std::list<std::unique_ptr<Session>> sessions_;
  std::unordered_map<std::uint64_t, Exchange*> waiting_;
  std::unique_ptr<LogFlush> log_flush_;
  const std::size_t connection_share_;
  std::uint64_t next_number_;
  std::function<void()> on_drained_;
  bool draining_ = false;
};

}  // namespace backoffd::proxy
