// Everything an operator can set that decisions rest on: plain structs, a default and a meaning at each field. The
// names are those of the JSON keys (dots become nesting). Read and checked by admin/config_reader.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policy/gate.h"
#include "policy/operation.h"
#include "policy/rate.h"
#include "policy/time.h"

namespace backoffd::policy {

struct BudgetConfig {
  double ratio = 0.2;            // retry.budget.ratio: retries may be this share of a provider's requests over 10 s
  double min_per_second = 10.0;  // retry.budget.min_per_second: ... but this many per second are always allowed
};

struct RetryConfig {
  int max_attempts = 6;                                   // retry.max_attempts: 1..100; 1 never retries
  Duration max_delay = std::chrono::seconds(60);          // retry.max_delay: first attempt to last retry's start
  Duration base_delay = std::chrono::milliseconds(500);   // retry.base_delay: full jitter over base * 2^n, n from 1
  Duration max_backoff = std::chrono::seconds(60);        // retry.max_backoff: cap of that interval
  std::vector<int> statuses = {429, 500, 502, 503, 504};  // retry.statuses: sorted
  std::uint64_t replay_limit = 1 << 20;                   // retry.replay_limit: bytes of request body kept for replay
  Duration retry_after_cap = std::chrono::seconds(900);   // retry.retry_after_cap: longest hint remembered
  BudgetConfig budget;
};

struct LearningConfig {
  std::string path;                                // learning.path: state file; empty: not kept
  Duration max_pause = std::chrono::seconds(300);  // learning.max_pause: a longer Retry-After is `exhausted`
  bool probe = true;                               // learning.probe: may a reduction be given back by probing
};

// When an experiment is judged how (policy/comparison.h). Shares and rises are fractions.
struct ExperimentConfig {
  double success_drop = 0.01;      // gates.thresholds.success_drop: success lower by this -> rollback
  double latency_rise = 0.10;      // gates.thresholds.latency_rise: latency higher by this -> rollback
  double throttled_share = 0.001;  // gates.thresholds.throttled_share: fewer throttled exchanges need no reducing
  double memory_growth = 0.20;     // gates.thresholds.memory_growth: memory higher by this -> observe
  double cpu_rise = 0.05;          // gates.thresholds.cpu_rise: CPU time per exchange higher by this -> observe
  double alpha = 0.01;             // gates.thresholds.alpha: probability that a harmless gate is ever rolled back
  int min_exchanges = 200;         // gates.thresholds.min_exchanges: of each arm, before there is a verdict
  int min_units = 10;              // gates.thresholds.min_units: ... units of each arm, where they are no requests
  // gates.thresholds.settle: an exchange counts this long after it began, whichever way it ends; otherwise the arm that
  // fails faster would look worse as long as the other's failures are still under way.
  Duration settle = std::chrono::minutes(2);
};

// One rule that tells the operation of requests to a provider; globs, an empty one matches anything.
struct OperationRule {
  std::string host;
  std::string method;
  std::string path;
  Operation operation = Operation::download;
};

// Limits of some operations only: "metadata" may be slower than "artifact".
struct RoleConfig {
  std::string name;
  std::vector<Operation> operations;
  std::vector<Rate> limits;
};

struct QueueConfig {
  Duration max_wait = std::chrono::seconds(30);  // longest wait in the queue before 429 queue_timeout
  std::map<Operation, Duration> max_wait_of;     // ... of single operations
  int max_queue = 1024;                          // places per key; beyond: 429 queue_full
};

struct LimitConfig {
  std::vector<Rate> limits;  // all must hold; empty: none configured
  std::vector<RoleConfig> roles;
  int max_concurrency = 0;       // attempts under way at once; 0: not limited
  std::optional<Rate> max_rate;  // learning may rise up to this; none: the configured limit
  QueueConfig queue;
  bool count_head = false;  // does HEAD count against the rates
};

struct ProviderConfig {
  std::string name;
  std::vector<std::string> hosts;  // globs
  LimitConfig limit;
  std::vector<OperationRule> operations;
  std::vector<std::string> alternates;  // hosts that serve the same paths, tried on failover
  std::string upstream_roots;           // PEM file of roots that are trusted for its hosts besides the others
  std::string client_certificate;       // PEM file shown to its hosts: the certificate, then its chain; empty: none
  std::string client_key;               // PEM file of that certificate's key
  std::string upstream_proxy;           // instead of the general one; "direct": none; empty: the general one
};

struct Config {
  RetryConfig retry;
  LearningConfig learning;
  GateSetting contextual_retry = default_setting(GateId::contextual_retry);
  GateSetting provider_learning = default_setting(GateId::provider_learning);
  bool allow_request_override = false;  // gates.allow_request_override
  ExperimentConfig experiment;
  std::vector<ProviderConfig> providers;  // first match wins
  LimitConfig default_limits;             // hosts of no configured provider
};

}  // namespace backoffd::policy
