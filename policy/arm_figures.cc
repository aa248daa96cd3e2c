#include "policy/arm_figures.h"

#include <algorithm>

namespace backoffd::policy {

void ArmFigures::add(const ExchangeFigures& exchange, const AttemptFigures& attempts_of) {
  ++exchanges;
  successes += exchange.succeeded() ? 1 : 0;
  left += exchange.ending == Ending::left ? 1 : 0;
  throttle_answers += attempts_of.throttle_answers;
  throttled += exchange.status == 429 ? 1 : 0;
  throttled_exchanges += attempts_of.throttle_answers > 0 ? 1 : 0;
  timeouts += attempts_of.timeouts;
  broken_bodies += exchange.ending == Ending::broken ? 1 : 0;
  resumed_bodies += exchange.resumed ? 1 : 0;
  attempts += static_cast<std::uint64_t>(exchange.attempts);
  bytes += exchange.bytes;
  queued += exchange.queued;
  to_head.add(exchange.to_head);
  latency.add(exchange.latency());
}

void ArmFigures::merge(const ArmFigures& other) {
  exchanges += other.exchanges;
  successes += other.successes;
  left += other.left;
  throttle_answers += other.throttle_answers;
  throttled += other.throttled;
  throttled_exchanges += other.throttled_exchanges;
  timeouts += other.timeouts;
  broken_bodies += other.broken_bodies;
  resumed_bodies += other.resumed_bodies;
  attempts += other.attempts;
  bytes += other.bytes;
  queued += other.queued;
  to_head.merge(other.to_head);
  latency.merge(other.latency);
}

void ArmWindows::roll(MonoTime now) {
  const std::int64_t to = now.time_since_epoch() / std::chrono::minutes(1);
  if (to <= minute_) return;
  if (minute(minute_).exchanges > 0) {
    ten(minute_ / 10).merge(minute(minute_));
    over_.merge(minute(minute_));
  }
  for (std::int64_t m = std::max(minute_ + 1, to - kMinutes + 1); m <= to; ++m) minute(m) = {};
  for (std::int64_t t = std::max(minute_ / 10 + 1, to / 10 - kTens + 1); t <= to / 10; ++t) ten(t) = {};
  minute_ = to;
}

ArmFigures& ArmWindows::current(MonoTime now) {
  roll(now);
  return minute(minute_);
}

void ArmWindows::collect(FigureWindow window, MonoTime now, ArmFigures& into) {
  roll(now);
  switch (window) {
    case FigureWindow::five_minutes:
      for (const ArmFigures& one : minutes_) into.merge(one);
      return;
    case FigureWindow::hour:
      for (const ArmFigures& one : tens_) into.merge(one);
      break;
    case FigureWindow::since_flip:
      into.merge(over_);
      break;
  }
  into.merge(minute(minute_));
}

FiguresTable::Entry& FiguresTable::entry(std::string_view key, MonoTime now) {
  if (const auto found = entries_.find(key); found != entries_.end()) return found->second;
  if (entries_.size() >= kMostKeys) {
    const auto older = [](const auto& a, const auto& b) { return a.second.used < b.second.used; };
    const auto idle = std::min_element(entries_.begin(), entries_.end(), older);
    has_rest_ = true;
    if (idle->second.used + std::chrono::hours(1) > now) return rest_;
    for (std::size_t i = 0; i < gone_.size(); ++i)
      idle->second.arms[i].collect(FigureWindow::since_flip, now, gone_[i]);
    entries_.erase(idle);
  }
  return entries_[std::string(key)];
}

void FiguresTable::add(std::string_view key, Side side, const ExchangeFigures& exchange, const AttemptFigures& attempts,
                       MonoTime now) {
  Entry& to = entry(key, now);
  to.used = std::max(to.used, now);
  to.arms[static_cast<std::size_t>(side)].current(now).add(exchange, attempts);
}

std::vector<std::string> FiguresTable::keys() const {
  std::vector<std::string> all;
  all.reserve(entries_.size() + 1);
  for (const auto& [key, entry] : entries_) all.push_back(key);
  if (has_rest_) all.emplace_back(kRest);
  return all;
}

void FiguresTable::collect(std::string_view key, FigureWindow window, MonoTime now, BothArms& into) {
  Entry* from = nullptr;
  if (key == kRest) {
    from = &rest_;
  } else if (const auto found = entries_.find(key); found != entries_.end()) {
    from = &found->second;
  }
  if (from == nullptr) return;
  for (std::size_t i = 0; i < into.size(); ++i) {
    from->arms[i].collect(window, now, into[i]);
    if (from == &rest_ && window == FigureWindow::since_flip) into[i].merge(gone_[i]);
  }
}

}  // namespace backoffd::policy
