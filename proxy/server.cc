#include "proxy/server.h"

#include <algorithm>

#include "proxy/net/listener.h"
#include "proxy/worker.h"

namespace backoffd::proxy {

namespace {

using policy::Error;
using policy::Result;

// SO_REUSEPORT lets any process of this user join a port that is already served: a second sidecar would silently take
// a share of the first one's clients. A socket without it finds out.
Result<bool> check_free(const Endpoint& endpoint, const std::string& where) {
  if (endpoint.port == 0) return true;
  if (const auto fd = bind_to(endpoint, where, Port::own); !fd) return fd.error();
  return true;
}

}  // namespace

Server::Server(Config config, policy::Engine& engine, LogFile& log)
    : config_(std::move(config)),
      engine_(engine),
      log_(log),
      worker_count_(config_.workers > 0 ? CpuLimit{config_.workers, "as configured"} : cpu_limit()),
      pacer_(engine) {}

Server::~Server() { stop(); }

Result<std::unique_ptr<Server>> Server::make(Config config, policy::Engine& engine, LogFile& log,
                                             std::optional<Authority> authority) {
  std::unique_ptr<Server> server(new Server(std::move(config), engine, log));
  if (auto ready = server->set_up_tls(std::move(authority)); !ready) return ready.error();
  if (auto bound = server->bind(); !bound) return bound.error();
  return server;
}

Result<bool> Server::set_up_tls(std::optional<Authority> authority) {
  auto upstream = UpstreamTls::make(config_.tls, engine_.config().providers);
  if (!upstream) return upstream.error();
  upstream_tls_ = std::move(*upstream);
  auto parents = ParentProxies::make(config_.upstream_proxy, engine_.config().providers);
  if (!parents) return parents.error();
  parents_ = std::move(*parents);
  if (config_.tls.intercept != InterceptMode::none) {
    auto interceptor = Interceptor::make(config_.tls, std::move(*authority));
    if (!interceptor) return interceptor.error();
    interceptor_ = std::move(*interceptor);
  }
  return true;
}

Result<bool> Server::bind() {
  sockets_.resize(worker_count_.cpus);
  for (std::size_t i = 0; i < config_.listen.size(); ++i) {
    const std::string where = "listen[" + std::to_string(i) + "]";
    auto endpoint = Endpoint::parse(config_.listen[i]);
    if (!endpoint) return Error{where, '"' + config_.listen[i] + "\": not an address:port"};
    if (auto free = check_free(*endpoint, where); !free) return free.error();
    for (auto& mine : sockets_) {
      auto fd = listen_on(*endpoint, where, Port::shared);
      if (!fd) return fd.error();
      // The first worker's socket tells which port 0 became; the others join it.
      if (const auto bound = Endpoint::local_of(fd->get())) endpoint = bound;
      mine.push_back(std::move(*fd));
    }
    bound_.push_back(*endpoint);
  }
  std::vector<Endpoint> own = bound_;
  for (const std::string& address : config_.own_addresses) {
    if (const auto endpoint = Endpoint::parse(address)) own.push_back(*endpoint);
  }
  auto egress = EgressRules::make(config_.egress, std::move(own));
  if (!egress) return egress.error();
  egress_ = std::make_unique<EgressRules>(std::move(*egress));
  for (std::size_t i = 0; i < config_.clients.size(); ++i) {
    std::string why;
    const auto range = Cidr::parse(config_.clients[i], why);
    if (!range) return Error{"clients[" + std::to_string(i) + "]", '"' + config_.clients[i] + "\": " + why};
    clients_.push_back(*range);
  }
  auto resolver = Resolver::Options::from(config_);
  if (!resolver) return resolver.error();
  resolver_ = std::move(*resolver);
  return true;
}

void Server::start() {
  const Shared shared{config_,  engine_, pacer_,         *egress_,  resolver_,
                      clients_, log_,    *upstream_tls_, *parents_, interceptor_.get()};
  const std::size_t share = std::max<std::size_t>(1, config_.limits.connections / sockets_.size());
  std::vector<Worker*> workers;
  for (unsigned id = 0; id < sockets_.size(); ++id) {
    workers_.push_back(std::make_unique<Worker>(shared, id, std::move(sockets_[id]), share));
    workers.push_back(workers_.back().get());
  }
  pacer_.attach(workers);
  // Where https is looked into, it will be asked for.
  if (interceptor_) threads_.emplace_back([this] { upstream_tls_->prepare(); });
  for (Worker* worker : workers) {
    worker->start_accepting();
    threads_.emplace_back([worker] { worker->loop.run(); });
  }
}

void Server::drain(std::function<void()> drained) {
  if (draining_) return;
  draining_ = true;
  drained_ = std::move(drained);
  left_ = workers_.size();
  for (const auto& worker : workers_) {
    Worker* w = worker.get();
    w->loop.post([this, w] {
      w->drain([this] {
        if (left_.fetch_sub(1) == 1) drained_();
      });
    });
  }
}

void Server::stop() {
  for (const auto& worker : workers_) worker->loop.stop();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Server::exchanges(ExchangeQuery query, ExchangesTold done) { ask(0, std::move(query), {}, std::move(done)); }

void Server::ask(std::size_t worker, ExchangeQuery query, ExchangeAnswer so_far, ExchangesTold done) {
  if (worker < workers_.size()) {
    workers_[worker]->loop.post(
        [this, worker, query = std::move(query), so_far = std::move(so_far), done = std::move(done)]() mutable {
          workers_[worker]->tell(query, so_far);
          ask(worker + 1, std::move(query), std::move(so_far), std::move(done));
        });
    return;
  }
  const auto older = [](const ExchangeInfo& a, const ExchangeInfo& b) { return a.total > b.total; };
  std::stable_sort(so_far.in_flight.begin(), so_far.in_flight.end(), older);
  if (so_far.in_flight.size() > query.most)
    so_far.in_flight.erase(so_far.in_flight.begin() + query.most, so_far.in_flight.end());
  done(std::move(so_far));
}

std::vector<const Counters*> Server::counters() const {
  std::vector<const Counters*> all;
  for (const auto& worker : workers_) all.push_back(&worker->counters);
  return all;
}

}  // namespace backoffd::proxy
