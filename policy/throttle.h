// One key's limits and those who wait for them: the configured rates (of the key, and of each role on top of them), the
// number of attempts under way, what was learned, and the queue.
//
// A request starts when all that binds it allows it. One that cannot start waits in the lane of those bound by the same
// things; lanes do not hold each other up. Retries go before new requests, and clients take turns.
//
// Not thread-safe: owned by a key, behind the engine's mutex. `now` must not go back.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "policy/admission.h"
#include "policy/config.h"
#include "policy/learner.h"
#include "policy/time.h"
#include "policy/wait_queue.h"
#include "policy/window.h"

namespace backoffd::policy {

class Throttle {
 public:
  using Place = WaitQueue::Place;
  static constexpr std::uint32_t kNoRole = 0;  // role n of the config is number n + 1

  // What an attempt is bound by, and for whom it is made.
  struct Ask {
    std::uint32_t role = kNoRole;
    bool counted = true;   // against the rates
    bool bound = false;    // by what was learned
    bool watched = false;  // the learner sees it (bound, or in shadow)
    std::uint64_t client = 0;
    std::uint64_t request_class = 0;
  };

  // REQUIRES: `config` outlives the throttle.
  explicit Throttle(const LimitConfig& config);

  // The role of an operation; kNoRole where none lists it.
  std::uint32_t role_of(Operation operation) const;

  struct Patience {
    MonoTime until{};                     // the wait ends then at the latest ...
    Reason late = Reason::queue_timeout;  // ... and that is said
    MonoTime futile = kNever;             // known to start after this only: refused at once as `deadline`
  };
  struct Answer {
    Admission admission;
    Place place = WaitQueue::kNobody;  // queued: to be given back with leave()
    Sent sent;                         // granted
  };
  Answer ask(const Ask& ask, Ticket ticket, bool retry, const Patience& patience, MonoTime now);

  // A queued one has been told that its wait is over, and goes on with what it was granted; none: nothing.
  std::optional<Sent> collect(Place place);
  // A queued one goes away, out of the queue or with the slot that it was granted and has not collected.
  void leave(Place place, MonoTime now);
  // A slot is free again: of a request of that scope when it started.
  void finish(std::int16_t scope) {
    --in_flight_;
    --in_scope_[static_cast<std::size_t>(scope)];
  }

  // Ends the waits that are due and grants what is possible.
  struct Ended {
    int timeouts = 0;
    int exhausted = 0;
  };
  Ended advance(MonoTime now, Grants& grants);
  // When advance() has to be called next if nothing else happens; kNever: nobody waits, or only an answer can help.
  MonoTime next_due(MonoTime now);

  // The learner is made when it is first asked for: a key that never learns stays small.
  // REQUIRES: `allowances` outlives it.
  Learner& learner(const LearningConfig& learning, Duration retry_after_cap, Allowances& allowances);
  Learner* learner() { return learner_.get(); }
  const Learner* learner() const { return learner_.get(); }
  void forget_learned();

  int in_flight() const { return in_flight_; }
  int queued() const { return queue_.size(); }
  // requests/s of the limit that allows the most; 0: none configured.
  double configured_rate() const { return pace_rate_; }

 private:
  struct Lane {
    std::uint32_t role;
    bool counted;
    bool bound;
    int scope;
  };
  std::uint32_t lane_of(const Ask& ask) const;
  static Lane lane(std::uint32_t number);
  MonoTime open_at(const Lane& lane, MonoTime now);
  Sent start(const Ask& ask, MonoTime now);
  InFlight under_way(int scope) const { return {in_flight_, in_scope_[static_cast<std::size_t>(scope)]}; }
  std::optional<Place> whose_turn(MonoTime now);
  void grant(Place place, MonoTime now, Grants& grants);
  void refuse(Place place, Reason reason, Duration retry_after, Grants& grants);
  void expel_exhausted(MonoTime now, Grants& grants, Ended& ended);
  void sort_into_lanes();
  Duration true_wait(const Lane& lane, MonoTime now);

  const LimitConfig& config_;
  Windows windows_;
  std::vector<Windows> roles_;
  double pace_rate_ = 0;
  std::unique_ptr<Learner> learner_;
  std::uint64_t numbered_ = 0;  // requests by the learners that were forgotten
  int in_flight_ = 0;
  std::array<std::int32_t, ScopeTable::kScopes> in_scope_{};  // of them, by the scope that they had when they started

  WaitQueue queue_;
  std::uint32_t turn_ = 0;  // the lane that is looked at first
  std::uint32_t sorted_version_ = 0;
  // How fast the queue drains, measured: what a Retry-After for those behind it rests on where no rate is known.
  MonoTime last_grant_{};
  double grant_interval_ = 0;
};

}  // namespace backoffd::policy
