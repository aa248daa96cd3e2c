// A learner by hand, one step at a time.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>

#include "policy/allowances.h"
#include "policy/hint.h"
#include "policy/learner.h"
#include "policy/random.h"

namespace backoffd::policy {

inline constexpr std::uint64_t kWorks = 11;
inline constexpr std::uint64_t kAuthors = 12;

inline Hint retry_after(double s) {
  Hint hint;
  hint.retry_after = from_seconds(s);
  return hint;
}

inline Hint quota(std::int64_t limit, std::int64_t remaining, double reset, std::uint64_t scope = 0) {
  Hint hint;
  hint.limit = limit;
  hint.remaining = remaining;
  hint.reset = from_seconds(reset);
  hint.scope = scope;
  return hint;
}

struct LearnerTest : testing::Test {
  void start(LearnerLimits limits) {
    learner = std::make_unique<Learner>(limits, allowances);
    now = MonoTime(std::chrono::seconds(1000));
  }
  LearnerTest() { start({.rate = 10}); }

  bool may_send(std::uint64_t request_class = kWorks) {
    return learner->next_time(learner->scope_of(request_class), {0, 0}, now) <= now;
  }
  Sent send(std::uint64_t request_class = kWorks, int in_flight = 1) {
    return learner->on_send(request_class, in_flight, now);
  }
  void answer(const Sent& sent, int status, const Hint& hint = {}) {
    learner->on_response(sent, status, hint, now, random);
  }
  // One client that sends a request at a time, as soon as it may.
  void sequential(int status, const Hint& hint = {}, std::uint64_t request_class = kWorks) {
    now = std::max(now, learner->next_time(learner->scope_of(request_class), {0, 0}, now));
    const Sent sent = send(request_class);
    now += std::chrono::milliseconds(20);
    answer(sent, status, hint);
  }
  void pass(double s) { now += from_seconds(s); }
  LearnerStatus status() { return learner->status(now); }

  Allowances allowances;
  std::unique_ptr<Learner> learner;
  MonoTime now;
  Random random{1};
};

}  // namespace backoffd::policy
