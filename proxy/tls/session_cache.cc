#include "proxy/tls/session_cache.h"

namespace backoffd::proxy {

SslSessionPtr SessionCache::take(std::string_view origin) {
  const auto found = by_origin_.find(origin);
  if (found == by_origin_.end()) return nullptr;
  const Order::iterator position = found->second;
  if (SSL_SESSION_is_resumable(position->session.get()) == 1 &&
      SSL_SESSION_get_protocol_version(position->session.get()) < TLS1_3_VERSION) {
    order_.splice(order_.end(), order_, position);
    SSL_SESSION_up_ref(position->session.get());
    return SslSessionPtr(position->session.get());
  }
  SslSessionPtr session = std::move(position->session);
  by_origin_.erase(found);
  order_.erase(position);
  return SSL_SESSION_is_resumable(session.get()) == 1 ? std::move(session) : nullptr;
}

void SessionCache::give(std::string_view origin, SslSessionPtr session) {
  if (const auto found = by_origin_.find(origin); found != by_origin_.end()) {
    found->second->session = std::move(session);
    order_.splice(order_.end(), order_, found->second);
    return;
  }
  if (order_.size() >= capacity_) {
    by_origin_.erase(order_.front().origin);
    order_.pop_front();
  }
  order_.push_back({std::string(origin), std::move(session)});
  by_origin_.emplace(order_.back().origin, std::prev(order_.end()));
}

}  // namespace backoffd::proxy
