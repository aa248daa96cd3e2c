// The data plane as a whole: listeners, worker threads, the pacer. Made, run and ended by the main thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "policy/engine.h"
#include "policy/result.h"
#include "proxy/access_log.h"
#include "proxy/config.h"
#include "proxy/counters.h"
#include "proxy/cpu_limit.h"
#include "proxy/exchange_info.h"
#include "proxy/net/address.h"
#include "proxy/net/egress.h"
#include "proxy/net/resolver.h"
#include "proxy/pacer.h"
#include "proxy/parent_proxies.h"
#include "proxy/tls/interceptor.h"
#include "proxy/tls/upstream_tls.h"

namespace backoffd::proxy {

struct Worker;

class Server {
 public:
  // Binds every listener. `engine` and `log` outlive the server. Errors name the key and the value. REQUIRES: an
  // authority where tls.intercept is not `none`.
  static policy::Result<std::unique_ptr<Server>> make(Config config, policy::Engine& engine, LogFile& log,
                                                      std::optional<Authority> authority = {});
  ~Server();

  void start();  // the worker threads
  // Stops accepting, closes idle connections, lets exchanges finish; `drained` is called once, on some thread, when
  // none is left.
  void drain(std::function<void()> drained);
  bool draining() const { return draining_; }
  void stop();  // ends the threads, whatever runs; idempotent

  const std::vector<Endpoint>& listeners() const { return bound_; }  // as bound: port 0 is resolved
  const Config& config() const { return config_; }
  const CpuLimit& worker_count() const { return worker_count_; }
  std::vector<const Counters*> counters() const;  // one a worker; may be read while it runs
  std::uint64_t lost_log_lines() const { return log_.lost_lines(); }
  // Asks the workers one after the other, each on its own thread, so that nobody waits for anybody. `done` is called
  // once, on some thread; never after stop().
  using ExchangesTold = std::function<void(ExchangeAnswer answer)>;
  void exchanges(ExchangeQuery query, ExchangesTold done);
  Interceptor* interceptor() { return interceptor_.get(); }  // null: nothing is intercepted
  // After engine calls of the operator (gate flips, resets): wakes whoever may go on.
  Pacer& pacer() { return pacer_; }

 private:
  Server(Config config, policy::Engine& engine, LogFile& log);
  policy::Result<bool> bind();
  policy::Result<bool> set_up_tls(std::optional<Authority> authority);
  void ask(std::size_t worker, ExchangeQuery query, ExchangeAnswer so_far, ExchangesTold done);

  Config config_;
  policy::Engine& engine_;
  LogFile& log_;
  const CpuLimit worker_count_;
  Pacer pacer_;
  std::vector<Endpoint> bound_;
  std::vector<std::vector<Fd>> sockets_;  // by worker, until it is made
  std::vector<Cidr> clients_;
  Resolver::Options resolver_;
  std::unique_ptr<EgressRules> egress_;
  std::unique_ptr<UpstreamTls> upstream_tls_;
  std::unique_ptr<ParentProxies> parents_;
  std::unique_ptr<Interceptor> interceptor_;  // null: nothing is intercepted
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  std::function<void()> drained_;
  std::atomic<std::size_t> left_{0};  // workers that have not drained yet
  bool draining_ = false;
};

}  // namespace backoffd::proxy
