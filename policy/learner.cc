#include "policy/learner.h"

#include <algorithm>
#include <cmath>

#include "policy/learning_constants.h"

namespace backoffd::policy {
namespace {

std::int16_t narrow(int n) { return static_cast<std::int16_t>(std::min(n, 32767)); }

}  // namespace

Learner::Learner(const LearnerLimits& limits, Allowances& allowances, std::uint64_t numbered)
    : limits_(limits),
      allowances_(allowances),
      top_(limits.rate > 0       ? std::max(limits.rate, limits.max_rate)
           : limits.max_rate > 0 ? limits.max_rate
                                 : kInfinity),
      numbered_before_(numbered),
      limit_(limits.rate),
      pace_(limits.rate > 0 ? limits.rate : kInfinity),
      number_(numbered) {}

// --- sending ---------------------------------------------------------------------------------------------------------

MonoTime Learner::next_time(int scope, InFlight in_flight, MonoTime now) {
  const double t = at(now);
  if (!allows(scope, in_flight)) return kNever;
  const double quota_at = announced_next(scope, t);
  const auto later = [&](double when) { return when <= t + learning::kSlack ? now : time_at(when); };
  if (!in_scope(scope)) return later(quota_at);
  if (mode_ == Mode::hold) {
    if (t + learning::kSlack < hold_until_) return time_at(hold_until_);
    mode_ = Mode::test;
    test_ = 0;
  }
  if (mode_ == Mode::test) return test_ != 0 ? kNever : later(quota_at);

  tick(t);
  if (!concurrency_.allows(in_flight.key)) return kNever;
  return later(std::max(quota_at, paced(t) ? next_ : t));
}

std::optional<MonoTime> Learner::exhausted_until(int scope, MonoTime now) const {
  const double t = at(now);
  const Quota& quota = quotas_[static_cast<std::size_t>(scope)];
  if (scope != ScopeTable::kRest && quota.for_long(t + learning::kSlack)) return time_at(quota.blocked_until());
  if (mode_ != Mode::hold || !event_.exhausted || !in_scope(scope) || t + learning::kSlack >= hold_until_)
    return std::nullopt;
  return time_at(hold_until_);
}

// What a scope's own answers name; else what is named without one, which is of all others.
int Learner::announced_scope(int scope) const {
  return announced_ && (*announced_)[static_cast<std::size_t>(scope)].known() ? scope : ScopeTable::kRest;
}

Announced* Learner::announced(int scope) const {
  return announced_ ? &(*announced_)[static_cast<std::size_t>(announced_scope(scope))] : nullptr;
}

bool Learner::allows(int scope, InFlight in_flight) const {
  const Announced* const announced = this->announced(scope);
  if (announced == nullptr || announced->at_once() == 0) return true;
  const bool own = announced_scope(scope) != ScopeTable::kRest;
  return (own ? in_flight.scope : in_flight.key) < announced->at_once();
}

int Learner::concurrency() const {
  int least = concurrency_.cap();
  for (int i = 0; announced_ && i < ScopeTable::kScopes; ++i) {
    const int at_once = (*announced_)[static_cast<std::size_t>(i)].at_once();
    if (at_once > 0 && (least == 0 || at_once < least)) least = at_once;
  }
  return least;
}

double Learner::announced_next(int scope, double now) const {
  const Announced* const rate = announced(scope);
  const double at = rate ? rate->next_time(now) : now;
  if (scope == ScopeTable::kRest) return at;
  return std::max(at, quotas_[static_cast<std::size_t>(scope)].next_time(now, last_send_));
}

Sent Learner::on_send(std::uint64_t request_class, int in_flight, MonoTime now) {
  const double t = at(now);
  const int scope = scopes_.of(request_class);
  if (first_send_ < 0) {
    first_send_ = ramp_from_ = confirmed_ = t;
    strikes_.begin(t);
    if (pace_ < top_ && prober_.next() == kInfinity) prober_.begin(t + learning::kFirstTrialAfter);
  }
  Sent sent{.number = ++number_,
            .at = now,
            .request_class = request_class,
            .quota_number = scope == ScopeTable::kRest ? 0 : quotas_[static_cast<std::size_t>(scope)].sent(t),
            .scope = narrow(scope),
            .in_flight = narrow(in_flight)};
  if (Announced* const rate = announced(scope)) rate->sent(t);
  if (!in_scope(scope)) return sent;

  if (mode_ == Mode::hold && t + learning::kSlack >= hold_until_) {  // whoever is not bound has not asked
    mode_ = Mode::test;
    test_ = 0;
  }
  if (mode_ == Mode::test && test_ == 0) test_ = sent.number;
  count_send(t);
  return sent;
}

Sent Learner::on_shadow_send(std::uint64_t request_class, InFlight before, MonoTime now) {
  const bool held = next_time(scopes_.of(request_class), before, now) > now;
  const double next = next_;
  ++shadow_.requests;
  Sent sent = on_send(request_class, before.key + 1, now);
  if (held) {
    next_ = next;  // it would not have started now, and takes the turn of none that would
    sent.held = true;
    last_overrun_ = at(now);
    ++shadow_.held;
  }
  return sent;
}

void Learner::count_send(double now) {
  ++resumed_sends_;
  prober_.sent();
  last_send_ = now;
  if (Allowance* const known = allowance()) known->sent(now, number_);
  const double r = rate(now);
  const double catch_up = concurrency() > 0 ? learning::kCatchUpCapped : std::min(1 / r, learning::kCatchUp);
  next_ = std::max(next_, now - catch_up) + 1 / r;
}

void Learner::on_idle(MonoTime now) {
  if (!overrun(at(now))) measure_.idle(at(now));
}

double Learner::rate(double now) const {
  double r = pace_ * prober_.gain();
  if (limit_ > 0 && now - ramp_from_ < learning::kRampSeconds)
    r = std::min(r, std::max(1.0, limit_ * std::exp2(now - ramp_from_ - learning::kRampSeconds)));
  return std::max(r, 1e-3);
}

// Before the first refusal the configured windows alone hold, and a short burst costs nobody a wait; only the first
// seconds are a slow start.
bool Learner::paced(double now) const {
  return provoked_ || prober_.probing() || above_configured() ||
         (limit_ > 0 && now - ramp_from_ < learning::kRampSeconds);
}

bool Learner::steady(double now) const {
  return mode_ == Mode::open && resumed_sends_ > 10 && now - resumed_at_ > std::max(1.0, 3 * latency_);
}

// What happens by time alone. Done when somebody asks to send: nothing depends on it before.
void Learner::tick(double now) {
  if (now - pace_since_ >= learning::kSafeSeconds && pace_ < kInfinity) safe_ = pace_;
  concurrency_.tick(now, latency_);
  calm_down(now);
  if (shared_pool_.active() || !limits_.probe) {
    prober_.stop();
    return;
  }
  const double pace = prober_.tick(pace_, top_, measure_.last_idle() < now - 1, now);
  if (pace != pace_) set_pace(pace, Change::raised, now);
}

void Learner::calm_down(double now) {
  if (!provoked_ || pace_ < limit_ - 1e-9 || shared_pool_.active() || now - last_event_ < learning::kForgetSeconds)
    return;
  provoked_ = false;
  strikes_.forget();
  forget_allowance();
  narrow_ = ScopeTable::kNone;
  ++widened_;
  if (limits_.rate <= 0) {  // the measured base has done its work
    limit_ = 0;
    pace_ = limits_.max_rate > 0 ? limits_.max_rate : kInfinity;
  }
  note(Change::calm, 0, 0, now);
}

// --- answers ---------------------------------------------------------------------------------------------------------

void Learner::on_response(const Sent& sent, int status, const Hint& hint, MonoTime now, Random& random) {
  if (sent.number == 0) return;
  const double t = at(now);
  if (sent.number <= numbered_before_) {  // forgotten with its learner; what it says of a quota holds all the same
    if (!hint.empty()) read_headers({.request_class = sent.request_class, .scope = ScopeTable::kRest}, hint, t);
    return;
  }
  ++answers_;
  if (!hint.empty()) read_headers(sent, hint, t);
  read_announced(sent, hint, t);
  if (is_throttle_answer(status, hint))
    on_refusal(sent, named_scope(sent.request_class, hint.scope), hint, t, random);
  else
    on_answer(sent, scopes_.of(sent.request_class), status, t);
  adjust_in_shared_pool(t);
}

void Learner::on_lost(const Sent& sent, MonoTime now) {
  if (sent.number != 0 && is_test(sent)) hold_again(at(now));
}

void Learner::read_headers(const Sent& sent, const Hint& hint, double now) {
  if (hint.remaining && hint.reset) {
    if (hint.scope == 0 && scopes_.of(sent.request_class) == ScopeTable::kRest) {
      for (int i = 1; i < ScopeTable::kScopes; ++i) {
        if (!quotas_[static_cast<std::size_t>(i)].same_as(hint, now)) continue;
        scopes_.join(sent.request_class, i);
        break;
      }
    }
    const int scope = named_scope(sent.request_class, hint.scope);
    Quota& quota = quotas_[static_cast<std::size_t>(scope)];
    quota.read(hint, sent.scope == scope ? sent.quota_number : 0,
               {.believed = seconds(limits_.retry_after_cap), .for_long = seconds(limits_.max_pause)}, now);
  }
}

void Learner::read_announced(const Sent& sent, const Hint& hint, double now) {
  const bool names = hint.burst || hint.sustained || hint.concurrency;
  if (!names && !announced_) return;
  if (!announced_) announced_ = std::make_unique<AnnouncedByScope>();
  int scope = announced_scope(scopes_.of(sent.request_class));
  if (names) scope = hint.scope == 0 ? ScopeTable::kRest : named_scope(sent.request_class, hint.scope);
  (*announced_)[static_cast<std::size_t>(scope)].read(hint, now);
}

int Learner::named_scope(std::uint64_t request_class, std::uint64_t named) {
  const auto [scope, fresh] = scopes_.name(request_class, named, narrow_);
  if (fresh) {
    quotas_[static_cast<std::size_t>(scope)].begin_anew();
    if (announced_) (*announced_)[static_cast<std::size_t>(scope)] = {};
  }
  return scope;
}

double Learner::told(const Hint& hint) const {
  if (hint.retry_after) return std::min(seconds(*hint.retry_after), seconds(limits_.retry_after_cap));
  const bool spent = hint.remaining == 0 && hint.reset && !Quota::is_coarse(*hint.reset, hint.window);
  return spent ? seconds(*hint.reset) : 0;
}

void Learner::on_refusal(const Sent& sent, int scope, const Hint& hint, double now, Random& random) {
  ++consecutive_429s_;
  ++event_.answers;
  shadow_.avoided += sent.held ? 1 : 0;
  const double wait = told(hint);
  if (steady(now)) concurrency_.refused(sent.in_flight);
  narrow_or_widen(scope, now);
  if (part_of_event(sent)) {
    lengthen_told_hold(wait, now);
    return;
  }
  if (sent.held) return;
  cut_at_ = now;
  if (mode_ == Mode::open && concurrency_.explains(sent.in_flight, now)) return;
  strikes_.add();
  last_event_ = confirmed_ = now;
  if (is_test(sent))
    lengthen_after_failed_test(now);
  else
    begin_event(sent, now);
  hold(wait, now, random);
}

// The first refusal binds its own scope only; one of another scope means that the host as a whole refuses.
void Learner::narrow_or_widen(int scope, double now) {
  if (!provoked_) {
    provoked_ = true;
    narrow_ = scope;
    ++widened_;
    return;
  }
  if (in_scope(scope)) return;
  narrow_ = ScopeTable::kNone;
  ++widened_;
  // A pace that was learned for the one scope long ago says nothing about all of them together.
  if (now - last_event_ > 60 && pace_ < limit_) pace_ = limit_;
}

void Learner::on_answer(const Sent& sent, int scope, int status, double now) {
  latency_ += 0.1 * (now - at(sent.at) - latency_);
  const bool success = status < 500;
  if (success) {
    consecutive_429s_ = 0;
    if (in_scope(scope)) {
      measure_.accepted(now);
      if (Allowance* const known = allowance()) known->accepted(sent.number);
      shared_pool_.accepted();
      strikes_.accepted(now);
      if (steady(now)) concurrency_.accepted(sent.in_flight);
    }
  }
  if (success && (is_test(sent) || shows_end(sent)))
    end_event(sent, now);
  else if (is_test(sent))
    hold_again(now);
}

void Learner::adjust_in_shared_pool(double now) {
  if (pace_ == kInfinity || overrun(now)) return;
  double pace = pace_;
  switch (shared_pool_.interval(pace, learning::kFloor, std::min(top_, std::max(limit_, pace_)), now)) {
    case SharedPool::Turn::none:
      return;
    case SharedPool::Turn::entered:
      prober_.stop();
      break;
    case SharedPool::Turn::adjusted:
      break;
    case SharedPool::Turn::left:
      strikes_.forget();
      prober_.restart(now, 1);
      set_pace(pace, Change::pool_left, now);
      return;
  }
  set_pace(pace, Change::shared_pool, now);
}

}  // namespace backoffd::policy
