#include "policy/throttle.h"

#include <algorithm>
#include <cmath>

namespace backoffd::policy {
namespace {

constexpr int kMarksOfKey = 128;  // start times kept for all windows of a key together: 1 KiB
constexpr double kIntervalShare = 0.2;

// Whole seconds up, at least one: a client that waits that long finds its chance.
Duration whole_seconds_up(double s) {
  return std::chrono::seconds(std::max<std::int64_t>(1, std::llround(std::ceil(s))));
}

int marks_each(const LimitConfig& config) {
  std::size_t windows = config.limits.size();
  for (const RoleConfig& role : config.roles) windows += role.limits.size();
  return std::clamp(windows == 0 ? Window::kMarks : kMarksOfKey / static_cast<int>(windows), 4, Window::kMarks);
}

}  // namespace

Throttle::Throttle(const LimitConfig& config)
    : config_(config), windows_(config.limits, marks_each(config)), pace_rate_(windows_.fastest_rate()) {
  roles_.reserve(config.roles.size());
  for (const RoleConfig& role : config.roles) roles_.emplace_back(role.limits, marks_each(config));
  if (!windows_.empty()) return;
  for (const Windows& role : roles_) pace_rate_ = std::max(pace_rate_, role.fastest_rate());
}

std::uint32_t Throttle::role_of(Operation operation) const {
  for (std::size_t i = 0; i < config_.roles.size(); ++i)
    for (const Operation one : config_.roles[i].operations)
      if (one == operation) return static_cast<std::uint32_t>(i + 1);
  return kNoRole;
}

// --- coming and going ------------------------------------------------------------------------------------------------

Throttle::Answer Throttle::ask(const Ask& ask, Ticket ticket, bool retry, const Patience& patience, MonoTime now) {
  const std::uint32_t number = lane_of(ask);
  const Lane lane = Throttle::lane(number);
  const auto refused = [](Reason reason, Duration retry_after) {
    return Answer{.admission = {Admission::Kind::refused, reason, retry_after}, .sent = {}};
  };
  if (ask.bound && learner_)
    if (const auto until = learner_->exhausted_until(lane.scope, now))
      return refused(Reason::exhausted, whole_seconds_up(seconds(*until - now)));

  const MonoTime at = open_at(lane, now);
  if (queue_.empty() && at <= now) {
    const Sent sent = start(ask, now);
    if (ask.watched && learner_ && !sent.held) learner_->on_idle(now);
    return {.admission = {}, .sent = sent};
  }
  if (at != kNever && at > patience.futile) return refused(Reason::deadline, true_wait(lane, now));
  if (queue_.size() >= config_.queue.max_queue) return refused(Reason::queue_full, true_wait(lane, now));

  const Place place = queue_.push({.ticket = ticket,
                                   .client = ask.client,
                                   .deadline = patience.until,
                                   .lane = number,
                                   .retry = retry,
                                   .role = ask.role,
                                   .counted = ask.counted,
                                   .bound = ask.bound,
                                   .watched = ask.watched,
                                   .late = patience.late,
                                   .request_class = ask.request_class,
                                   .granted = {}});
  if (at <= now && whose_turn(now) == place) {  // those before it wait for something else
    queue_.take(place);
    queue_.release(place);
    return {.admission = {}, .sent = start(ask, now)};
  }
  return {.admission = {.kind = Admission::Kind::queued}, .place = place, .sent = {}};
}

std::optional<Sent> Throttle::collect(Place place) {
  const std::optional<Sent> sent = queue_.at(place).granted;
  queue_.release(place);
  return sent;
}

void Throttle::leave(Place place, MonoTime now) {
  if (const std::optional<Sent> sent = collect(place)) {
    if (learner_) learner_->on_lost(*sent, now);
    finish(sent->scope);
  }
}

Sent Throttle::start(const Ask& ask, MonoTime now) {
  if (ask.counted) {
    windows_.take(now);
    if (ask.role != kNoRole) roles_[ask.role - 1].take(now);
  }
  Sent sent;
  if (ask.watched && learner_)
    sent = ask.bound
               ? learner_->on_send(ask.request_class, in_flight_ + 1, now)
               : learner_->on_shadow_send(ask.request_class, under_way(learner_->scope_of(ask.request_class)), now);
  ++in_flight_;
  ++in_scope_[static_cast<std::size_t>(sent.scope)];
  return sent;
}

// --- the queue's turn ------------------------------------------------------------------------------------------------

Throttle::Ended Throttle::advance(MonoTime now, Grants& grants) {
  Ended ended;
  if (queue_.empty()) return ended;
  expel_exhausted(now, grants, ended);
  while (const std::optional<Place> place = whose_turn(now)) grant(*place, now, grants);
  for (Place place; (place = queue_.first_deadline()) != WaitQueue::kNobody && queue_.at(place).deadline <= now;) {
    const WaitQueue::Waiter& waiter = queue_.at(place);
    queue_.expire(place);  // whoever comes again does not wait behind his own place
    grants.push_back({waiter.ticket, {Admission::Kind::refused, waiter.late, true_wait(lane(waiter.lane), now)}});
    ++ended.timeouts;
  }
  if (queue_.empty() && learner_) learner_->on_idle(now);
  return ended;
}

MonoTime Throttle::next_due(MonoTime now) {
  if (queue_.empty()) return kNever;
  sort_into_lanes();
  MonoTime due = queue_.at(queue_.first_deadline()).deadline;
  for (std::uint32_t number = 0; number < queue_.lanes(); ++number) {
    if (queue_.front(number, true) == WaitQueue::kNobody && queue_.front(number, false) == WaitQueue::kNobody) continue;
    const Lane one = lane(number);
    if (one.bound && learner_ && learner_->exhausted_until(one.scope, now)) return now;
    due = std::min(due, open_at(one, now));
  }
  return due;
}

std::optional<Throttle::Place> Throttle::whose_turn(MonoTime now) {
  sort_into_lanes();
  const std::uint32_t lanes = queue_.lanes();
  for (const bool retry : {true, false}) {
    for (std::uint32_t i = 0; i < lanes; ++i) {
      const std::uint32_t number = (turn_ + i) % lanes;
      const Place place = queue_.front(number, retry);
      if (place != WaitQueue::kNobody && open_at(lane(number), now) <= now) return place;
    }
  }
  return std::nullopt;
}

void Throttle::grant(Place place, MonoTime now, Grants& grants) {
  const WaitQueue::Waiter& waiter = queue_.at(place);
  turn_ = waiter.lane + 1;
  const Sent sent = start({.role = waiter.role,
                           .counted = waiter.counted,
                           .bound = waiter.bound,
                           .watched = waiter.watched,
                           .client = waiter.client,
                           .request_class = waiter.request_class},
                          now);
  queue_.take(place);
  queue_.set_granted(place, sent);
  grants.push_back({waiter.ticket, {}});

  const double interval = seconds(now - last_grant_);
  if (interval < 60) grant_interval_ += kIntervalShare * (interval - grant_interval_);
  last_grant_ = now;
}

void Throttle::refuse(Place place, Reason reason, Duration retry_after, Grants& grants) {
  grants.push_back({queue_.at(place).ticket, {Admission::Kind::refused, reason, retry_after}});
  queue_.expire(place);
}

void Throttle::expel_exhausted(MonoTime now, Grants& grants, Ended& ended) {
  if (!learner_) return;
  sort_into_lanes();
  for (std::uint32_t number = 0; number < queue_.lanes(); ++number) {
    const Lane one = lane(number);
    const auto until = one.bound ? learner_->exhausted_until(one.scope, now) : std::nullopt;
    if (!until) continue;
    for (const bool retry : {true, false}) {
      for (Place place; (place = queue_.front(number, retry)) != WaitQueue::kNobody; ++ended.exhausted)
        refuse(place, Reason::exhausted, whole_seconds_up(seconds(*until - now)), grants);
    }
  }
}

// --- what binds a request --------------------------------------------------------------------------------------------

std::uint32_t Throttle::lane_of(const Ask& ask) const {
  const int scope = ask.bound && learner_ ? learner_->scope_of(ask.request_class) : ScopeTable::kRest;
  return ((ask.role * 2 + (ask.counted ? 1 : 0)) * 2 + (ask.bound ? 1 : 0)) * ScopeTable::kScopes +
         static_cast<std::uint32_t>(scope);
}

Throttle::Lane Throttle::lane(std::uint32_t number) {
  const std::uint32_t binding = number / ScopeTable::kScopes;
  return {.role = binding / 4,
          .counted = (binding / 2) % 2 != 0,
          .bound = binding % 2 != 0,
          .scope = static_cast<int>(number % ScopeTable::kScopes)};
}

MonoTime Throttle::open_at(const Lane& lane, MonoTime now) {
  if (config_.max_concurrency > 0 && in_flight_ >= config_.max_concurrency) return kNever;
  const bool learned = lane.bound && learner_;
  MonoTime at = now;
  if (lane.counted) {
    at = windows_.next_time(now, learned && learner_->above_configured() ? windows_.fastest() : Windows::kNone);
    if (lane.role != kNoRole) at = std::max(at, roles_[lane.role - 1].next_time(now));
  }
  return learned ? std::max(at, learner_->next_time(lane.scope, under_way(lane.scope), now)) : at;
}

void Throttle::sort_into_lanes() {
  if (!learner_ || learner_->scopes_version() == sorted_version_) return;
  sorted_version_ = learner_->scopes_version();
  std::vector<Place> places;
  places.reserve(static_cast<std::size_t>(queue_.size()));
  queue_.each_waiting([&](Place place) { places.push_back(place); });
  for (const Place place : places) {
    const WaitQueue::Waiter& waiter = queue_.at(place);
    const std::uint32_t number = lane_of({.role = waiter.role,
                                          .counted = waiter.counted,
                                          .bound = waiter.bound,
                                          .watched = waiter.watched,
                                          .client = waiter.client,
                                          .request_class = waiter.request_class});
    if (number != waiter.lane) queue_.move(place, number);
  }
}

Duration Throttle::true_wait(const Lane& lane, MonoTime now) {
  const MonoTime at = open_at(lane, now);
  double interval = grant_interval_;
  if (lane.counted && pace_rate_ > 0) interval = std::max(interval, 1 / pace_rate_);
  return whole_seconds_up((at == kNever ? 0.0 : seconds(at - now)) + queue_.size() * interval);
}

// --- what was learned ------------------------------------------------------------------------------------------------

Learner& Throttle::learner(const LearningConfig& learning, Duration retry_after_cap, Allowances& allowances) {
  if (!learner_)
    learner_ =
        std::make_unique<Learner>(LearnerLimits{.rate = pace_rate_,
                                                .max_rate = config_.max_rate ? config_.max_rate->per_second() : 0,
                                                .max_pause = learning.max_pause,
                                                .retry_after_cap = retry_after_cap,
                                                .probe = learning.probe},
                                  allowances, numbered_);
  return *learner_;
}

void Throttle::forget_learned() {
  if (learner_) numbered_ = learner_->numbered();
  learner_.reset();
  sorted_version_ = ~std::uint32_t{0};
}

}  // namespace backoffd::policy
