// Those who wait at one key, in order: retries before new requests, round robin over the clients, first in first out
// within one client. Waiters that are held up by different things (a role's own rates, a narrow quota) stand in
// different lanes, so that one that could go is never behind one that cannot.
//
// Joining and leaving cost O(log n), for the deadlines; finding whose turn it is costs O(1) a lane. A record outlives
// its wait until release(): the exchange learns of its turn on another thread, and may be gone by then.
//
// Not thread-safe: owned by a Throttle, behind the engine's mutex.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "policy/admission.h"
#include "policy/learner.h"
#include "policy/time.h"

namespace backoffd::policy {

class WaitQueue {
 public:
  using Place = std::uint32_t;
  static constexpr Place kNobody = ~Place{0};

  struct Waiter {
    Ticket ticket;
    std::uint64_t client = 0;  // fairness is between these
    MonoTime deadline{};
    std::uint32_t lane = 0;
    bool retry = false;
    // Kept for the owner.
    std::uint32_t role = 0;
    bool counted = true;
    bool bound = false;
    bool watched = false;
    Reason late = Reason::queue_timeout;  // what to say at the deadline
    std::uint64_t request_class = 0;
    std::optional<Sent> granted;
  };

  Place push(const Waiter& waiter);
  // Both end a wait and leave the record until release(). REQUIRES: waiting(place).
  void take(Place place);    // it is granted: its client has had his turn
  void expire(Place place);  // it has lasted long enough
  // Forgets the record, ending the wait where it has not ended.
  void release(Place place);

  bool waiting(Place place) const { return crowd_->slots[place].client_line != nullptr; }
  // Of one who waits, or has waited and was not released.
  const Waiter& at(Place place) const { return crowd_->slots[place].waiter; }
  void set_granted(Place place, const Sent& sent) { crowd_->slots[place].waiter.granted = sent; }
  // Puts a waiter into another lane, behind those of its client who stand there already.
  void move(Place place, std::uint32_t lane);

  // Whose turn it is in that lane; kNobody where nobody waits.
  Place front(std::uint32_t lane, bool retry) const;
  // Who leaves first if nothing happens; kNobody when empty.
  Place first_deadline() const { return empty() ? kNobody : crowd_->deadlines.begin()->second; }

  bool empty() const { return !crowd_ || crowd_->deadlines.empty(); }
  int size() const { return crowd_ ? static_cast<int>(crowd_->deadlines.size()) : 0; }
  std::uint32_t lanes() const { return crowd_ ? static_cast<std::uint32_t>(crowd_->lines.size() / 2) : 0; }
  template <class F>
  void each_waiting(F&& f) const {
    if (!crowd_) return;
    for (const auto& [deadline, place] : crowd_->deadlines) f(place);
  }

 private:
  // One client's waiters in one line: a list through the slots, and a link in the ring of clients.
  struct ClientLine {
    std::uint64_t client = 0;
    std::uint32_t line = 0;
    Place head = kNobody, tail = kNobody;
    ClientLine* previous = nullptr;
    ClientLine* next = nullptr;
  };
  struct Slot {
    Waiter waiter;
    ClientLine* client_line = nullptr;  // null: not waiting (any more)
    Place previous = kNobody, next = kNobody;
  };
  struct Key {
    std::uint64_t client;
    std::uint32_t line;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      return static_cast<std::size_t>((key.client ^ key.line) * 0x9e3779b97f4a7c15);
    }
  };

  static std::uint32_t line_of(const Waiter& waiter) { return waiter.lane * 2 + (waiter.retry ? 1 : 0); }
  void join(Place place);
  void unlink(Place place);

  struct Crowd {
    std::vector<Slot> slots;
    std::vector<Place> free;
    std::vector<ClientLine*> lines;  // whose turn it is in each line; null: empty
    std::unordered_map<Key, ClientLine, KeyHash> clients;
    std::set<std::pair<MonoTime, Place>> deadlines;
  };
  std::unique_ptr<Crowd> crowd_;  // null: nobody has a record, as at most of thousands of keys
};

}  // namespace backoffd::policy
