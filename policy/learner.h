// One key's evidence -> how much its limit is reduced, and the way back.
//
//            limit event                hold over                 first answer that is no refusal
//   OPEN ------------------> HOLD ------------------> TEST ------------------------------------> OPEN
//                             ^                         |
//                             +--- refused, or no answer
//
// OPEN sends at the learned pace; HOLD sends nothing; TEST has exactly one request under way. A limit event is all the
// refusals of requests sent before its first refusal came: one piece of evidence, however many they are. Its end tells
// what kind it was: a short one is a rate or a number of requests at once, a long one a ban or a used-up window.
//
// Where a rule is longer than a line it has a class of its own: measure, concurrency, prober, bans, allowance, strikes,
// shared_pool, quota, scope; every figure is in learning_constants.h. learner.cc asks and files, learner_event.cc holds
// and judges, learner_status.cc shows. What it all reaches is measured by make bench-learning.
//
// Never reads a clock; `now` must not go back. Not thread-safe: owned by a key, behind the engine's mutex.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/allowances.h"
#include "policy/announced.h"
#include "policy/bans.h"
#include "policy/concurrency.h"
#include "policy/hint.h"
#include "policy/measure.h"
#include "policy/prober.h"
#include "policy/quota.h"
#include "policy/random.h"
#include "policy/scope.h"
#include "policy/shared_pool.h"
#include "policy/strikes.h"
#include "policy/time.h"

namespace backoffd::policy {

enum class LearnerState { unknown, normal, reducing, recovering, paused, exhausted };
inline constexpr std::array<std::string_view, 6> kLearnerStateNames = {"unknown",    "normal", "reducing",
                                                                       "recovering", "paused", "exhausted"};
constexpr std::string_view name(LearnerState state) { return kLearnerStateNames[static_cast<std::size_t>(state)]; }

// What learning would have done with the requests that it was only shown, as a gate in shadow does.
struct ShadowCounts {
  std::uint64_t requests = 0;
  std::uint64_t held = 0;     // would have waited
  std::uint64_t avoided = 0;  // ... and were refused, as they were sent at once
};

// The figures of POLICY 8 for one key.
struct LearnerStatus {
  LearnerState state = LearnerState::unknown;
  int consecutive_429s = 0;           // +1 on each throttle answer, 0 on a success
  double reduction_pct = 0;           // 100 * (1 - effective/configured limit), never negative
  double recovery_time_estimate = 0;  // seconds, from the Retry-After samples; 0 without any
  MonoTime paused_until{};            // paused or exhausted until then
  MonoTime changed{};                 // the last change ...
  std::string reason;                 // ... why, on what evidence, and what comes next, in words
  double effective_rate = 0;          // requests/s that learning allows; 0: any
  int concurrency = 0;                // requests at once that it allows; 0: any
  ShadowCounts counts;                // of requests that it was only shown
};

// Grows when figures of LearnedKey come to mean something else. An older one's figures are a start for this one; a
// newer one's are not for this program.
inline constexpr std::int64_t kLearningAlgorithm = 1;

// What a restart keeps of a key. A reader that finds only the first four fields restores what they say.
struct LearnedKey {
  std::string key;
  double reduction_pct = 0;
  double base_rate = 0;                // requests/s the reduction is taken from where no limit is configured; 0: none
  std::vector<double> recovery_times;  // seconds, the last 50 Retry-After samples
  std::uint64_t scope = 0;             // what the reduction is confined to (hash of a class or named quota); 0: all
  int concurrency = 0;                 // requests at once that were found to be allowed; 0: none found
  double ban_seconds = 0;              // how long silent bans lasted; 0: none seen
  double paused_seconds = 0;           // left of a pause or exhaustion
};

struct LearnerLimits {
  double rate = 0;      // configured requests/s, of the limit that allows the most; 0: none configured
  double max_rate = 0;  // learning may rise up to this; 0: the configured limit
  Duration max_pause = std::chrono::seconds(300);
  Duration retry_after_cap = std::chrono::seconds(900);
  bool probe = true;
};

// What has to be known of an attempt when its answer comes. Number 0: no learner has seen it.
struct Sent {
  std::uint64_t number = 0;
  MonoTime at{};
  std::uint64_t request_class = 0;
  std::uint64_t quota_number = 0;
  std::int16_t scope = ScopeTable::kRest;
  std::int16_t in_flight = 0;  // itself included, at most 32767
  bool held = false;           // would have waited, had it been bound
};

// Requests under way: of the whole key, and of one scope.
struct InFlight {
  int key = 0;
  int scope = 0;
};

class Learner {
 public:
  // `numbered`: requests that a learner before this one has numbered. Their answers are no evidence of this one's.
  // REQUIRES: `allowances` outlives the learner.
  Learner(const LearnerLimits& limits, Allowances& allowances, std::uint64_t numbered = 0);

  // --- asked by the throttle ---
  // When may the next request of that scope start? now, later, or kNever where only an answer can change it.
  MonoTime next_time(int scope, InFlight in_flight, MonoTime now);
  // Paused longer than max_pause, or a quota used up for longer: when it ends; none where it is not so.
  std::optional<MonoTime> exhausted_until(int scope, MonoTime now) const;
  int scope_of(std::uint64_t request_class) const { return scopes_.of(request_class); }
  std::uint32_t scopes_version() const { return scopes_.version() + widened_; }

  // --- told by the throttle and the engine ---
  // `in_flight` counts this one.
  Sent on_send(std::uint64_t request_class, int in_flight, MonoTime now);
  // The same for one that is only shown: it starts whatever next_time() says. `before`: without this one. What would
  // have been held overruns the provider all the same: refusals then say nothing of the pace, as they come whatever it
  // is, and what is accepted says it all, as it is the limit.
  Sent on_shadow_send(std::uint64_t request_class, InFlight before, MonoTime now);
  void on_response(const Sent& sent, int status, const Hint& hint, MonoTime now, Random& random);
  void on_lost(const Sent& sent, MonoTime now);  // the attempt ended without an answer, or was never made
  void on_idle(MonoTime now);                    // nothing waits

  // --- read by the operator ---
  // What reductions are taken from: the configured limit, or the measured one; 0: none.
  double base_rate() const { return limit_; }
  double effective_rate(MonoTime now) const;  // 0: none
  bool above_configured() const { return limits_.rate > 0 && pace_ > limits_.rate; }
  bool holding() const { return mode_ != Mode::open; }
  double pace() const { return pace_; }  // infinity: none
  std::uint64_t numbered() const { return number_; }
  int concurrency() const;  // requests at once, found or announced of any scope; 0: any
  std::optional<Duration> recovery_estimate(MonoTime now) const;
  LearnerStatus status(MonoTime now) const;
  LearnerState state(MonoTime now) const;             // status().state, at a fraction of its cost
  std::uint64_t version() const { return version_; }  // grows when learned() would differ by more than its age

  std::optional<LearnedKey> learned(MonoTime now) const;  // without its `key`; none: nothing worth keeping
  void restore(const LearnedKey& learned, Duration age, MonoTime now);

 private:
  enum class Mode : std::uint8_t { open, hold, test };
  // What changed last, for status(); in figures, because text is made only when somebody asks.
  enum class Change : std::uint8_t {
    none,
    refused,
    paused,
    exhausted,
    cut_measured,
    cut_ladder,
    cut_safe,
    cut_ban,
    allowance,
    probe_refused,
    concurrency_found,
    transient,
    shared_pool,
    pool_left,
    raised,
    restored,
    calm
  };
  struct Noted {
    Change what = Change::none;
    float a = 0, b = 0;  // its figures: before and after, or a wait, or a count
    float measured = 0;  // the limit that was measured
    int refusals = 0;    // that it follows from
    double at = 0;
  };
  struct Event {  // the limit event under way
    double began = 0;
    double rate = 0;  // the pace that was refused
    bool probe = false;
    bool exhausted = false;
    int answers = 0;  // refusals
    int failed_tests = 0;
    double told = 0;  // longest Retry-After, seconds; 0: none
  };
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();

  static double at(MonoTime time) { return seconds(time.time_since_epoch()); }
  static MonoTime time_at(double s) { return s < 9e9 ? MonoTime(from_seconds(s)) : kNever; }

  // sending
  bool in_scope(int scope) const { return narrow_ == ScopeTable::kNone || narrow_ == scope; }
  void count_send(double now);
  double rate(double now) const;
  int announced_scope(int scope) const;
  Announced* announced(int scope) const;
  bool allows(int scope, InFlight in_flight) const;
  double announced_next(int scope, double now) const;
  bool paced(double now) const;
  void tick(double now);
  void calm_down(double now);
  bool steady(double now) const;
  // Has more been sent of late than the pace allows?
  bool overrun(double now) const { return now - last_overrun_ < std::max(1.0, 2 / pace_); }
  // answers
  void read_announced(const Sent& sent, const Hint& hint, double now);
  void read_headers(const Sent& sent, const Hint& hint, double now);
  double told(const Hint& hint) const;
  void on_refusal(const Sent& sent, int scope, const Hint& hint, double now, Random& random);
  void on_answer(const Sent& sent, int scope, int status, double now);
  int named_scope(std::uint64_t request_class, std::uint64_t named);
  void narrow_or_widen(int scope, double now);
  void adjust_in_shared_pool(double now);
  // limit events (learner_event.cc)
  bool part_of_event(const Sent& sent) const {
    return at(sent.at) <= cut_at_ || (mode_ != Mode::open && !is_test(sent));
  }
  bool is_test(const Sent& sent) const { return mode_ == Mode::test && sent.number == test_; }
  // Accepted where it would not have been sent, in a block of which nothing was told: it is over.
  bool shows_end(const Sent& sent) const {
    return sent.held && mode_ != Mode::open && at(sent.at) > cut_at_ && event_.told <= 0;
  }
  void hold_again(double now);
  void lengthen_told_hold(double told, double now);
  void begin_event(const Sent& sent, double now);
  void lengthen_after_failed_test(double now);
  void hold(double told, double now, Random& random);
  void hold_until(double until, double told, double now);
  void end_event(const Sent& test, double now);
  void resume(const Sent& test, bool long_block, double now);
  void soft_event(double lost, double now);
  void hard_event(const Sent& test, double lost, double now);
  Allowance* allowance() const { return allowances_.find(allowance_id_); }
  void forget_allowance() { allowance_id_ = Allowances::kNone; }
  bool found_concurrency(double now);
  void trial_failed(double lost, double now);
  bool keep_within_allowance(double lost, double now);
  void cut_after_long_block(double lost, double now);
  void cut_to_limit(double now);
  void set_pace(double pace, Change change, double now);
  void note(Change change, double a, double b, double now);
  double measured_base(double now) const;
  // status (learner_status.cc)
  double reduction_pct(MonoTime now) const;
  bool paused(double now) const;
  int used_up_scope(double now) const;
  int binding_quota(double now) const;
  int binding_rate(double now) const;
  struct Announcement {
    std::string text;  // empty: there is none
    double since = 0;
  };
  Announcement announcement(double now) const;
  std::string reason(double now) const;
  std::string in_scope_only() const;
  std::string failed_tests() const;
  std::string block() const;
  std::string transient() const;
  std::string outlook(double now) const;
  std::string trial_to_come(double now) const;
  void add_recovery_time(double seconds);

  // --- constant after construction ---
  LearnerLimits limits_;
  Allowances& allowances_;
  double top_;  // the pace never goes above
  std::uint64_t numbered_before_;

  // --- pace ---
  double limit_;     // L: configured, or the base that was measured; 0: none
  double pace_;      // R
  double next_ = 0;  // earliest next start
  double first_send_ = -1;
  double ramp_from_ = 0;
  double last_send_ = 0;
  double last_overrun_ = -kInfinity;
  bool provoked_ = false;  // a refusal has come and is not forgotten yet
  bool rising_ = false;    // the last change of the pace was upward
  std::uint64_t number_ = 0;

  // --- limit events ---
  Mode mode_ = Mode::open;
  int resumed_sends_ = 0;
  Event event_;
  double hold_ = 0;
  double hold_until_ = 0;
  double cut_at_ = -1;  // answers to requests sent up to here belong to the running event
  double last_event_ = -kInfinity;
  std::uint64_t test_ = 0;  // number of the test under way; 0: none
  double resumed_at_ = 0;
  double safe_ = 0;  // a pace held for a minute without event
  double pace_since_ = 0;
  double confirmed_ = 0;

  // --- the longer rules ---
  Measure measure_;
  ConcurrencyFinder concurrency_;
  Prober prober_;
  Strikes strikes_;
  Bans bans_;
  Allowances::Id allowance_id_ = Allowances::kNone;  // since the first long block
  SharedPool shared_pool_;
  ScopeTable scopes_;
  std::array<Quota, ScopeTable::kScopes> quotas_{};
  using AnnouncedByScope = std::array<Announced, ScopeTable::kScopes>;  // [kRest]: by answers that name no scope
  std::unique_ptr<AnnouncedByScope> announced_;                         // since the first one
  int narrow_ = ScopeTable::kNone;  // the scope that the learned state is confined to
  std::uint32_t widened_ = 0;
  double latency_ = 0.2;

  // --- for the operator ---
  std::uint64_t answers_ = 0;
  int consecutive_429s_ = 0;
  std::uint32_t recovery_count_ = 0;
  std::array<float, 50> recovery_times_{};  // ring
  Noted noted_;
  ShadowCounts shadow_;
  std::uint64_t version_ = 0;
};

}  // namespace backoffd::policy
