#include "policy/key_table.h"

#include <tuple>

namespace backoffd::policy {

KeyState::KeyState(std::string provider_name, std::string_view host_name, const ProviderConfig* settings,
                   const LimitConfig& limit_of)
    : text(std::move(provider_name).append("@").append(host_name)),
      provider(std::string_view(text).substr(0, text.size() - host_name.size() - 1)),
      host(std::string_view(text).substr(text.size() - host_name.size())),
      config(settings),
      limit(limit_of),
      throttle(limit_of) {}

KeyState* KeyTable::find(std::string_view provider, std::string_view host) {
  const auto it = keys_.find(Name{provider, host});
  return it == keys_.end() ? nullptr : &it->second;
}

KeyState* KeyTable::find_host(std::string_view host) {
  const auto it = by_host_.find(host);
  return it == by_host_.end() ? nullptr : it->second;
}

KeyState& KeyTable::make(std::string_view provider, std::string_view host, const ProviderConfig* config,
                         const LimitConfig& limit) {
  if (keys_.size() >= kMost) evict();
  // The name has to view the state's own text, which exists only once the node does.
  const auto it = keys_
                      .emplace(std::piecewise_construct, std::forward_as_tuple(Name{provider, host}),
                               std::forward_as_tuple(std::string(provider), host, config, limit))
                      .first;
  auto node = keys_.extract(it);
  node.key() = Name{node.mapped().provider, node.mapped().host};
  KeyState& key = keys_.insert(std::move(node)).position->second;

  auto [shared, is_new] = providers_.try_emplace(std::string(provider), ProviderState{RetryBudget(budget_)});
  key.shared = &shared->second;
  ++key.shared->keys;

  link(key);
  return key;
}

void KeyTable::set_host(KeyState& key) {
  key.of_host_ = true;
  by_host_[key.host] = &key;
}

void KeyTable::hold(KeyState& key) {
  if (key.pins_++ == 0) unlink(key);
}

void KeyTable::let_go(KeyState& key) {
  if (--key.pins_ > 0) return;
  link(key);
  if (keys_.size() > kMost) evict();
}

void KeyTable::link(KeyState& key) {
  key.older_ = newest_;
  (newest_ ? newest_->newer_ : oldest_) = &key;
  newest_ = &key;
}

void KeyTable::unlink(KeyState& key) {
  (key.newer_ ? key.newer_->older_ : newest_) = key.older_;
  (key.older_ ? key.older_->newer_ : oldest_) = key.newer_;
  key.newer_ = key.older_ = nullptr;
}

void KeyTable::evict() {
  if (oldest_ == nullptr) return;  // all are held
  KeyState& key = *oldest_;
  unlink(key);
  retire(key.throttle.learner());
  if (key.of_host_) by_host_.erase(key.host);
  if (--key.shared->keys == 0) providers_.erase(std::string(key.provider));
  keys_.erase(keys_.find(Name{key.provider, key.host}));
}

void DueList::set(KeyState& key, MonoTime due) {
  if (key.due_ == due) return;
  auto node = key.due_ == kNever ? decltype(due_)::node_type{} : due_.extract({key.due_, &key});
  key.due_ = due;
  if (due == kNever) return;
  if (node.empty()) {
    due_.emplace(due, &key);
  } else {
    node.value() = {due, &key};
    due_.insert(std::move(node));
  }
}

}  // namespace backoffd::policy
