// What the learner shows of itself and what it keeps over a restart: reads, and restore() which writes a fresh one.
#include <algorithm>
#include <array>
#include <climits>
#include <cmath>
#include <cstdio>
#include <utility>

#include "policy/learner.h"
#include "policy/learning_constants.h"

namespace backoffd::policy {
namespace {

constexpr double kDay = 86400;
constexpr double kShown = 0.5;                 // per cent: below it a key is `normal`
constexpr double kPause = 1;                   // seconds: a shorter hold is none
constexpr double kLongestSample = 365 * kDay;  // seconds: what a file may claim of a Retry-After

// What was not confirmed for a day is half as likely still so.
double aged(double reduction, double seconds_unconfirmed) {
  return reduction * std::exp2(-std::max(0.0, seconds_unconfirmed) / kDay);
}

template <class... Args>
std::string print(const char* format, Args... args) {
  std::array<char, 160> text;
  std::snprintf(text.data(), text.size(), format, args...);
  return text.data();
}

// Three digits, and all of those before the point.
std::string figure(double value) { return print(std::abs(value) < 1000 ? "%.3g" : "%.0f", value); }

std::string a_second(double rate) { return figure(rate) + "/s"; }

constexpr const char* kNamedPart = "; for the part of the host that told it";
constexpr const char* kAtOnce = "; until then requests are answered 429 at once";

std::string counted(int n, const char* one, const char* more) { return print("%d %s", n, n == 1 ? one : more); }

// "cut from 10/s to 9/s"
std::string from_to(const char* verb, double from, double to) {
  return std::string(verb) + " from " + a_second(from) + " to " + a_second(to);
}

}  // namespace

double Learner::effective_rate(MonoTime now) const {
  double rate = pace_;
  for (const Quota& quota : quotas_) rate = std::min(rate, quota.pace(at(now)));
  if (announced_)
    for (const Announced& announced : *announced_) rate = std::min(rate, announced.pace(at(now)));
  return rate < kInfinity ? rate : 0;
}

double Learner::reduction_pct(MonoTime now) const {
  const double rate = effective_rate(now);
  const double reduction = limit_ > 0 && rate > 0 ? 100 * (1 - std::min(rate, limit_) / limit_) : 0;
  return std::max(reduction, holding() ? strikes_.ladder() : 0.0);
}

// The scope whose quota is used up for the longest; kNone: none.
int Learner::used_up_scope(double now) const {
  int found = ScopeTable::kNone;
  for (int i = 1; i < ScopeTable::kScopes; ++i) {
    const Quota& quota = quotas_[static_cast<std::size_t>(i)];
    if (!quota.used_up(now)) continue;
    if (found == ScopeTable::kNone || quota.blocked_until() > quotas_[static_cast<std::size_t>(found)].blocked_until())
      found = i;
  }
  return found;
}

// The scope whose quota, or whose announced rate, is what effective_rate() shows; kNone: none.
int Learner::binding_quota(double now) const {
  const double rate = effective_rate(time_at(now));
  for (int i = 1; i < ScopeTable::kScopes; ++i)
    if (rate > 0 && rate < pace_ && quotas_[static_cast<std::size_t>(i)].pace(now) <= rate) return i;
  return ScopeTable::kNone;
}

int Learner::binding_rate(double now) const {
  const double rate = effective_rate(time_at(now));
  for (int i = 0; announced_ && i < ScopeTable::kScopes; ++i)
    if (rate > 0 && rate < pace_ && (*announced_)[static_cast<std::size_t>(i)].pace(now) <= rate) return i;
  return ScopeTable::kNone;
}

// A pause is what a person would call one: asked for by the provider, or longer than a moment; over when its time is,
// but for the test that then is under way.
bool Learner::paused(double now) const {
  if (mode_ == Mode::test ? test_ == 0 : mode_ == Mode::open || hold_until_ <= now) return false;
  return event_.told > 0 || event_.failed_tests > 0 || hold_until_ - now > kPause;
}

std::optional<Duration> Learner::recovery_estimate(MonoTime now) const {
  if (holding() && event_.told > 0 && hold_until_ > at(now)) return from_seconds(hold_until_ - at(now));
  if (recovery_count_ == 0) return std::nullopt;
  std::array<float, 50> samples = recovery_times_;
  const std::size_t n = std::min<std::size_t>(recovery_count_, samples.size());
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(n / 2);
  std::nth_element(samples.begin(), middle, samples.begin() + static_cast<std::ptrdiff_t>(n));
  return from_seconds(*middle);
}

void Learner::add_recovery_time(double seconds) {
  recovery_times_[recovery_count_++ % recovery_times_.size()] = static_cast<float>(seconds);
  if (recovery_count_ == 2 * recovery_times_.size()) recovery_count_ = recovery_times_.size();
  ++version_;
}

LearnerStatus Learner::status(MonoTime now) const {
  const double t = at(now);
  LearnerStatus status;
  status.consecutive_429s = consecutive_429s_;
  status.reduction_pct = reduction_pct(now);
  if (const auto estimate = recovery_estimate(now)) status.recovery_time_estimate = seconds(*estimate);
  const int used_up = used_up_scope(t);
  const double quota_until =
      used_up == ScopeTable::kNone ? 0 : quotas_[static_cast<std::size_t>(used_up)].blocked_until();
  const double until = std::max(mode_ == Mode::hold ? hold_until_ : 0.0, quota_until);
  if (until > t) status.paused_until = time_at(until);
  Announcement announced = quota_until > hold_until_ || mode_ == Mode::open ? announcement(t) : Announcement();
  const bool by_provider = !announced.text.empty();
  status.changed = time_at(by_provider ? announced.since : noted_.at);
  status.reason = by_provider ? std::move(announced.text) : reason(t);
  status.effective_rate = effective_rate(now);
  if (status.reduction_pct > 0)  // the ladder's, maybe, while tests are refused: both figures say the same
    status.effective_rate = std::min(status.effective_rate, limit_ * (1 - status.reduction_pct / 100));
  status.concurrency = concurrency();
  status.counts = shadow_;
  status.state = state(now);
  return status;
}

LearnerState Learner::state(MonoTime now) const {
  const int used_up = used_up_scope(at(now));
  for (const int scope : {narrow_ == ScopeTable::kNone ? ScopeTable::kRest : narrow_, std::max(used_up, 0)})
    if (exhausted_until(scope, now)) return LearnerState::exhausted;
  if (paused(at(now)) || used_up != ScopeTable::kNone) return LearnerState::paused;
  if (reduction_pct(now) > kShown)
    return rising_ || prober_.probing() ? LearnerState::recovering : LearnerState::reducing;
  return answers_ > 0 ? LearnerState::normal : LearnerState::unknown;
}

// What the provider announces, and since when: what holds requests back now, else, where nothing was learned, how many
// it allows at once.
Learner::Announcement Learner::announcement(double now) const {
  if (const int scope = used_up_scope(now); scope != ScopeTable::kNone) {
    const Quota& quota = quotas_[static_cast<std::size_t>(scope)];
    const double wait = quota.blocked_until() - now;
    std::string text =
        quota.limit() > 0 ? print("the quota of %.0f is used up", quota.limit()) : "the quota is used up";
    text += print("; there is more in %.0f s", quota.reset() - now);
    if (quota.reset() - now > wait + 1) text += print("; one request asks again in %.0f s", wait);
    return {text + (quota.for_long(now) ? kAtOnce : "") + kNamedPart, quota.since()};
  }
  if (const int scope = binding_quota(now); scope != ScopeTable::kNone) {
    const Quota& quota = quotas_[static_cast<std::size_t>(scope)];
    return {print("%.0f of a quota of %.0f left for %.0f s; the last tenth is spread over them", quota.left(),
                  quota.limit(), quota.reset() - now) +
                kNamedPart,
            quota.since()};
  }
  if (const int scope = binding_rate(now); scope != ScopeTable::kNone) {
    const AnnouncedRate& rate = (*announced_)[static_cast<std::size_t>(scope)].tighter(now);
    return {print("the provider announces %.0f requests in %.0f s", rate.requests(), rate.window()) +
                (scope == ScopeTable::kRest ? "" : kNamedPart),
            rate.since()};
  }
  const auto allows = [](const Announced& one) { return one.at_once() > 0 ? one.at_once() : INT_MAX; };
  if (announced_ && noted_.what == Change::none) {
    const Announced& least = *std::min_element(announced_->begin(), announced_->end(),
                                               [&](const auto& a, const auto& b) { return allows(a) < allows(b); });
    if (least.at_once() > 0)
      return {print("the provider announces %d requests at once", least.at_once()), least.at_once_since()};
  }
  return {};
}

// What is learned may be of one class of requests or one named quota.
std::string Learner::in_scope_only() const {
  return narrow_ == ScopeTable::kNone ? "" : "; for the part of the host that refused";
}

std::string Learner::reason(double now) const {
  const double a = noted_.a;
  const double b = noted_.b;
  const std::string refusals = counted(noted_.refusals, "refusal", "refusals");
  switch (noted_.what) {
    case Change::none:
      return "";
    case Change::refused:
      return "refused at " + a_second(b) + failed_tests() + "; testing with one request after " + figure(a) + " s" +
             in_scope_only();
    case Change::paused:
      return "the provider asked for a pause of " + figure(a) + " s" + in_scope_only();
    case Change::exhausted:
      return "the provider asked to come back in " + figure(a) + " s" +
             (a >= seconds(limits_.retry_after_cap) ? " or later (retry.retry_after_cap)" : "") + kAtOnce +
             in_scope_only();
    case Change::cut_measured:
      return "limit measured at " + a_second(noted_.measured) + " from " + refusals + ", " + from_to("cut", a, b) +
             outlook(now);
    case Change::cut_ladder:
      return from_to("cut", a, b) + " after " + refusals + ", no limit measured yet" + outlook(now);
    case Change::cut_safe:
      return block() + from_to("back", a, b) + ", which held for a minute before" + outlook(now);
    case Change::cut_ban:
      return block() + from_to("cut", a, b) + ", no limit measured yet" + outlook(now);
    case Change::allowance:
      return "limit measured at " + a_second(noted_.measured) + " from what was accepted between bans, " +
             from_to(b > a ? "raised" : "cut", a, b) + outlook(now);
    case Change::probe_refused:
      return "a trial at " + a_second(a) + " was refused; the pace stays " + a_second(b) + outlook(now);
    case Change::concurrency_found:
      return print("the provider allows %.0f requests at once: with more under way it refused, with fewer not", a) +
             outlook(now);
    case Change::transient:
      return transient() + "; the pace stays" + trial_to_come(now);
    case Change::shared_pool:
      return "refused whatever the pace, as where others draw on the same limit; going by what is accepted, now at " +
             a_second(b) + in_scope_only();
    case Change::pool_left:
      return "hardly anything is refused any more, so refusals count again; going on at " + a_second(b) + outlook(now);
    case Change::raised:
      return from_to("raised", a, b) + " after a clean trial" + outlook(now);
    case Change::restored: {
      std::string text = "restored";
      if (a >= kShown) text += print(" with %.1f %% reduction", a);
      if (b > 0) {
        text += "; the provider asked to come back, " + figure(b) + " s were left";
        if (mode_ == Mode::hold && event_.exhausted) text += kAtOnce;
      }
      if (const int cap = concurrency_.cap(); cap > 0) text += print("; at most %d requests at once", cap);
      if (text == "restored") text += ", nothing is held back";
      return text + outlook(now);
    }
    case Change::calm:
      return "no refusal for ten minutes at the full pace; nothing is suspected any more";
  }
  return "";
}

std::string Learner::failed_tests() const {
  if (mode_ == Mode::open || event_.failed_tests == 0) return "";
  return ", and " + counted(event_.failed_tests, "test", "tests") + " since";
}

// How long the event lasted that the last change followed from.
std::string Learner::block() const { return "blocked for " + figure(noted_.at - event_.began) + " s; "; }

std::string Learner::transient() const {
  if (event_.told > 0) return "the pause of " + figure(event_.told) + " s is over, a test was accepted";
  return counted(noted_.refusals, "refusal by itself", "refusals by themselves");
}

// Whom the pace binds, and what comes next where it could be higher.
std::string Learner::outlook(double now) const { return in_scope_only() + trial_to_come(now); }

std::string Learner::trial_to_come(double now) const {
  if (mode_ != Mode::open || pace_ >= top_ - 1e-9 || shared_pool_.active()) return "";
  if (!limits_.probe) return "; higher paces are not tried (learning.probe)";
  if (prober_.probing()) return "; trying " + a_second(pace_ * prober_.gain());
  if (prober_.next() > 1e17) return "";
  const double wait = prober_.next() - now;
  return wait > 0.5 ? print("; probing again in %.0f s", wait) : std::string("; probing again once requests wait");
}

// --- over a restart --------------------------------------------------------------------------------------------------

std::optional<LearnedKey> Learner::learned(MonoTime now) const {
  const double t = at(now);
  LearnedKey key;
  const double pace_reduction = limit_ > 0 ? 100 * (1 - std::min(pace_, limit_) / limit_) : 0;
  key.reduction_pct = aged(pace_reduction, t - confirmed_);
  key.base_rate = limits_.rate > 0 ? 0 : limit_;
  const std::uint32_t n = std::min<std::uint32_t>(recovery_count_, recovery_times_.size());
  for (std::uint32_t i = recovery_count_ - n; i != recovery_count_; ++i)
    key.recovery_times.push_back(recovery_times_[i % recovery_times_.size()]);
  key.scope = narrow_ == ScopeTable::kNone ? 0 : scopes_.id(narrow_);
  key.concurrency = concurrency_.cap();
  key.ban_seconds = bans_.seconds();
  key.paused_seconds = mode_ == Mode::hold && event_.told > 0 ? std::max(0.0, hold_until_ - t) : 0;
  if (key.reduction_pct < kShown && key.recovery_times.empty() && key.concurrency == 0 && key.ban_seconds == 0 &&
      key.paused_seconds == 0)
    return std::nullopt;
  return key;
}

void Learner::restore(const LearnedKey& key, Duration age, MonoTime now) {
  const double t = at(now);
  for (const double sample : key.recovery_times)
    if (sample > 0 && sample < kLongestSample) add_recovery_time(sample);
  if (limits_.rate <= 0 && key.base_rate > 0 && key.base_rate < 1e9) limit_ = key.base_rate;
  const double reduction = aged(std::clamp(key.reduction_pct, 0.0, 100.0), seconds(age));
  const double paused = std::min(key.paused_seconds - seconds(age), seconds(limits_.retry_after_cap));
  if (limit_ > 0 && reduction >= kShown) pace_ = std::max(learning::kFloor, limit_ * (1 - reduction / 100));
  if (key.concurrency > 0) concurrency_.found(std::min(key.concurrency, ConcurrencyFinder::kMost), t);
  if (key.ban_seconds > 0) bans_.restore(std::min(key.ban_seconds, learning::kLongestHold));
  provoked_ = reduction >= kShown || paused > 0;
  if (provoked_ && key.scope != 0) {
    narrow_ = scopes_.name(key.scope, key.scope, ScopeTable::kNone).scope;
    ++widened_;
  }
  if (paused > 0) {
    mode_ = Mode::hold;
    hold_ = paused;
    hold_until_ = t + paused;
    event_ = {.began = t, .rate = pace_ < kInfinity ? pace_ : 1.0, .told = paused};
    event_.exhausted = paused > seconds(limits_.max_pause);
  }
  last_event_ = pace_since_ = confirmed_ = t;
  prober_.begin(t + Prober::rest(std::min(pace_, 1e9)));
  note(Change::restored, reduction, std::max(0.0, paused), t - std::max(0.0, seconds(age)));
}

}  // namespace backoffd::policy
