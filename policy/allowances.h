// The Allowances of all keys: a few hundred providers that ban at one time are many, and each Allowance is large, so
// they are kept here, at most kMost, and not in the keys. The one made longest ago gives way: its provider's next long
// block finds none and begins a new one. What is forgotten otherwise is left to be overwritten.
//
// Not thread-safe: owned by the engine, behind its mutex.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "policy/allowance.h"

namespace backoffd::policy {

class Allowances {
 public:
  using Id = std::uint64_t;
  static constexpr Id kNone = 0;
  static constexpr std::size_t kMost = 512;

  Id make(double refused) {
    const Id id = ++made_;
    if (ring_.size() < kMost)
      ring_.emplace_back(id, Allowance(refused));
    else
      ring_[place(id)] = Entry(id, Allowance(refused));
    return id;
  }

  // Null: none, or it has given way. The pointer holds until the next make().
  Allowance* find(Id id) {
    if (id == kNone) return nullptr;
    Entry& entry = ring_[place(id)];
    return entry.id == id ? &entry.allowance : nullptr;
  }

 private:
  struct Entry {
    Entry(Id id_of, const Allowance& allowance_of) : id(id_of), allowance(allowance_of) {}
    Id id;
    Allowance allowance;
  };
  static std::size_t place(Id id) { return static_cast<std::size_t>((id - 1) % kMost); }

  std::vector<Entry> ring_;
  Id made_ = 0;
};

}  // namespace backoffd::policy
