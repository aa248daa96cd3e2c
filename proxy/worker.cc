#include "proxy/worker.h"

#include <algorithm>
#include <random>
#include <utility>

#include "proxy/exchange.h"
#include "proxy/refusal.h"
#include "proxy/session.h"

namespace backoffd::proxy {

namespace {

// The one place that asks the machine for randomness: the seed of a worker's generator and the start of its numbers.
std::uint64_t seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

HeadLimits head_limits(const Limits& limits) { return {limits.head_bytes, limits.request_target, limits.fields}; }

}  // namespace

// Lines of the access log go out together, a moment after the first.
class Worker::LogFlush {
 public:
  explicit LogFlush(Worker& worker)
      : worker_(worker), timer_(Timer::of<LogFlush, &LogFlush::flush>(worker.loop, this)) {}
  void soon() {
    if (!timer_.armed()) timer_.arm(std::chrono::milliseconds(100));
  }

 private:
  void flush() { worker_.access_log.flush(); }

  Worker& worker_;
  Timer timer_;
};

Worker::Worker(const Shared& shared_with, unsigned worker_id, std::vector<Fd> listeners, std::size_t connection_share)
    : id(worker_id),
      shared(shared_with),
      config(shared.config),
      engine(shared.engine),
      request_limits(head_limits(config.limits)),
      response_limits(head_limits(config.limits)),
      resolver(loop, shared.resolver),
      dialer(loop, resolver, shared.egress),
      idle_pool(loop, config),
      random(seed()),
      access_log(shared.access_log),
      sockets_(std::move(listeners)),
      log_flush_(std::make_unique<LogFlush>(*this)),
      connection_share_(connection_share),
      next_number_(seed() << 8) {}

Worker::~Worker() {
  // Before the loop and what else they use: members would go the other way round.
  sessions_.clear();
  idle_pool.clear();
}

void Worker::start_accepting() {
  for (Fd& fd : sockets_) {
    acceptors_.push_back(std::make_unique<Acceptor>(loop, std::move(fd), static_cast<Acceptor::Owner&>(*this)));
    acceptors_.back()->start();
  }
  sockets_.clear();
}

bool Worker::has_room() { return sessions_.size() < connection_share_; }

void Worker::accepted(Fd fd, const Address& peer) {
  const auto admits = [&](const Cidr& range) { return range.contains(peer); };
  if (!shared.clients.empty() && std::none_of(shared.clients.begin(), shared.clients.end(), admits)) {
    counters.refuse(refusals::kClientNotAllowed.name);
    return;
  }
  sessions_.push_back(std::make_unique<Session>(*this, std::move(fd), peer));
  sessions_.back()->position = std::prev(sessions_.end());
}

void Worker::end(Session& session) {
  const auto position = session.position;
  loop.bury(std::move(*position));
  sessions_.erase(position);
  tell_if_drained();
}

// Once: other workers may not be ready yet.
void Worker::tell_if_drained() {
  if (!draining_ || !sessions_.empty() || !on_drained_) return;
  access_log.flush();
  std::exchange(on_drained_, nullptr)();
}

void Worker::deliver(const policy::Grant& grant) {
  // One that has left meanwhile gave its place back itself.
  if (const auto found = waiting_.find(grant.ticket.number); found != waiting_.end()) found->second->granted(grant);
}

void Worker::drain(std::function<void()> on_drained) {
  draining_ = true;
  on_drained_ = std::move(on_drained);
  acceptors_.clear();
  sockets_.clear();
  for (auto next = sessions_.begin(); next != sessions_.end();) {
    Session& session = **next++;  // drain() may take it out of the list
    session.drain();
  }
  tell_if_drained();
}

void Worker::flush_log_later() { log_flush_->soon(); }

void Worker::tell(const ExchangeQuery& query, ExchangeAnswer& answer) {
  std::size_t left = query.most;
  for (Link* link = exchanges.after(); link != &exchanges && left > 0; link = link->after()) {
    auto& exchange = static_cast<Exchange&>(*link);
    if (!(waits(exchange.stage()) ? query.waiting : query.moving)) continue;
    answer.in_flight.push_back(exchange.info());
    --left;
  }
  if (!query.recent) return;
  const std::uint64_t seen = id < query.seen.size() ? query.seen[id] : 0;
  answer.seen.push_back(notable.copy(seen, answer.recent));
}

}  // namespace backoffd::proxy
