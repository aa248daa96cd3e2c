// All keys and gates behind one mutex (their figures behind a second): the only thing the worker threads share. Every
// public function may be called from any thread, takes the mutex for arithmetic only, never blocks on anything else and
// calls nobody back. What the caller has to do as a consequence comes back as a value (Grants).
//
// The life of one exchange:
//   plan()                      once; the arms, policy and limits it returns hold for the whole exchange
//   admit() -> granted          a slot of the key is held ...
//          -> queued            ... or a place in its queue; a Grant with the same ticket follows, from any later call
//          -> refused           ... or neither
//   conclude()                  for every attempt, when its response head came or it failed
//   release()                   gives the slot back: after the last body byte, or when the attempt was given up
//   finished()                  for the figures of its gates' experiments
//   ~Plan                       leaves the queue and gives the slot back where that has not happened yet
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/admission.h"
#include "policy/arm_figures.h"
#include "policy/comparison.h"
#include "policy/config.h"
#include "policy/experiment.h"
#include "policy/facts.h"
#include "policy/gate.h"
#include "policy/guard.h"
#include "policy/learner.h"
#include "policy/operation.h"
#include "policy/random.h"
#include "policy/result.h"
#include "policy/retry.h"
#include "policy/time.h"

namespace backoffd::policy {

struct KeyState;
class Engine;

// What was decided when the exchange was admitted. Move-only; holds its key in memory. Destroy it on any thread, before
// the engine. Call Engine::release() first where others may wait: only that can hand the place on at once.
class Plan {
 public:
  Plan() = default;
  Plan(Plan&& other) noexcept = default;
  Plan& operator=(Plan&& other) noexcept;
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  ~Plan();

  std::string_view key() const;  // "provider@host"; lives as long as the plan
  std::string_view provider() const;
  Operation operation = Operation::download;
  RetryPolicy retry_policy = RetryPolicy::standard;
  Arm contextual_retry;
  Arm provider_learning;
  bool counted = true;                      // false: HEAD that count_head leaves out of the rates
  bool safe_method = false;                 // may be tried at an alternate
  bool idempotent = false;                  // by its method or an Idempotency-Key: may be sent twice
  std::string_view next_alternate() const;  // host to fail over to; empty: none (left)
  const Assignment& assignment(GateId id) const { return enrolment_.assignments[static_cast<std::size_t>(id)]; }

 private:
  friend class Engine;
  struct NotOwned {
    void operator()(Engine*) const {}
  };
  std::unique_ptr<Engine, NotOwned> engine_;  // null: empty or moved from; then nothing is held
  KeyState* key_ = nullptr;
  enum class Place : std::uint8_t { outside, queued, granted } place_ = Place::outside;
  std::uint32_t waiter_ = 0;  // queued: the place in the key's queue
  std::uint32_t role_ = 0;
  std::uint32_t alternate_ = 0;                           // how many of the alternates have been tried
  const std::vector<std::string>* alternates_ = nullptr;  // of the provider that the request went to first
  Sent sent_;                                             // the attempt under way, for the learner
  std::uint64_t request_class_ = 0;                       // hash of method and first path segment (scope of a refusal)
  std::uint64_t client_ = 0;                              // hash of the client: fairness in the queue
  Enrolment enrolment_;
  AttemptFigures attempts_;  // of all attempts so far, also at hosts the exchange failed over from
};

// What conclude() found: the verdict, and what to tell the client with it.
struct Conclusion {
  Verdict verdict;
  Hint hint;
  std::optional<Duration> retry_after;  // from the learned recovery estimate, for defer and failover whose answer has
                                        // none of its own; never invented
  std::optional<Verdict> shadow;        // what the treatment would have decided, where the gate is in shadow
};

// One key as an outside reader sees it. Rates in requests per second; 0: none.
struct KeyStatus {
  std::string key;
  LearnerStatus learner;                // what is done
  std::optional<LearnerStatus> shadow;  // what learning would do, where its gate is in shadow
  double configured_limit = 0;
  double effective_limit = 0;
  int max_concurrency = 0;
  int in_flight = 0;
  int queued = 0;
  std::uint64_t requests = 0;  // attempts sent
  std::uint64_t retries = 0;
  std::uint64_t throttle_answers = 0;  // received from upstream
  std::uint64_t hints = 0;             // answers that said something of a limit
  std::uint64_t hints_ignored = 0;
  std::uint64_t queue_timeouts = 0;
  std::uint64_t queue_fulls = 0;
  std::uint64_t exhausted_answers = 0;  // 429s the proxy gave itself while the key was exhausted
};

struct GateStatus {
  GateId id;
  Gate gate;
  Guard guard;
  GateVerdict verdict = GateVerdict::insufficient;                  // at the guard's last look
  std::vector<GuardAct> acts;                                       // the last few, oldest first
  std::array<std::uint64_t, GuardAct::kKindNames.size()> counts{};  // of all acts, by kind
};

// A gate's experiment as far as it has come.
struct TrialStatus {
  GateSetting setting;  // it runs under
  MonoTime began{};
  std::uint64_t overridden = 0;  // exchanges that chose their arm themselves
  std::uint64_t washed_out = 0;
  std::uint64_t late = 0;  // ended after their slice had been compared
  BothArms since_flip;
  Comparison comparison;
};

struct KeyArms {
  std::string key;  // or FiguresTable::kRest
  BothArms arms;
};

class Engine {
 public:
  // `registrable_label` makes of a host its provider name where no configured one matches ("api.crossref.org" ->
  // "crossref"): the public suffix list is a library's business, not policy's. Called under the mutex, must not block.
  using RegistrableLabel = std::function<std::string(std::string_view host)>;

  Engine(Config config, RegistrableLabel registrable_label);
  ~Engine();

  // An error (place "Backoffd-Operation", "Backoffd-Provider" or "Backoffd-Gate") is answered 400 with its text.
  // `number` is the request's own number: the unit of a gate that assigns by request.
  Result<Plan> plan(const RequestFacts& request, std::uint64_t number, MonoTime now);

  // The plan for the same exchange at its next_alternate(). The old plan is given back by the caller.
  Plan plan_alternate(const Plan& plan, MonoTime now);

  enum class Turn { first, retry };
  // REQUIRES: the plan is outside queue and slots.
  // `deadline`: with Turn::retry, the wait must end before it or the retry is refused at once (`deadline`).
  Admission admit(Plan& plan, Ticket ticket, Turn turn, MonoTime now, MonoTime deadline);

  // The worker takes a grant that reached it; false: the exchange has left meanwhile (then nothing is held).
  void accept(Plan& plan, const Grant& grant);

  // Evidence for throttle and learner, the retry budget, and the verdict.
  Conclusion conclude(Plan& plan, const Progress& progress, const Outcome& outcome, MonoTime now, Random& random);

  // Gives back slot or place, whichever is held. Idempotent. Grants to others that become possible are appended.
  void release(Plan& plan, MonoTime now, Grants& grants);

  // The end of an exchange, for its gates' experiments. Costs nothing where no gate has assigned it. Has a mutex of its
  // own, so that nobody who is being admitted waits for those who look at figures.
  void finished(const Plan& plan, const ExchangeFigures& figures, MonoTime now);

  // Grants and refusals that are due. Returns when to call again at the latest (kNever: nothing waits). Every other
  // call that could bring this forward (admit, conclude, release, set_gate, reset) is followed by a look at next_due().
  MonoTime advance(MonoTime now, Grants& grants);
  MonoTime next_due() const;  // lock-free

  // --- the operator's side ---
  // A flip: what the guard had put in its place is gone, and the experiment begins anew.
  void set_gate(GateId id, GateLayer layer, GateSetting setting);
  void clear_gate(GateId id, GateLayer layer);
  // The gate was rolled back before the process was started, and is so still. REQUIRES: called before the first plan.
  void restore_rollback(GateId id, GuardAct act, MonoTime now);
  std::vector<GateStatus> gates() const;
  // Lets the guards look, and does what they say: to be called once a second or so. Returns what was done. `resources`:
  // of the process since a gate's flip, whatever stage its ramp has come to; called without the mutex.
  using ResourcesOf = std::function<Resources(GateId id, MonoTime began)>;
  std::vector<std::pair<GateId, GuardAct>> look(const ResourcesOf& resources, MonoTime now);
  TrialStatus trial(GateId id, const Resources& resources, MonoTime now) const;
  std::vector<KeyArms> arm_figures(GateId id, FigureWindow window, MonoTime now) const;  // by key
  std::vector<KeyStatus> status(MonoTime now) const;                                     // by key
  // At most so many of them. The others, of which a client can make very many, cost next to nothing. The mutex is taken
  // for a few at a time: exchanges go on in between.
  enum class Foremost {
    in_need,  // for people: those that are held back, then those with something to do, then the busiest
    busiest,  // those with the most requests
  };
  std::vector<KeyStatus> status(MonoTime now, std::size_t most, Foremost which = Foremost::in_need) const;
  std::size_t key_count() const;
  bool reset(std::string_view key, MonoTime now);        // forgets what was learned; false: no such key
  std::vector<LearnedKey> snapshot(MonoTime now) const;  // what is worth keeping over a restart
  // Of a key that is learning already, by an earlier entry maybe, nothing is taken.
  void restore(const std::vector<LearnedKey>& learned, Duration age, MonoTime now);
  std::uint64_t learned_version() const;  // grows when snapshot() would differ
  const Config& config() const;

 private:
  friend class Plan;
  struct State;
  void give_back(Plan& plan, MonoTime now);  // under the mutex
  std::unique_ptr<State> state_;
};

}  // namespace backoffd::policy
