#include "proxy/tls/pass_through.h"

#include <algorithm>
#include <iterator>

namespace backoffd::proxy {
namespace {

constexpr int kClosesThatCount = 3;
constexpr auto kSuspectedFor = std::chrono::minutes(1);
constexpr auto kLearnedFor = std::chrono::hours(1);

std::string key_of(std::string_view client, std::string_view host) {
  std::string key;
  key.reserve(client.size() + 1 + host.size());
  key.append(client).append(1, '\0').append(host);
  return key;
}

}  // namespace

bool PassThrough::passes(std::string_view client, std::string_view host, policy::MonoTime now) {
  const std::string key = key_of(client, host);
  const std::lock_guard lock(mutex_);
  const auto found = pairs_.find(key);
  if (found == pairs_.end() || found->second->why.empty()) return false;
  if (now >= found->second->until) {
    forget(found);
    return false;
  }
  order_.splice(order_.end(), order_, found->second);
  return true;
}

bool PassThrough::rejected(std::string_view client, std::string_view host, std::string_view why, policy::MonoTime now) {
  const std::lock_guard lock(mutex_);
  return learn(*touch(key_of(client, host)), why, now);
}

bool PassThrough::closed_early(std::string_view client, std::string_view host, policy::MonoTime now) {
  const std::lock_guard lock(mutex_);
  Pair& pair = *touch(key_of(client, host));
  if (!pair.why.empty() && now < pair.until) return false;
  if (now >= pair.until) {  // the first of a new row, which has to be complete within the time
    pair.why.clear();
    pair.closes = 0;
    pair.until = now + kSuspectedFor;
  }
  return ++pair.closes >= kClosesThatCount && learn(pair, "closed after the handshake, three times in a row", now);
}

void PassThrough::trusted(std::string_view client, std::string_view host) {
  const std::string key = key_of(client, host);
  const std::lock_guard lock(mutex_);
  if (const auto found = pairs_.find(key); found != pairs_.end()) forget(found);
}

std::vector<PassThrough::Entry> PassThrough::entries(policy::MonoTime now) const {
  std::vector<Entry> learned;
  const std::lock_guard lock(mutex_);
  for (const Pair& pair : order_) {
    if (pair.why.empty() || now >= pair.until) continue;
    const auto border = pair.key.find('\0');
    learned.push_back({.client = pair.key.substr(0, border),
                       .host = pair.key.substr(border + 1),
                       .why = pair.why,
                       .until = pair.until});
  }
  std::sort(learned.begin(), learned.end(), [](const Entry& a, const Entry& b) { return a.until < b.until; });
  return learned;
}

void PassThrough::clear() {
  const std::lock_guard lock(mutex_);
  pairs_.clear();
  order_.clear();
}

PassThrough::Order::iterator PassThrough::touch(std::string key) {
  if (const auto found = pairs_.find(key); found != pairs_.end()) {
    order_.splice(order_.end(), order_, found->second);
    return found->second;
  }
  if (order_.size() >= capacity_) forget(pairs_.find(order_.front().key));
  order_.push_back({.key = std::move(key), .why = {}, .closes = 0, .until = {}});
  const auto made = std::prev(order_.end());
  pairs_.emplace(made->key, made);
  return made;
}

void PassThrough::forget(Pairs::iterator pair) {
  const auto position = pair->second;  // the map's key is a view into it
  pairs_.erase(pair);
  order_.erase(position);
}

bool PassThrough::learn(Pair& pair, std::string_view why, policy::MonoTime now) {
  const bool known = !pair.why.empty() && now < pair.until;
  pair.why = why;
  pair.until = now + kLearnedFor;
  return !known;
}

}  // namespace backoffd::proxy
