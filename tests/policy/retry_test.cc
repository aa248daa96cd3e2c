#include "policy/retry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

namespace backoffd::policy {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kStart{1h};
constexpr auto kStandard = RetryPolicy::standard;
constexpr auto kContextual = RetryPolicy::contextual;
constexpr auto kDownload = Operation::download;

// A GET after its first attempt, which nothing forbids to retry.
Progress fresh() {
  Progress p;
  p.attempts = 1;
  p.first_attempt = kStart;
  p.idempotent = true;
  p.request_sent = true;
  return p;
}

Outcome answer(int status, Hint hint = {}) { return {OutcomeKind::response, status, hint}; }
Outcome failure(OutcomeKind kind) { return {kind, 0, {}}; }
Hint retry_after(Duration d) {
  Hint hint;
  hint.retry_after = d;
  return hint;
}
Hint quota(std::optional<std::int64_t> remaining, Duration reset) {
  Hint hint;
  hint.remaining = remaining;
  hint.reset = reset;
  return hint;
}

Verdict decide(RetryPolicy policy, Operation operation, const Progress& progress, const Outcome& outcome,
               const RetryConfig& config = {}, bool budget = true, MonoTime now = kStart + 1s, std::uint64_t seed = 1) {
  Random random(seed);
  return judge(policy, config, operation, progress, outcome, budget, now, random);
}

std::string_view reason(const Verdict& verdict) {
  EXPECT_EQ(verdict.action == Action::retry, verdict.reason == Reason::retry || verdict.reason == Reason::resume);
  return name(verdict.reason);
}

TEST(Standard, WhatIsRetried) {
  for (const int status : {429, 500, 502, 503, 504}) {
    EXPECT_EQ(reason(decide(kStandard, kDownload, fresh(), answer(status))), "retry") << status;
  }
  for (const int status : {200, 206, 301, 304, 400, 401, 403, 404, 408, 416, 425, 501, 505, 599}) {
    EXPECT_EQ(reason(decide(kStandard, kDownload, fresh(), answer(status))), "none") << status;
  }
  using enum OutcomeKind;
  for (const OutcomeKind kind : {connect_error, connect_timeout, reset, head_timeout}) {
    EXPECT_EQ(reason(decide(kStandard, kDownload, fresh(), failure(kind))), "retry") << name(kind);
  }
  for (const OutcomeKind kind : {bad_response, bad_certificate, tls_error, destination_refused}) {
    EXPECT_EQ(reason(decide(kStandard, kDownload, fresh(), failure(kind))), "not_retryable") << name(kind);
  }
}

TEST(Standard, TheOperationMakesNoDifference) {
  for (std::size_t i = 0; i < kOperationNames.size(); ++i) {
    for (std::size_t kind = 0; kind < kOutcomeNames.size(); ++kind) {
      const Outcome outcome{static_cast<OutcomeKind>(kind), 503, {}};
      const Verdict here = decide(kStandard, static_cast<Operation>(i), fresh(), outcome);
      const Verdict there = decide(kStandard, kDownload, fresh(), outcome);
      EXPECT_EQ(here.reason, there.reason);
      EXPECT_EQ(here.wait, there.wait);
    }
  }
}

TEST(Standard, TheStatusesAreASetting) {
  RetryConfig config;
  config.statuses = {408, 425};
  EXPECT_EQ(reason(decide(kStandard, kDownload, fresh(), answer(425), config)), "retry");
  EXPECT_EQ(reason(decide(kStandard, kDownload, fresh(), answer(503), config)), "none");
  EXPECT_EQ(reason(decide(kContextual, Operation::validate, fresh(), answer(429), config)), "none");
  EXPECT_EQ(reason(decide(kContextual, Operation::validate, fresh(), answer(425), config)), "retry");
}

// What a row of the contextual table says of one column, as a sequence of reasons after attempts 1, 2, ...
struct Column {
  const char* name;
  std::vector<Outcome> outcomes;
};
const std::vector<Column>& columns() {
  static const std::vector<Column> all = {
      {"429", {answer(429)}},
      {"timeout", {failure(OutcomeKind::connect_timeout), failure(OutcomeKind::head_timeout)}},
      {"connection", {failure(OutcomeKind::connect_error), failure(OutcomeKind::reset)}},
      {"5xx", {answer(500), answer(502), answer(503), answer(504)}},
  };
  return all;
}

TEST(Contextual, EveryRowOfTheTable) {
  using Sequence = std::vector<std::string_view>;
  const Sequence six = {"retry", "retry", "retry", "retry", "retry", "attempts"};  // retry.max_attempts
  const Sequence five = {"retry", "retry", "retry", "retry", "attempts", "attempts"};
  const auto after = [](int attempts, std::string_view then) {
    Sequence s(6, then);
    std::fill_n(s.begin(), attempts - 1, "retry");
    return s;
  };
  const auto always = [&](std::string_view then) { return after(1, then); };
  struct Row {
    Operation operation;
    std::vector<Sequence> expected;  // one a column
  };
  using enum Operation;
  for (const Row& row : {
           Row{download, {six, six, six, five}},
           Row{validate, {always("defer"), always("defer"), after(3, "defer"), after(2, "give_up")}},
           Row{resolve, {always("failover"), after(3, "failover"), after(3, "failover"), after(2, "failover")}},
           Row{extract, {six, six, six, six}},
           Row{manifest_fetch, {always("defer"), after(3, "failover"), after(3, "failover"), after(2, "failover")}},
       }) {
    for (std::size_t c = 0; c < columns().size(); ++c) {
      for (const Outcome& outcome : columns()[c].outcomes) {
        for (int attempts = 1; attempts <= 6; ++attempts) {
          Progress p = fresh();
          p.attempts = attempts;
          RetryConfig config;
          config.max_delay = 10min;  // no deadline in the way
          EXPECT_EQ(reason(decide(kContextual, row.operation, p, outcome, config)),
                    row.expected[c][static_cast<std::size_t>(attempts) - 1])
              << name(row.operation) << ", " << columns()[c].name << ", " << name(outcome.kind) << outcome.status
              << ", attempt " << attempts;
        }
      }
    }
  }
}

TEST(Contextual, NothingElseIsTouched) {
  for (std::size_t i = 0; i < kOperationNames.size(); ++i) {
    const auto operation = static_cast<Operation>(i);
    for (const int status : {200, 206, 304, 403, 404, 416, 501}) {
      EXPECT_EQ(reason(decide(kContextual, operation, fresh(), answer(status))), "none") << status;
    }
    using enum OutcomeKind;
    for (const OutcomeKind kind : {bad_response, bad_certificate, tls_error, destination_refused}) {
      EXPECT_EQ(reason(decide(kContextual, operation, fresh(), failure(kind))), "not_retryable") << name(kind);
    }
  }
}

TEST(Contextual, TheSmallerNumberOfAttemptsHoldsAndTheOperationSaysWhatThen) {
  RetryConfig config;
  config.max_attempts = 2;
  Progress p = fresh();
  p.attempts = 2;
  EXPECT_EQ(reason(decide(kContextual, kDownload, p, answer(500), config)), "attempts");
  EXPECT_EQ(reason(decide(kContextual, Operation::resolve, p, failure(OutcomeKind::reset), config)), "failover");
  EXPECT_EQ(reason(decide(kContextual, Operation::extract, p, answer(500), config)), "attempts");
}

TEST(Contextual, WhatNeedsNoRetryNeedsNoPermission) {
  Progress p = fresh();
  p.idempotent = false;
  p.replayable = false;
  p.attempts = 6;
  EXPECT_EQ(reason(decide(kContextual, Operation::validate, p, answer(429), {}, false)), "defer");
  EXPECT_EQ(reason(decide(kContextual, Operation::resolve, p, answer(429), {}, false)), "failover");
}

// --- the refusals, each by its name ---

TEST(Refusal, EachByItsName) {
  struct Case {
    const char* refusal;
    std::function<void(Progress&)> change;
    bool budget = true;
    Duration elapsed = 1s;
  };
  for (const Case& c : {
           Case{"retry", [](Progress&) {}},
           Case{"committed", [](Progress& p) { p.committed = true; }},
           Case{"not_idempotent", [](Progress& p) { p.idempotent = false; }},
           Case{"body_too_large", [](Progress& p) { p.replayable = false; }},
           Case{"attempts", [](Progress& p) { p.attempts = 6; }},
           Case{"deadline", [](Progress&) {}, true, 60s},
           Case{"budget", [](Progress&) {}, false},
           Case{"client_gone", [](Progress& p) { p.client_gone = true; }},
       }) {
    for (const RetryPolicy policy : {kStandard, kContextual}) {
      for (const Outcome& outcome : {answer(429), failure(OutcomeKind::reset)}) {
        Progress p = fresh();
        c.change(p);
        EXPECT_EQ(reason(decide(policy, kDownload, p, outcome, {}, c.budget, kStart + c.elapsed)), c.refusal);
      }
    }
  }
}

TEST(Refusal, TheFirstInTheOrderIsNamed) {
  Progress p = fresh();
  p.committed = true;
  p.client_gone = true;
  p.idempotent = false;
  p.replayable = false;
  p.attempts = 6;
  Duration elapsed = 60s;
  const auto now = [&] { return decide(kStandard, kDownload, p, answer(503), {}, false, kStart + elapsed); };
  EXPECT_EQ(reason(now()), "client_gone");
  p.client_gone = false;
  EXPECT_EQ(reason(now()), "committed");
  p.committed = false;
  EXPECT_EQ(reason(now()), "not_idempotent");
  p.idempotent = true;
  EXPECT_EQ(reason(now()), "body_too_large");
  p.replayable = true;
  EXPECT_EQ(reason(now()), "attempts");
  p.attempts = 1;
  EXPECT_EQ(reason(now()), "deadline");
  elapsed = 1s;
  EXPECT_EQ(reason(now()), "budget");
}

TEST(Refusal, NothingIsRefusedWhereNothingIsWanted) {
  Progress p = fresh();
  p.client_gone = true;
  p.attempts = 6;
  p.idempotent = false;
  EXPECT_EQ(reason(decide(kStandard, kDownload, p, answer(200), {}, false)), "none");
  EXPECT_EQ(reason(decide(kStandard, kDownload, p, failure(OutcomeKind::bad_certificate), {}, false)), "not_retryable");
}

TEST(Refusal, ARequestOfWhichNothingWasSentMayBeRetriedWhateverItsMethod) {
  Progress p = fresh();
  p.idempotent = false;
  p.request_sent = false;
  EXPECT_EQ(reason(decide(kStandard, kDownload, p, failure(OutcomeKind::connect_error))), "retry");
  p.request_sent = true;
  EXPECT_EQ(reason(decide(kStandard, kDownload, p, failure(OutcomeKind::reset))), "not_idempotent");
}

TEST(Refusal, OneAttemptNeverRetries) {
  RetryConfig config;
  config.max_attempts = 1;
  EXPECT_EQ(reason(decide(kStandard, kDownload, fresh(), answer(503), config)), "attempts");
}

// --- waits ---

TEST(Wait, FullJitterGrowsWithTheAttempts) {
  RetryConfig config;
  config.max_delay = 1h;
  config.max_attempts = 100;
  for (int attempts = 1; attempts <= 20; ++attempts) {
    Progress p = fresh();
    p.attempts = attempts;
    const Duration top = std::min<Duration>(60s, 500ms * (1 << std::min(attempts, 10)));
    Duration longest{};
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
      const Verdict v = decide(kStandard, kDownload, p, answer(503), config, true, kStart, seed);
      ASSERT_EQ(v.action, Action::retry);
      ASSERT_GE(v.wait, 0s);
      ASSERT_LT(v.wait, top);
      longest = std::max(longest, v.wait);
    }
    EXPECT_GT(longest, top * 9 / 10);
  }
}

TEST(Wait, AHintIsKeptAndNeverShortened) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Verdict v = decide(kStandard, kDownload, fresh(), answer(503, retry_after(20s)), {}, true, kStart + 1s, seed);
    ASSERT_EQ(v.action, Action::retry);
    ASSERT_GE(v.wait, 20s);
    ASSERT_LE(v.wait, 22s + 100ms);
  }
}

TEST(Wait, AHintThatDoesNotFitIsRelayedNow) {
  EXPECT_EQ(reason(decide(kStandard, kDownload, fresh(), answer(429, retry_after(59s)))), "deadline");
  EXPECT_EQ(reason(decide(kStandard, kDownload, fresh(), answer(429, retry_after(53578s)))), "deadline");
  EXPECT_EQ(reason(decide(kStandard, kDownload, fresh(), answer(429, retry_after(24h * 366)))), "deadline");
  RetryConfig patient;
  patient.max_delay = 24h;
  EXPECT_EQ(reason(decide(kStandard, kDownload, fresh(), answer(429, retry_after(53578s)), patient)), "retry");
}

TEST(Wait, TheDeadlineIsExact) {
  // Without a base there is no backoff: the wait is 0 and only the clock counts.
  RetryConfig config;
  config.base_delay = 0s;
  const auto at = [&](Duration elapsed) {
    return reason(decide(kStandard, kDownload, fresh(), answer(503), config, true, kStart + elapsed));
  };
  EXPECT_EQ(at(60s - 1ns), "retry");
  EXPECT_EQ(at(60s), "deadline");
}

TEST(Wait, TheResetOfAUsedUpQuotaIsAHint) {
  const auto wait = [](int status, const Hint& hint) {
    return decide(kStandard, kDownload, fresh(), answer(status, hint)).wait;
  };
  EXPECT_GE(wait(429, quota(0, 30s)), 30s);
  EXPECT_GE(wait(503, quota(0, 30s)), 30s);
  EXPECT_GE(wait(429, quota(std::nullopt, 30s)), 30s);
  EXPECT_LT(wait(429, quota(5, 30s)), 1s);  // another quota than this one was exceeded, and it says nothing
  EXPECT_LT(wait(503, quota(std::nullopt, 30s)), 1s);
  Hint both = quota(0, 50s);
  both.retry_after = 5s;
  EXPECT_LT(wait(429, both), 6s);  // Retry-After wins
}

TEST(Wait, TheSameSeedDecidesTheSame) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(decide(kStandard, kDownload, fresh(), answer(503), {}, true, kStart, seed).wait,
              decide(kStandard, kDownload, fresh(), answer(503), {}, true, kStart, seed).wait);
  }
}

// --- after the commit point ---

Progress broken(bool resumable) {
  Progress p = fresh();
  p.committed = true;
  p.resumable = resumable;
  return p;
}

TEST(Resume, OnlyADownloadUnderTheContextualPolicy) {
  const Outcome outcome = failure(OutcomeKind::broken_body);
  EXPECT_EQ(reason(decide(kContextual, kDownload, broken(true), outcome)), "resume");
  EXPECT_EQ(reason(decide(kContextual, kDownload, broken(false), outcome)), "committed");
  EXPECT_EQ(reason(decide(kStandard, kDownload, broken(true), outcome)), "committed");
  for (const auto operation :
       {Operation::validate, Operation::resolve, Operation::extract, Operation::manifest_fetch}) {
    EXPECT_EQ(reason(decide(kContextual, operation, broken(true), outcome)), "committed") << name(operation);
  }
}

TEST(Resume, ABrokenBodyIsCommittedEvenWhereTheFlagIsNotSetYet) {
  EXPECT_EQ(reason(decide(kContextual, kDownload, fresh(), failure(OutcomeKind::broken_body))), "committed");
}

TEST(Resume, AResumingAttemptThatFailsMayBeFollowedByAnother) {
  for (const Outcome& outcome : {answer(429, retry_after(2s)), answer(503), failure(OutcomeKind::connect_error),
                                 failure(OutcomeKind::head_timeout), failure(OutcomeKind::reset)}) {
    EXPECT_EQ(reason(decide(kContextual, kDownload, broken(true), outcome)), "resume") << name(outcome.kind);
  }
  // ... but no other head can be relayed any more.
  for (const Outcome& outcome : {answer(200), answer(404), answer(416), failure(OutcomeKind::bad_response),
                                 failure(OutcomeKind::bad_certificate)}) {
    EXPECT_EQ(reason(decide(kContextual, kDownload, broken(true), outcome)), "committed") << name(outcome.kind);
  }
}

TEST(Resume, TheOtherRulesHoldAsWell) {
  const Outcome outcome = failure(OutcomeKind::broken_body);
  Progress p = broken(true);
  p.attempts = 6;
  EXPECT_EQ(reason(decide(kContextual, kDownload, p, outcome)), "attempts");
  p = broken(true);
  EXPECT_EQ(reason(decide(kContextual, kDownload, p, outcome, {}, true, kStart + 60s)), "deadline");
  EXPECT_EQ(reason(decide(kContextual, kDownload, p, outcome, {}, false)), "budget");
  p.client_gone = true;
  EXPECT_EQ(reason(decide(kContextual, kDownload, p, outcome)), "client_gone");
}

// Whatever is asked, a retry is granted only where POLICY 2 allows it.
TEST(Judge, RandomQuestionsNeverBreakARule) {
  Random random(1);
  const auto chance = [&](double p) { return random.uniform() < p; };
  int retries = 0;
  for (int i = 0; i < 100'000; ++i) {
    RetryConfig config;
    config.max_attempts = 1 + static_cast<int>(random.next() % 8);
    const auto policy = chance(0.5) ? kStandard : kContextual;
    const auto operation = static_cast<Operation>(random.next() % kOperationNames.size());
    Progress p;
    p.attempts = 1 + static_cast<int>(random.next() % 8);
    p.first_attempt = kStart;
    p.committed = chance(0.2);
    p.client_gone = chance(0.1);
    p.idempotent = chance(0.8);
    p.request_sent = chance(0.8);
    p.replayable = chance(0.9);
    p.resumable = chance(0.5);
    Outcome outcome{static_cast<OutcomeKind>(random.next() % kOutcomeNames.size()), 0, {}};
    if (outcome.kind == OutcomeKind::response) {
      const int statuses[] = {200, 404, 429, 500, 503};
      outcome.status = statuses[random.next() % std::size(statuses)];
      if (chance(0.3)) outcome.hint.retry_after = from_seconds(random.uniform(0.1, 100));
    }
    const bool budget = chance(0.8);
    const MonoTime now = kStart + from_seconds(random.uniform(0, 80));
    const Verdict v = judge(policy, config, operation, p, outcome, budget, now, random);
    if (v.action != Action::retry) {
      ASSERT_EQ(v.wait, 0s);
      ASSERT_TRUE(v.reason != Reason::retry && v.reason != Reason::resume);
      continue;
    }
    ++retries;
    ASSERT_EQ(v.reason, p.committed || outcome.kind == OutcomeKind::broken_body ? Reason::resume : Reason::retry);
    ASSERT_TRUE(v.reason == Reason::retry || (p.resumable && policy == kContextual && operation == kDownload));
    ASSERT_TRUE(p.idempotent || !p.request_sent);
    ASSERT_TRUE(p.replayable && !p.client_gone && budget);
    ASSERT_LT(p.attempts, config.max_attempts);
    ASSERT_LT(now + v.wait, kStart + config.max_delay);
    ASSERT_TRUE(!outcome.hint.retry_after || v.wait >= *outcome.hint.retry_after);
    ASSERT_TRUE(outcome.status != 200 && outcome.status != 404);
  }
  EXPECT_GT(retries, 1000);
}

}  // namespace
}  // namespace backoffd::policy
