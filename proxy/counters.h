// What one worker counts. Written by the worker's thread alone, read by any: plain relaxed atomics, no lock. Named
// refusals, which come from an open (but bounded, compiled-in) list, are behind a mutex that only refusals take.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string_view>

#include "policy/retry.h"

namespace backoffd::proxy {

class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  void sub(std::uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed); }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// A distribution, in buckets by their upper bounds.
template <const auto& kUpper>
class Histogram {
 public:
  static constexpr auto& kBounds = kUpper;
  void observe(double value) {
    std::size_t i = 0;
    while (i < kBounds.size() && value > kBounds[i]) ++i;
    buckets_[i].add();
    sum_nano_.add(static_cast<std::uint64_t>(value * 1e9));
  }
  std::uint64_t bucket(std::size_t i) const { return buckets_[i].get(); }  // not cumulative; the last one is +Inf
  double sum() const { return static_cast<double>(sum_nano_.get()) * 1e-9; }

 private:
  std::array<Counter, kBounds.size() + 1> buckets_;
  Counter sum_nano_;
};

// Seconds, such as suit both a cached answer and a queued download.
inline constexpr std::array<double, 12> kSecondsBounds = {0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300};
inline constexpr std::array<double, 7> kAttemptsBounds = {0, 1, 2, 3, 4, 6, 10};

struct Counters {
  Counter client_connections;          // accepted
  Counter open_client_connections;     // gauge
  Counter open_tunnels;                // gauge
  Counter active_exchanges;            // gauge
  std::array<Counter, 6> responses;    // given to clients, by the hundred of the status; [0]: none (the client left)
  Counter upstream_connections;        // dialled
  Counter reused_connections;          // taken from the idle pool
  Counter client_tls_handshakes;       // of intercepted connections, completed
  Counter client_tls_resumed;          // ... of these, by a ticket
  Counter client_tls_failures;         // ... not completed
  Counter client_tls_name_mismatches;  // the name a client asked for in TLS is another than that of its CONNECT
  Counter upstream_tls_handshakes;     // completed
  Counter upstream_tls_resumed;        // ... of these, with a session of before
  Counter upstream_tls_failures;       // not completed, or a certificate that does not verify
  Counter stale_connections;           // a reused one that failed before any response byte
  Counter attempts;
  Counter retries;  // ... of these, all but the first of an exchange
  std::array<Counter, policy::kOutcomeNames.size()> outcomes;
  std::array<Counter, policy::kReasonNames.size()> verdicts;
  std::array<Counter, policy::kReasonNames.size()> shadow_verdicts;  // of a contextual-retry gate in shadow
  Counter resumed_bodies;
  Counter resumed_bytes;                       // ... and what of them was not fetched again
  Counter queued;                              // exchanges that waited in their key's queue
  Counter absorbed_throttles;                  // answers 429 that were retried: the client never saw them
  Counter broken_bodies;                       // given to the client as broken
  Counter client_bytes_in, client_bytes_out;   // bodies and tunnels
  Histogram<kSecondsBounds> exchange_seconds;  // admission to last byte
  Histogram<kSecondsBounds> queue_seconds;
  Histogram<kSecondsBounds> head_seconds;  // admission to the head given to the client
  Histogram<kAttemptsBounds> exchange_attempts;

  void refuse(std::string_view name) {
    std::lock_guard lock(mutex_);
    ++refusals_[name];
  }
  std::map<std::string_view, std::uint64_t> refusals() const {
    std::lock_guard lock(mutex_);
    return refusals_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string_view, std::uint64_t> refusals_;  // GUARDED_BY(mutex_); keys are static strings
};

}  // namespace backoffd::proxy
