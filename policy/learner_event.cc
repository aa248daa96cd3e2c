// Limit events: how they begin, how long sending is held and tested, and what their end says about the limit.
#include <algorithm>
#include <cmath>

#include "policy/learner.h"
#include "policy/learning_constants.h"

namespace backoffd::policy {

// --- hold and test ---------------------------------------------------------------------------------------------------

void Learner::begin_event(const Sent& sent, double now) {
  if (!prober_.probing()) shared_pool_.refused();
  if (limit_ <= 0) limit_ = measured_base(now);
  const Announced* const rate = announced(sent.scope);
  event_ = {.began = now,
            .rate = std::min(
                {pace_ * prober_.gain(), rate ? rate->pace(now) : kInfinity, pace_ < kInfinity ? kInfinity : limit_}),
            .probe = prober_.probing(),
            .answers = 1};
  if (Allowance* const known = allowance()) known->refused(sent.number, at(sent.at));
  prober_.stop();
  hold_ = bans_.first_hold();
}

// The test told nothing of the limit: the same wait again.
void Learner::hold_again(double now) {
  mode_ = Mode::hold;
  test_ = 0;
  hold_until_ = now + hold_;
}

// A further refusal of the event under way says nothing new but, maybe, how long it lasts.
void Learner::lengthen_told_hold(double told, double now) {
  if (mode_ != Mode::hold || event_.failed_tests > 0 || told <= event_.told || now + told <= hold_until_) return;
  hold_until(now + told, told, now);
}

void Learner::lengthen_after_failed_test(double now) {
  test_ = 0;
  ++event_.failed_tests;
  bans_.test_failed(hold_);
  const double doubled = hold_ < learning::kDoubledUpTo ? 2 * hold_ : 0.0;
  hold_ = std::min(learning::kLongestHold, std::max(doubled, learning::kHoldGrowth * (now - event_.began)));
}

void Learner::hold(double told, double now, Random& random) {
  // A shared pool is no ban: to wait long for it is to leave it to the others.
  if (shared_pool_.active() && event_.failed_tests < 10) hold_ = std::min(hold_, std::max(1.0, 2 / pace_));
  double wait = hold_ * random.uniform(0.95, 1.1);
  if (told > 0) {
    wait = event_.failed_tests == 0 ? told + random.uniform(0.0, std::min(0.5, 0.1 * told)) : std::max(wait, told);
  }
  strikes_.climb();
  hold_until(now + wait, told, now);
}

void Learner::hold_until(double until, double told, double now) {
  mode_ = Mode::hold;
  hold_until_ = until;
  event_.told = std::max(event_.told, told);
  event_.exhausted = told > seconds(limits_.max_pause);
  if (told > 0) add_recovery_time(told);
  const Change change = event_.exhausted ? Change::exhausted : told > 0 ? Change::paused : Change::refused;
  note(change, told > 0 ? told : until - now, event_.rate, now);
}

// --- the verdict at the end ------------------------------------------------------------------------------------------

void Learner::end_event(const Sent& test, double now) {
  const double lost = at(test.at) - event_.began;
  const bool long_block = lost >= std::max(learning::kLongSeconds, learning::kLongRequests / event_.rate);
  mode_ = Mode::open;
  test_ = 0;
  strikes_.step_down();
  const bool by_pace = !event_.exhausted && !shared_pool_.active();
  if (!by_pace || !long_block) forget_allowance();
  if (event_.exhausted)
    note(Change::transient, strikes_.count(), 0, now);  // a used-up quota is about the day, not about the pace
  else if (by_pace && long_block)
    hard_event(test, lost, now);
  else if (by_pace)
    soft_event(lost, now);
  resume(test, long_block, now);
}

void Learner::resume(const Sent& test, bool long_block, double now) {
  resumed_at_ = pace_since_ = now;
  resumed_sends_ = 0;
  if (long_block) ramp_from_ = now;  // those who waited shall not come back all at once
  measure_.event_ended(now);
  next_ = std::max(now, at(test.at) + 1 / std::max(pace_, 1e-3));
}

// A ban, or a window that is used up.
void Learner::hard_event(const Sent& test, double lost, double now) {
  bans_.long_block(event_.told > 0 ? 0 : hold_);
  prober_.banned(now);
  if (!keep_within_allowance(lost, now)) {
    // One or two by themselves change nothing: the pause that was asked for is all that they say. The second is not by
    // itself where it ends a stretch that was shorter than the block.
    const bool by_itself = strikes_.count() <= 1 || event_.began - resumed_at_ >= lost;
    const bool isolated =
        event_.told > 0 && event_.failed_tests == 0 && strikes_.count() <= learning::kIsolated && by_itself;
    if (event_.probe)
      trial_failed(lost, now);
    else if (isolated)
      note(Change::transient, strikes_.count(), 0, now);
    else
      cut_after_long_block(lost, now);
  }
  if (const Allowance* const known = allowance(); known == nullptr || known->contradicted())
    allowance_id_ = allowances_.make(event_.rate);
  Allowance& allowance = *this->allowance();
  allowance.resumed(at(test.at));
  allowance.sent(at(test.at), test.number);
}

// Each ban is expensive. Once they have told what is allowed, the pace is that, whether it was a trial or not that was
// refused; and higher ones are tried as often as another ban may be afforded for what they may bring.
bool Learner::keep_within_allowance(double lost, double now) {
  const Allowance* const known = allowance();
  const auto allowed = known ? known->finding(lost) : std::nullopt;
  if (!allowed) return false;
  const double pace =
      std::clamp(learning::kRunAt * allowed->low, learning::kCutFloor * event_.rate, learning::kCutLeast * event_.rate);
  set_pace(std::max(learning::kFloor, pace), Change::allowance, now);
  noted_.measured = static_cast<float>(allowed->low);
  const double high = std::min(allowed->high, event_.rate);
  prober_.remember_refused(high, now);
  prober_.failed(pace_, lost, event_.answers, now);
  prober_.rest_until_covered(lost, high / allowed->low - 1, now);
  return true;
}

void Learner::cut_after_long_block(double lost, double now) {
  const double refused = event_.rate;
  prober_.remember_refused(refused, now);
  if (0.5 * refused <= safe_ && safe_ < refused) {
    set_pace(0.99 * safe_, Change::cut_safe, now);
    prober_.failed(pace_, lost, event_.answers, now);
  } else {
    // What is accepted while nothing waits is what the clients asked for. Only where that was blocked before as well is
    // it suspected of being too much.
    const double width = std::max(2.0, 10 / refused);
    const bool asked_for_no_more = measure_.last_idle() > event_.began - width && allowance() == nullptr;
    const auto before = asked_for_no_more ? std::nullopt : measure_.rate_before(event_.began, width, first_send_);
    const double accepted = std::min(refused, before.value_or(refused));
    set_pace(std::max(learning::kFloor, learning::kCutUnmeasured * accepted), Change::cut_ban, now);
    prober_.cut(pace_, now);
  }
}

// A rate, or a number of requests at once.
void Learner::soft_event(double lost, double now) {
  const bool poked = event_.failed_tests == 0 && event_.told <= 0 && hold_ < 1;
  if (poked) bans_.short_block();
  if (found_concurrency(now)) return;
  if (event_.probe)
    trial_failed(lost, now);
  else if (strikes_.count() > learning::kIsolated || event_.answers > learning::kIsolated)
    cut_to_limit(now);
  else
    note(Change::transient, strikes_.count(), 0, now);
}

bool Learner::found_concurrency(double now) {
  if (concurrency() != 0) return false;
  const auto cap = concurrency_.separable();
  if (!cap) return false;
  concurrency_.found(*cap, now);
  strikes_.forget();
  prober_.restart(now, 2);
  note(Change::concurrency_found, *cap, 0, now);
  return true;
}

// The pace before the trial was good and stays.
void Learner::trial_failed(double lost, double now) {
  prober_.remember_refused(event_.rate, now);
  prober_.failed(pace_, lost, event_.answers, now);
  note(Change::probe_refused, event_.rate, pace_, now);
}

void Learner::cut_to_limit(double now) {
  const double refused = event_.rate;
  if (const auto pace = overrun(now) ? std::nullopt : shared_pool_.futile_cut(refused, measure_.total(), now)) {
    set_pace(std::clamp(std::max(pace_, *pace), learning::kFloor, top_), Change::shared_pool, now);
    return;
  }
  const auto measured = measure_.limit(now, refused, first_send_);
  const double unmeasured = std::max({refused - strikes_.points() / 100 * limit_, learning::kCutUnmeasured * refused,
                                      limit_ * (1 - learning::kLadderMost / 100)});
  const double wanted = measured ? learning::kRunAt * *measured : unmeasured;
  const double most = (measured && overrun(now) ? 1.0 : learning::kCutLeast) * refused;
  const double pace = std::max({learning::kFloor, learning::kCutFloor * refused, std::min(wanted, most)});
  if (pace < learning::kDeepCut * refused) shared_pool_.deep_cut();
  set_pace(pace, measured ? Change::cut_measured : Change::cut_ladder, now);
  noted_.measured = static_cast<float>(measured.value_or(0));
  prober_.remember_lower_refused(refused, now);
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
  // Strikes of one refusal each are the evidence where an event by itself would not have been.
  noted_ = {.what = change,
            .a = static_cast<float>(a),
            .b = static_cast<float>(b),
            .refusals = std::max(event_.answers, strikes_.count()),
            .at = now};
  ++version_;
}

// What was sent per second before the first refusals: at most the last ten seconds, at least one.
double Learner::measured_base(double now) const {
  const double width = std::clamp(now - first_send_, 1.0, 10.0);
  const auto accepted = measure_.rate_before(now, width, first_send_);
  const double sent = static_cast<double>(number_ - numbered_before_) / std::max(1.0, now - first_send_);
  return std::max(learning::kFloor, accepted.value_or(sent));
}

}  // namespace backoffd::policy
