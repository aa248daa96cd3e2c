#include "policy/measure.h"

#include <algorithm>

#include "policy/learning_constants.h"

namespace backoffd::policy {

void Measure::accepted(double now) {
  const std::int64_t at = ticks(now);
  const std::int64_t gap = at - last_accept_;
  if (gap >= kLongGap) {
    long_gap_ = gap;
    long_gap_before_ = total_;
  }
  gaps_[total_++ % gaps_.size()] = static_cast<Gap>(std::min<std::int64_t>(gap, kLongGap));
  last_accept_ = at;
}

void Measure::event_ended(double now) { events_[event_count_++ % events_.size()] = {now, total_}; }

std::optional<double> Measure::limit(double now, double pace, double first_send) const {
  const std::uint32_t kept = std::min<std::uint32_t>(event_count_, events_.size());
  for (std::uint32_t i = event_count_ - kept; i != event_count_; ++i) {  // the oldest that still counts
    const Mark& mark = events_[i % events_.size()];
    if (now - mark.at > learning::kEventsAge) continue;
    const double accepted = static_cast<double>(total_ - mark.total);
    // REQUIRES two of them: the newest mark is the event before this one at best.
    if (i + 1 == event_count_ || now - mark.at < 1.0 || last_idle_ >= mark.at || accepted < 3) break;
    return accepted / (now - mark.at);
  }
  const double width =
      std::min({learning::kMeasureMostSeconds,
                std::max(learning::kMeasureLeastSeconds, learning::kMeasureRequests / pace), now - first_send});
  if (width < 1.0 || last_idle_ > now - width) return std::nullopt;
  return rate_before(now, width, first_send);
}

std::optional<double> Measure::rate_before(double at, double width, double first_send) const {
  const std::int64_t end = ticks(at);
  const auto kept = std::min<std::uint64_t>(total_, gaps_.size());
  int n = 0;
  double span = width;
  std::int64_t accepted = last_accept_;
  for (std::uint64_t i = total_; i-- > total_ - kept;) {
    const double age = static_cast<double>(end - accepted) * kTick;
    if (age > width) break;
    if (age >= 0) {  // not accepted after `at`
      ++n;
      if (i == total_ - kept && total_ > kept) span = std::max(kTick, age);  // the ring reaches no further back
    }
    const Gap gap = gaps_[i % gaps_.size()];
    if (gap == kLongGap && i != long_gap_before_) break;
    accepted -= gap == kLongGap ? long_gap_ : gap;
  }
  if (n < 5) return std::nullopt;
  return n / std::min(span, std::max(0.5, at - first_send));
}

}  // namespace backoffd::policy
