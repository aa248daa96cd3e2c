#include "policy/learner.h"

#include <algorithm>
#include <cmath>

namespace backoffd::policy {
namespace {

constexpr double kFloor = 1.0 / 60;  // never slower than one a minute: some providers allow less than one a second
constexpr double kRunAt = 0.98;      // the share of a measured limit that is used
constexpr double kCutFloor = 0.5;    // one event never cuts below this share ...
constexpr double kCutLeast = 0.97;   // ... nor above this one
constexpr double kBanCut = 0.7;
constexpr double kFirstHold = 0.25;
constexpr double kLongestHold = 120;
constexpr double kBan = 6;             // a block of that many seconds (or four requests) is a ban or a window
constexpr double kSafe = 60;           // a pace held that long is one to fall back to
constexpr double kStrikeSeconds = 30;  // a strike is forgiven after that long ...
constexpr int kStrikeAccepted = 100;   // ... and that many accepted requests
constexpr double kRamp = 3;            // seconds of slow start; the pace doubles every second
constexpr double kBurst = 0.1;         // seconds that sending may fall behind and catch up
constexpr double kBurstCapped = 2;     // ... where a number at once is the limit: freed slots are filled together
constexpr double kForget = 600;        // without a refusal that long at full pace: nothing is suspected any more
constexpr double kSlack = 1e-6;        // seconds: what a double loses against nanoseconds
constexpr double kLadderMost = 80;

double at(MonoTime time) { return seconds(time.time_since_epoch()); }
MonoTime time_at(double s) { return s < 9e9 ? MonoTime(from_seconds(s)) : kNever; }

std::int16_t narrow(int n) { return static_cast<std::int16_t>(std::min(n, 32767)); }

}  // namespace

Learner::Learner(const LearnerLimits& limits)
    : limits_(limits),
      top_(limits.rate > 0       ? std::max(limits.rate, limits.max_rate)
           : limits.max_rate > 0 ? limits.max_rate
                                 : kInfinity),
      limit_(limits.rate),
      pace_(limits.rate > 0 ? limits.rate : kInfinity) {}

// --- sending ---------------------------------------------------------------------------------------------------------

MonoTime Learner::next_time(int scope, int in_flight, MonoTime now) {
  const double t = at(now);
  const Quota* quota = scope == ScopeTable::kRest ? nullptr : &quotas_[static_cast<std::size_t>(scope)];
  const double quota_at = quota ? quota->next_time(t, last_send_) : t;
  const auto later = [&](double when) { return when <= t + kSlack ? now : time_at(when); };
  if (!in_scope(scope)) return later(quota_at);
  if (mode_ == Mode::hold) {
    if (t + kSlack < hold_until_) return time_at(hold_until_);
    mode_ = Mode::test;
    test_ = 0;
  }
  if (mode_ == Mode::test) return test_ != 0 ? kNever : later(quota_at);

  tick(t);
  if (!concurrency_.allows(in_flight)) return kNever;
  return later(std::max(quota_at, paced(t) ? next_ : t));
}

std::optional<MonoTime> Learner::exhausted_until(int scope, MonoTime now) const {
  if (mode_ != Mode::hold || !event_.exhausted || !in_scope(scope) || at(now) + kSlack >= hold_until_)
    return std::nullopt;
  return time_at(hold_until_);
}

Sent Learner::on_send(std::uint64_t request_class, int in_flight, MonoTime now) {
  const double t = at(now);
  const int scope = scopes_.of(request_class);
  if (first_send_ < 0) {
    first_send_ = ramp_from_ = leak_at_ = confirmed_ = t;
    if (pace_ < top_ && prober_.next() == kInfinity) prober_.begin(t + 10);  // max_rate leaves room above
  }
  Sent sent{.number = ++number_,
            .at = now,
            .request_class = request_class,
            .quota_number = scope == ScopeTable::kRest ? 0 : quotas_[static_cast<std::size_t>(scope)].sent(),
            .scope = narrow(scope),
            .in_flight = narrow(in_flight)};
  if (!in_scope(scope)) return sent;

  if (mode_ == Mode::hold && t + kSlack >= hold_until_) {  // in shadow nobody asks next_time()
    mode_ = Mode::test;
    test_ = 0;
  }
  if (mode_ == Mode::test && test_ == 0) test_ = sent.number;
  ++resumed_sends_;
  prober_.sent();
  last_send_ = t;
  const double r = rate(t);
  const double catch_up = concurrency_.cap() > 0 ? kBurstCapped : std::min(1 / r, kBurst);
  next_ = std::max(next_, t - catch_up) + 1 / r;
  return sent;
}

void Learner::on_idle(MonoTime now) { measure_.idle(at(now)); }

double Learner::rate(double now) const {
  double r = std::min(pace_ * prober_.gain(), announced_);
  if (limit_ > 0 && now - ramp_from_ < kRamp)
    r = std::min(r, std::max(1.0, limit_ * std::exp2(now - ramp_from_ - kRamp)));
  return std::max(r, 1e-3);
}

// Before the first refusal the configured windows alone hold, and a short burst costs nobody a wait; only the first
// seconds are a slow start, and a rate that the provider announces is kept.
bool Learner::paced(double now) const {
  return provoked_ || prober_.probing() || announced_ < pace_ || above_configured() ||
         (limit_ > 0 && now - ramp_from_ < kRamp);
}

bool Learner::steady(double now) const {
  return mode_ == Mode::open && resumed_sends_ > 10 && now - resumed_at_ > std::max(1.0, 3 * latency_);
}

// What happens by time alone. Done when somebody asks to send: nothing depends on it before.
void Learner::tick(double now) {
  if (now - pace_since_ >= kSafe && pace_ < kInfinity) safe_ = pace_;
  concurrency_.tick(now, latency_);
  if (provoked_ && pace_ >= limit_ - 1e-9 && !lossy_.active() && now - last_event_ >= kForget) {
    provoked_ = false;
    strikes_ = 0;
    narrow_ = ScopeTable::kNone;
    ++widened_;
    if (limits_.rate <= 0) {  // the measured base has done its work
      limit_ = 0;
      pace_ = limits_.max_rate > 0 ? limits_.max_rate : kInfinity;
    }
    note(Change::calm, 0, 0, now);
  }
  if (lossy_.active() || !limits_.probe) {
    prober_.stop();
    return;
  }
  const double pace = prober_.tick(pace_, top_, measure_.last_idle() < now - 1, now);
  if (pace != pace_) set_pace(pace, Change::raised, now);
}

// --- answers ---------------------------------------------------------------------------------------------------------

void Learner::on_response(const Sent& sent, int status, const Hint& hint, MonoTime now, Random& random) {
  if (sent.number == 0) return;
  const double t = at(now);
  ++answers_;
  if (!hint.empty()) read_headers(sent, hint, t);
  if (is_throttle_answer(status, hint))
    on_refusal(sent, named_scope(sent.request_class, hint.scope), hint, t, random);
  else
    on_answer(sent, scopes_.of(sent.request_class), status, t);
  adjust_in_shared_pool(t);
}

void Learner::on_lost(const Sent& sent, MonoTime now) {
  if (sent.number == 0 || mode_ != Mode::test || sent.number != test_) return;
  mode_ = Mode::hold;  // it told nothing: the same wait again
  test_ = 0;
  hold_until_ = at(now) + hold_;
}

void Learner::read_headers(const Sent& sent, const Hint& hint, double now) {
  if (hint.concurrency) concurrency_.announced(static_cast<int>(std::min<std::int64_t>(*hint.concurrency, 1 << 20)));
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
    quota.read(hint, sent.scope == scope ? sent.quota_number : 0, now);
  } else if (!hint.remaining && hint.limit && hint.window) {  // what is left of hours says nothing of a rate (Docker)
    announced_ = static_cast<double>(*hint.limit) / seconds(*hint.window);
  }
}

int Learner::named_scope(std::uint64_t request_class, std::uint64_t named) {
  const auto [scope, fresh] = scopes_.name(request_class, named, narrow_);
  if (fresh) quotas_[static_cast<std::size_t>(scope)] = {};
  return scope;
}

void Learner::on_refusal(const Sent& sent, int scope, const Hint& hint, double now, Random& random) {
  ++consecutive_429s_;
  ++event_.answers;
  const double sent_at = at(sent.at);
  double told = hint.retry_after ? std::min(seconds(*hint.retry_after), seconds(limits_.retry_after_cap)) : 0;
  if (told <= 0 && hint.remaining == 0 && hint.reset) told = seconds(*hint.reset);
  if (steady(now)) concurrency_.refused(sent.in_flight);
  narrow_or_widen(scope, now);

  const bool from_test = mode_ == Mode::test && sent.number == test_;
  if (sent_at <= cut_at_ || (mode_ != Mode::open && !from_test)) {  // one piece of evidence: it is part of this event
    if (told > 0 && mode_ == Mode::hold && event_.failed_tests == 0) {
      event_.told = std::max(event_.told, told);
      hold_until_ = std::max(hold_until_, now + told);
    }
    return;
  }
  cut_at_ = now;
  if (mode_ == Mode::open && concurrency_.explains(sent.in_flight, now)) return;
  strikes_ += 1;
  last_event_ = confirmed_ = now;
  if (from_test)
    lengthen_after_failed_test(now);
  else
    begin_event(now);
  if (told > 0) add_recovery_time(told);
  hold(told, now, random);
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

void Learner::begin_event(double now) {
  if (!prober_.probing()) lossy_.refused();
  if (limit_ <= 0) limit_ = measured_base(now);
  event_ = {.began = now,
            .rate = std::min({pace_ * prober_.gain(), announced_, pace_ < kInfinity ? kInfinity : limit_}),
            .probe = prober_.probing(),
            .answers = 1};
  prober_.stop();
  hold_ = kFirstHold;
  // Silent bans were long the last time: poking early may lengthen them.
  if (ban_ok_ >= 3) hold_ = ban_bad_ >= 0.5 * ban_ok_ ? ban_ok_ : std::sqrt(ban_ok_ * std::max(ban_bad_, 1.0));
}

void Learner::lengthen_after_failed_test(double now) {
  test_ = 0;
  ++event_.failed_tests;
  ban_bad_ = std::max(ban_bad_, hold_);
  hold_ = std::min(kLongestHold, std::max(hold_ < 4 ? 2 * hold_ : 0.0, 0.5 * (now - event_.began)));
}

void Learner::hold(double told, double now, Random& random) {
  if (lossy_.active() && event_.failed_tests < 10) hold_ = std::min(hold_, std::max(1.0, 2 / pace_));
  double wait = hold_ * random.uniform(0.95, 1.1);
  if (told > 0) {
    event_.told = std::max(event_.told, told);
    wait = event_.failed_tests == 0 ? told + random.uniform(0.0, std::min(0.5, 0.1 * told)) : std::max(wait, told);
  }
  if (strikes_ >= 3) ladder_ = std::min(kLadderMost, ladder_ + ladder_points());
  hold_until_ = now + wait;
  mode_ = Mode::hold;
  event_.exhausted = told > seconds(limits_.max_pause);
  const Change change = event_.exhausted ? Change::exhausted : told > 0 ? Change::paused : Change::refused;
  note(change, told > 0 ? told : wait, event_.rate, now);
}

void Learner::on_answer(const Sent& sent, int scope, int status, double now) {
  latency_ += 0.1 * (now - at(sent.at) - latency_);
  const bool success = status < 500;
  if (success) {
    consecutive_429s_ = 0;
    if (in_scope(scope)) {
      measure_.accepted(now);
      lossy_.accepted();
      leak_strikes(now);
      if (steady(now)) concurrency_.accepted(sent.in_flight);
    }
  }
  if (mode_ == Mode::test && sent.number == test_) end_event(sent, now);
}

void Learner::leak_strikes(double now) {
  ++leak_accepted_;
  while (strikes_ > 0 && now - leak_at_ >= kStrikeSeconds && leak_accepted_ >= kStrikeAccepted) {
    strikes_ = std::max(0.0, strikes_ - 1);
    leak_at_ += kStrikeSeconds;
    leak_accepted_ -= kStrikeAccepted;
  }
  if (strikes_ > 0) return;
  leak_at_ = now;
  leak_accepted_ = 0;
}

void Learner::adjust_in_shared_pool(double now) {
  if (pace_ == kInfinity) return;
  double pace = pace_;
  switch (lossy_.interval(pace, kFloor, std::min(top_, std::max(limit_, pace_)), now)) {
    case LossyPool::Turn::none:
      return;
    case LossyPool::Turn::entered:
      prober_.stop();
      break;
    case LossyPool::Turn::adjusted:
      break;
    case LossyPool::Turn::left:
      strikes_ = 0;
      prober_.restart(now, 1);
      break;
  }
  set_pace(pace, Change::shared_pool, now);
}

// --- the verdict at the end of a limit event -------------------------------------------------------------------------

void Learner::end_event(const Sent& test, double now) {
  const double lost = at(test.at) - event_.began;
  const bool ban = lost >= std::max(kBan, 4 / event_.rate);
  mode_ = Mode::open;
  test_ = 0;
  resumed_at_ = now;
  resumed_sends_ = 0;
  ladder_ = 0;
  if (event_.exhausted)
    note(Change::transient, strikes_, 0, now);  // a used-up allowance is about the day, not about the pace
  else if (!lossy_.active() && ban)
    hard_event(lost, now);
  else if (!lossy_.active())
    soft_event(lost, now);
  pace_since_ = now;
  if (ban) ramp_from_ = now;  // those who waited shall not come back all at once
  measure_.event_ended(now);
  next_ = std::max(now, at(test.at) + 1 / std::max(pace_, 1e-3));
}

void Learner::hard_event(double lost, double now) {
  ban_ok_ = event_.told > 0 ? 0 : hold_;
  if (ban_bad_ >= ban_ok_) ban_bad_ = 0;
  prober_.banned(now);
  if (event_.probe) {
    prober_.remember_refused(event_.rate, now);
    prober_.failed(pace_, lost, event_.answers, now);
    note(Change::probe_refused, event_.rate, 0, now);
    return;
  }
  prober_.remember_refused(event_.rate, now);
  if (0.5 * event_.rate <= safe_ && safe_ < event_.rate) {
    set_pace(0.99 * safe_, Change::cut_safe, now);
    prober_.failed(pace_, lost, event_.answers, now);
    return;
  }
  const auto before = measure_.rate_before(event_.began, std::max(2.0, 10 / event_.rate), first_send_);
  set_pace(std::max(kFloor, kBanCut * std::min(event_.rate, before.value_or(event_.rate))), Change::cut_ban, now);
  prober_.cut(pace_, now);
}

void Learner::soft_event(double lost, double now) {
  if (event_.failed_tests == 0 && event_.told <= 0 && hold_ < 1)
    ban_ok_ = ban_bad_ = 0;  // an early poke worked: no ban
  if (concurrency_.cap() == 0) {
    if (const auto cap = concurrency_.separable()) {
      concurrency_.found(*cap, now);
      strikes_ = 0;
      prober_.restart(now, 2);
      note(Change::concurrency_found, *cap, 0, now);
      return;
    }
  }
  if (event_.probe) {
    prober_.remember_refused(event_.rate, now);
    prober_.failed(pace_, lost, event_.answers, now);
    note(Change::probe_refused, event_.rate, 0, now);
    return;
  }
  if (strikes_ < 3 && event_.answers < 3) {  // one or two refusals by themselves change nothing
    note(Change::transient, strikes_, 0, now);
    return;
  }
  const auto measured = measure_.limit(now, event_.rate, first_send_);
  const double wanted = measured ? kRunAt * *measured
                                 : std::max({event_.rate - ladder_points() / 100 * limit_, kBanCut * event_.rate,
                                             limit_ * (1 - kLadderMost / 100)});
  const double pace = std::max({kFloor, kCutFloor * event_.rate, std::min(wanted, kCutLeast * event_.rate)});
  set_pace(pace, measured ? Change::cut_measured : Change::cut_ladder, now);
  prober_.remember_lower_refused(event_.rate, now);
  prober_.cut(pace_, now);
}

// --- figures ---------------------------------------------------------------------------------------------------------

void Learner::set_pace(double pace, Change change, double now) {
  rising_ = pace > pace_;
  const double before = pace_ < kInfinity ? pace_ : limit_;  // where no limit held yet: what had been sent
  pace_ = pace;
  pace_since_ = confirmed_ = now;
  note(change, before, pace, now);
}

void Learner::note(Change change, double a, double b, double now) {
  change_ = change;
  change_a_ = a;
  change_b_ = b;
  changed_at_ = now;
  ++version_;
}

// What was sent per second before the first refusals: at most the last ten seconds, at least one.
double Learner::measured_base(double now) const {
  const double width = std::clamp(now - first_send_, 1.0, 10.0);
  const auto accepted = measure_.rate_before(now, width, first_send_);
  const double sent = static_cast<double>(number_) / std::max(1.0, now - first_send_);
  return std::max(kFloor, accepted.value_or(sent));
}

}  // namespace backoffd::policy
