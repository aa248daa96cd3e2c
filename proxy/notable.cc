#include "proxy/notable.h"

#include <algorithm>

#include "policy/retry.h"

namespace backoffd::proxy {

namespace {

// Where a limit is reached everybody waits a little: that is the queue at work, and no news.
constexpr policy::Duration kLongWait = std::chrono::seconds(10);

bool is_notable(const AccessRecord& record) {
  if (record.attempts > 1 || record.resumed_at > 0 || record.queued >= kLongWait) return true;
  // A client that left without any of these is its own business.
  return !record.verdict.empty() && record.verdict != name(policy::Reason::none) &&
         record.verdict != name(policy::Reason::client_gone);
}

}  // namespace

void Notable::finished(const AccessRecord& record) {
  if (!is_notable(record)) return;
  if (last_.size() == kKept) last_.pop_front();
  last_.emplace_back(record, Stage::finished);
  ++count_;
}

std::uint64_t Notable::copy(std::uint64_t seen, std::vector<ExchangeInfo>& to) const {
  const std::uint64_t fresh = std::min<std::uint64_t>(count_ - std::min(seen, count_), last_.size());
  to.insert(to.end(), last_.end() - static_cast<std::ptrdiff_t>(fresh), last_.end());
  return count_;
}

}  // namespace backoffd::proxy
