#include "proxy/idle_pool.h"

#include <algorithm>
#include <vector>

namespace backoffd::proxy {

bool may_carry_another(const Head& response, const Framing& framing, const Stream& stream) {
  return framing.kind != Framing::Kind::until_close && response.wants_keep_alive() && stream.in_size() == 0 &&
         !stream.read_ended() && !stream.write_failed() && stream.flushed();
}

// Watches one connection while nobody uses it. What happens on it ends it: a close, an unsolicited response, the idle
// deadline; not what TLS says to itself (a session ticket).
class IdlePool::Idle final : private Stream::Owner {
 public:
  Idle(IdlePool& pool, std::string_view origin, std::unique_ptr<Stream> stream, Duration keep)
      : pool_(pool), origin_(origin), stream_(std::move(stream)) {
    stream_->set_owner(this);
    stream_->set_deadline(keep);
  }

  std::unique_ptr<Stream> release() {
    stream_->clear_deadline();
    return std::move(stream_);
  }
  const std::string& origin() const { return origin_; }
  bool usable() const { return !stream_->holds_input() && !stream_->read_ended() && !stream_->failed(); }

  Order::iterator position;

 private:
  void progress() override {
    if (!usable() || stream_->timed_out()) pool_.drop(position);
  }

  IdlePool& pool_;
  std::string origin_;
  std::unique_ptr<Stream> stream_;
};

IdlePool::IdlePool(Loop& loop, const Config& config) : loop_(loop), config_(config) {}
IdlePool::~IdlePool() = default;

std::unique_ptr<Stream> IdlePool::take(std::string_view origin) {
  const auto found = by_origin_.find(origin);
  if (found == by_origin_.end()) return nullptr;
  while (!found->second.empty()) {
    const Order::iterator position = found->second.back();
    std::unique_ptr<Idle> idle = std::move(*position);
    order_.erase(position);
    found->second.pop_back();
    if (idle->usable()) return idle->release();
  }
  return nullptr;
}

void IdlePool::give(std::string_view origin, std::unique_ptr<Stream> stream) {
  if (config_.limits.idle_upstreams == 0 || config_.limits.idle_upstreams_per_host == 0) {
    loop_.bury(std::move(stream));
    return;
  }
  // Emptied stacks stay for the next request to that origin, but origins are the client's to choose: their number is
  // bounded too.
  if (by_origin_.size() > 2 * config_.limits.idle_upstreams) {
    std::erase_if(by_origin_, [](const auto& entry) { return entry.second.empty(); });
  }
  auto found = by_origin_.find(origin);
  if (found == by_origin_.end()) found = by_origin_.emplace(std::string(origin), Stack()).first;
  if (found->second.size() >= config_.limits.idle_upstreams_per_host) drop(found->second.front());
  if (order_.size() >= config_.limits.idle_upstreams) drop(order_.begin());
  order_.push_back(std::make_unique<Idle>(*this, origin, std::move(stream), config_.timeouts.upstream_idle));
  const Order::iterator position = std::prev(order_.end());
  (*position)->position = position;
  found->second.push_back(position);
}

void IdlePool::drop(Order::iterator position) {
  std::unique_ptr<Idle> idle = std::move(*position);
  order_.erase(position);
  const auto found = by_origin_.find(idle->origin());
  std::erase(found->second, position);
  loop_.bury(std::move(idle));
}

void IdlePool::clear() {
  while (!order_.empty()) drop(order_.begin());
}

}  // namespace backoffd::proxy
