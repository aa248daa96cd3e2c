// All keys in memory: at most kMost, the least recently used out; one that an exchange holds stays whatever its age.
// Looking one up builds no strings. Not thread-safe: owned by the engine, behind its mutex.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "policy/budget.h"
#include "policy/config.h"
#include "policy/throttle.h"
#include "policy/time.h"

namespace backoffd::policy {

// What all keys of one provider share.
struct ProviderState {
  RetryBudget budget;
  int keys = 0;
};

struct KeyCounters {
  std::uint64_t requests = 0;
  std::uint64_t retries = 0;
  std::uint64_t throttle_answers = 0;
  std::uint64_t hints = 0;
  std::uint64_t hints_ignored = 0;
  std::uint64_t queue_timeouts = 0;
  std::uint64_t queue_fulls = 0;
  std::uint64_t exhausted_answers = 0;
};

struct KeyState {
  KeyState(std::string provider, std::string_view host, const ProviderConfig* settings, const LimitConfig& limit_of);

  const std::string text;           // "provider@host"
  const std::string_view provider;  // both are parts of text
  const std::string_view host;
  const ProviderConfig* const config;  // null: not configured, the default limits hold
  const LimitConfig& limit;
  ProviderState* shared = nullptr;
  Throttle throttle;
  KeyCounters counters;

 private:
  friend class KeyTable;
  friend class DueList;
  int pins_ = 0;
  bool of_host_ = false;  // requests to the host that name no provider come here
  KeyState* newer_ = nullptr;
  KeyState* older_ = nullptr;  // in the list of those that nobody holds
  MonoTime due_ = kNever;
};

class KeyTable {
 public:
  static constexpr std::size_t kMost = 4096;

  explicit KeyTable(const BudgetConfig& budget) : budget_(budget) {}

  KeyState* find(std::string_view provider, std::string_view host);
  // The key of requests to that host which name no provider.
  KeyState* find_host(std::string_view host);

  // REQUIRES: not there yet. `of_host`: find_host() finds it from now on.
  KeyState& make(std::string_view provider, std::string_view host, const ProviderConfig* config,
                 const LimitConfig& limit);
  void set_host(KeyState& key);

  // A key that is held stays in memory. Both at the price of a list operation.
  void hold(KeyState& key);
  void let_go(KeyState& key);

  std::size_t size() const { return keys_.size(); }
  template <class F>
  void each(F&& f) {
    for (auto& [name, key] : keys_) f(key);
  }
  // Sum of the versions of what was learned by keys that are gone: keeps the total from going back.
  std::uint64_t retired_version() const { return retired_version_; }
  void retire(const Learner* learner) { retired_version_ += learner ? learner->version() + 1 : 0; }

 private:
  struct Name {
    std::string_view provider;
    std::string_view host;
    bool operator==(const Name&) const = default;
  };
  struct NameHash {
    std::size_t operator()(const Name& name) const {
      return std::hash<std::string_view>{}(name.host) * 31 + std::hash<std::string_view>{}(name.provider);
    }
  };

  void link(KeyState& key);  // as the most recently used
  void unlink(KeyState& key);
  void evict();

  BudgetConfig budget_;
  std::unordered_map<Name, KeyState, NameHash> keys_;  // names are views into the state they lead to
  std::unordered_map<std::string_view, KeyState*> by_host_;
  std::unordered_map<std::string, ProviderState> providers_;
  KeyState* newest_ = nullptr;
  KeyState* oldest_ = nullptr;
  std::uint64_t retired_version_ = 0;
};

// The keys at which somebody waits, by the time that something has to be done for them.
class DueList {
 public:
  void set(KeyState& key, MonoTime due);
  MonoTime first() const { return due_.empty() ? kNever : due_.begin()->first; }
  KeyState& front() const { return *due_.begin()->second; }  // REQUIRES: first() < kNever

 private:
  std::set<std::pair<MonoTime, KeyState*>> due_;
};

}  // namespace backoffd::policy
