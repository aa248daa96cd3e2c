#include "policy/learner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <memory>
#include <queue>
#include <regex>
#include <vector>

#include "policy/throttle.h"
#include "tests/policy/learner_by_hand.h"

namespace backoffd::policy {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;

TEST_F(LearnerTest, KnowsNothingAtFirstAndIsNormalAfterAnAnswer) {
  EXPECT_EQ(status().state, LearnerState::unknown);
  sequential(200);
  EXPECT_EQ(status().state, LearnerState::normal);
  EXPECT_EQ(status().reduction_pct, 0);
}

TEST_F(LearnerTest, RefusalsOfOneBurstAreOnePieceOfEvidence) {
  std::vector<Sent> burst;
  for (int i = 1; i <= 32; ++i) burst.push_back(send(kWorks, i));
  pass(0.1);
  for (const Sent& sent : burst) answer(sent, 429);
  EXPECT_EQ(status().consecutive_429s, 32);
  EXPECT_FALSE(may_send());
  pass(0.3);  // the first hold is a quarter of a second: 32 strikes would be a long one
  EXPECT_TRUE(may_send());
}

TEST_F(LearnerTest, TheLadderForOneSequentialClientThatIsRefusedAlways) {
  const double expected[] = {0, 0, 10, 20, 40, 60, 80, 80};
  for (const double reduction : expected) {
    sequential(429);
    EXPECT_DOUBLE_EQ(status().reduction_pct, reduction) << status().consecutive_429s;
    EXPECT_NEAR(status().effective_rate, 10 - reduction / 10, 1e-9);
  }
  EXPECT_EQ(status().consecutive_429s, 8);
  EXPECT_EQ(status().state, LearnerState::paused);
}

TEST_F(LearnerTest, OneOrTwoIsolatedRefusalsChangeNothing) {
  for (int i = 0; i < 2; ++i) {
    for (int n = 0; n < 50; ++n) sequential(200);
    sequential(429);
    sequential(200);
  }
  EXPECT_EQ(status().consecutive_429s, 0);
  EXPECT_EQ(status().reduction_pct, 0);
  EXPECT_EQ(status().state, LearnerState::normal);
  EXPECT_EQ(learner->pace(), 10);
}

TEST_F(LearnerTest, AThirdIsolatedRefusalCutsTheWayTheLadderSays) {
  for (int i = 0; i < 3; ++i) {
    pass(0.5);
    learner->on_idle(now);  // never a queue: nothing can be measured
    sequential(429);
    sequential(200);
  }
  EXPECT_NEAR(status().reduction_pct, 10, 1e-9);
  EXPECT_EQ(status().state, LearnerState::reducing);
  EXPECT_NE(status().reason.find("cut from 10/s to 9/s"), std::string::npos) << status().reason;
}

TEST_F(LearnerTest, OtherServerErrorsNeverChangeALimit) {
  for (const int code : {500, 502, 503, 504}) {
    for (int i = 0; i < 30; ++i) sequential(code);
    EXPECT_EQ(status().reduction_pct, 0);
    EXPECT_EQ(status().consecutive_429s, 0);
    EXPECT_TRUE(may_send() || learner->next_time(0, {0, 0}, now) < now + std::chrono::seconds(1));
  }
}

TEST_F(LearnerTest, WhatCountsAsAThrottleAnswer) {
  const auto refuses = [&](int code, const Hint& hint) {
    start({.rate = 10});
    sequential(code, hint);
    return status().consecutive_429s == 1;
  };
  EXPECT_TRUE(refuses(429, {}));
  EXPECT_TRUE(refuses(503, retry_after(1)));
  EXPECT_FALSE(refuses(503, {}));
  EXPECT_TRUE(refuses(403, quota(60, 0, 30)));
  EXPECT_TRUE(refuses(403, retry_after(1)));
  EXPECT_FALSE(refuses(403, {}));
  EXPECT_FALSE(refuses(200, quota(60, 0, 30)));
}

TEST_F(LearnerTest, NothingIsSentDuringARetryAfterThenExactlyOne) {
  sequential(429, retry_after(30));
  EXPECT_EQ(status().state, LearnerState::paused);
  const MonoTime until = learner->next_time(learner->scope_of(kWorks), {0, 0}, now);
  EXPECT_GE(until, now + std::chrono::seconds(30));
  EXPECT_LE(until, now + std::chrono::milliseconds(30500));
  EXPECT_EQ(status().paused_until, until);
  now = until;
  ASSERT_TRUE(may_send());
  const Sent test = send();
  EXPECT_EQ(learner->next_time(learner->scope_of(kWorks), {1, 1}, now), kNever);
  pass(0.1);
  answer(test, 200);
  EXPECT_LT(learner->next_time(learner->scope_of(kWorks), {0, 0}, now), kNever);
  EXPECT_NEAR(status().recovery_time_estimate, 30, 1e-3);
}

TEST_F(LearnerTest, OneLongRetryAfterIsAPauseAndNoCut) {
  start({.rate = 50});
  for (int i = 0; i < 40; ++i) {  // a light client: four a second, nothing waits
    learner->on_idle(now);
    sequential(200);
    pass(0.24);
  }
  sequential(429, retry_after(7));
  pass(7.6);
  sequential(200);
  EXPECT_EQ(learner->pace(), 50);
  EXPECT_EQ(status().state, LearnerState::normal) << status().reason;
}

TEST_F(LearnerTest, ASecondLongRetryAfterIsACutWhereItFollowsTheFirstAtOnce) {
  for (const auto& [between, pace] : {std::pair{5.0, 35.0}, std::pair{60.0, 50.0}}) {
    start({.rate = 50});
    for (int block = 0; block < 2; ++block) {
      pass(between);
      learner->on_idle(now);
      sequential(429, retry_after(30));
      sequential(200);
    }
    EXPECT_DOUBLE_EQ(learner->pace(), pace) << status().reason;
  }
}

TEST_F(LearnerTest, WhatALightClientAskedForIsNotTakenForTheLimit) {
  start({.rate = 50});
  for (int i = 0; i < 40; ++i) {
    learner->on_idle(now);
    sequential(200);
    pass(0.24);
  }
  while (status().consecutive_429s < 7) sequential(429);  // a silent block of some seconds
  sequential(200);
  EXPECT_DOUBLE_EQ(learner->pace(), 35) << status().reason;  // of what was allowed, not of the four it asked for
}

TEST_F(LearnerTest, ATestThatIsAnsweredByAnotherServerErrorTellsNothing) {
  sequential(429);
  pass(0.3);
  answer(send(), 500);
  EXPECT_FALSE(may_send());
  pass(0.3);
  ASSERT_TRUE(may_send());
  answer(send(), 200);
  EXPECT_FALSE(learner->holding());
}

TEST_F(LearnerTest, ALaterRefusalOfABurstThatAsksForMoreExhaustsTheKeyToo) {
  const Sent a = send(), b = send();
  pass(0.1);
  answer(a, 429);
  EXPECT_FALSE(learner->exhausted_until(learner->scope_of(kWorks), now));
  answer(b, 429, retry_after(600));
  EXPECT_EQ(status().state, LearnerState::exhausted);
  EXPECT_EQ(status().reason.find("the provider asked to come back in 600 s"), 0u) << status().reason;
  EXPECT_NEAR(status().recovery_time_estimate, 600, 1);
}

TEST_F(LearnerTest, ATestWithoutAnAnswerTellsNothing) {
  sequential(429);
  pass(0.3);
  ASSERT_TRUE(may_send());
  const Sent test = send();
  pass(5);
  learner->on_lost(test, now);
  EXPECT_FALSE(may_send());
  pass(0.3);  // the same hold as before, no longer one
  ASSERT_TRUE(may_send());
  answer(send(), 200);
  EXPECT_TRUE(learner->next_time(learner->scope_of(kWorks), {0, 0}, now) < now + std::chrono::seconds(1));
}

TEST_F(LearnerTest, ALongRetryAfterExhaustsTheKeyAndLeavesThePaceAlone) {
  sequential(429, retry_after(53578));
  EXPECT_EQ(status().state, LearnerState::exhausted);
  const auto until = learner->exhausted_until(learner->scope_of(kWorks), now);
  ASSERT_TRUE(until);
  EXPECT_GE(*until, now + std::chrono::seconds(900));  // remembered at the cap
  EXPECT_LE(*until, now + std::chrono::seconds(901));
  now = *until;
  EXPECT_FALSE(learner->exhausted_until(learner->scope_of(kWorks), now));
  sequential(200);
  EXPECT_EQ(learner->pace(), 10);
  EXPECT_EQ(status().state, LearnerState::normal);
}

TEST_F(LearnerTest, TheFloorIsOneAMinute) {
  start({.rate = 0.05});
  for (int round = 0; round < 60; ++round) {
    sequential(429);
    sequential(429);
    sequential(429);
    sequential(200);
  }
  EXPECT_GE(learner->pace(), 1.0 / 60);
  EXPECT_LT(learner->pace(), 0.05);
}

TEST_F(LearnerTest, RecoveryTimesAreTheLastFifty) {
  for (int i = 1; i <= 120; ++i) sequential(429, retry_after(i));
  const auto kept = learner->learned(now)->recovery_times;
  ASSERT_EQ(kept.size(), 50u);
  EXPECT_NEAR(kept.front(), 71, 1e-3);
  EXPECT_NEAR(kept.back(), 120, 1e-3);
}

TEST_F(LearnerTest, APauseIsShownUntilItsTimeIsOver) {
  sequential(429, retry_after(30));
  EXPECT_EQ(status().state, LearnerState::paused);
  pass(31);
  EXPECT_EQ(status().state, LearnerState::normal);
  EXPECT_EQ(status().paused_until, MonoTime{});
}

TEST_F(LearnerTest, AQuotaThatIsOverReducesNothing) {
  sequential(200, quota(60, 30, 60));
  EXPECT_EQ(status().state, LearnerState::normal);  // only its last tenth is spread
  sequential(200, quota(60, 6, 60));
  sequential(200, quota(60, 5, 60));
  EXPECT_EQ(status().state, LearnerState::reducing);
  EXPECT_NEAR(learner->effective_rate(now), 5.0 / 60, 1e-3);
  EXPECT_EQ(status().reason.find("5 of a quota of 60 left for 60 s"), 0u) << status().reason;
  pass(61);
  EXPECT_EQ(status().state, LearnerState::normal);
}

TEST_F(LearnerTest, WithoutAnyLimitThereIsNoFigureOfIt) {
  start({});
  sequential(429);
  EXPECT_EQ(learner->effective_rate(now), 0);
  EXPECT_EQ(status().reduction_pct, 0);
}

TEST_F(LearnerTest, WhereNoLimitHeldTheReasonNamesTheRateThatWasSent) {
  start({});
  for (int i = 0; i < 3; ++i) {
    pass(0.5);
    learner->on_idle(now);
    sequential(429);
    sequential(200);
  }
  EXPECT_NE(status().reason.find("cut from "), std::string::npos) << status().reason;
  EXPECT_EQ(status().reason.find("inf"), std::string::npos) << status().reason;
}

TEST_F(LearnerTest, AnAbsurdFileIsNotBelieved) {
  start({});
  LearnedKey key;
  key.reduction_pct = 1e9;
  key.base_rate = HUGE_VAL;
  key.recovery_times = {-1, HUGE_VAL, NAN, 1e300, 3};
  key.concurrency = 1 << 30;
  key.ban_seconds = 1e12;
  key.paused_seconds = NAN;
  learner->restore(key, std::chrono::hours(-5), now);
  EXPECT_NEAR(status().recovery_time_estimate, 3, 1e-6);
  EXPECT_TRUE(may_send());
}

TEST_F(LearnerTest, TheReasonNamesItsEvidenceAndWhatComesNext) {
  std::vector<Sent> burst;
  for (int i = 0; i < 100; ++i) sequential(200);  // a queue all the time: what is accepted is the limit
  for (int i = 0; i < 4; ++i) burst.push_back(send());
  pass(0.05);
  for (const Sent& sent : burst) answer(sent, 429);
  EXPECT_EQ(status().reason.find("refused at 10/s; testing with one request after 0."), 0u) << status().reason;
  sequential(200);
  EXPECT_TRUE(std::regex_match(
      status().reason, std::regex("limit measured at [0-9.]+/s from 4 refusals, cut from 10/s to [0-9.]+/s; for "
                                  "the part of the host that refused; probing again in [0-9]+ s")))
      << status().reason;
}

TEST_F(LearnerTest, ARetryAfterOfHoursIsRememberedAtTheCapAndAnsweredAtOnce) {
  sequential(429, retry_after(53578));
  EXPECT_EQ(status().state, LearnerState::exhausted);
  EXPECT_EQ(status().reduction_pct, 0);
  EXPECT_EQ(
      status().reason,
      "the provider asked to come back in 900 s or later (retry.retry_after_cap); until then requests are answered 429 "
      "at once; for the part of the host that refused");
  const auto until = learner->exhausted_until(learner->scope_of(kWorks), now);
  ASSERT_TRUE(until);
  EXPECT_NEAR(seconds(*until - now), 900, 1);
}

TEST_F(LearnerTest, TheLadderNamesTheStrikesThatItRestsOn) {
  for (int i = 0; i < 3; ++i) {
    sequential(429);
    sequential(200);
  }
  EXPECT_EQ(status().reason.find("cut from 10/s to 9/s after 3 refusals, no limit measured yet"), 0u)
      << status().reason;
}

TEST_F(LearnerTest, APauseOfTheWholeHostNamesNoPart) {
  sequential(429, retry_after(2), kWorks);
  pass(3);
  EXPECT_EQ(status().reason, "the provider asked for a pause of 2 s; for the part of the host that refused");
  sequential(200, {}, kWorks);
  sequential(429, retry_after(7), kAuthors);
  EXPECT_EQ(status().reason, "the provider asked for a pause of 7 s");
}

TEST_F(LearnerTest, FiguresAreWrittenOut) {
  start({.rate = 2000});
  pass(5);
  sequential(200);
  pass(5);
  sequential(429);
  EXPECT_EQ(status().reason.find("refused at 2000/s; "), 0u) << status().reason;
  start({.rate = 10, .retry_after_cap = hours(24)});
  LearnedKey key;
  key.paused_seconds = 123456;
  learner->restore(key, {}, now);
  EXPECT_NE(status().reason.find("86400 s"), std::string::npos) << status().reason;
}

TEST_F(LearnerTest, WhatIsRestoredIsOfTheTimeItWasKeptAndSaysWhatItIs) {
  LearnedKey key;
  key.paused_seconds = 700;
  learner->restore(key, std::chrono::seconds(100), now);
  EXPECT_EQ(status().state, LearnerState::exhausted);
  EXPECT_EQ(status().reason,
            "restored; the provider asked to come back, 600 s were left; until then requests are answered 429 at once");
  EXPECT_EQ(status().changed, now - std::chrono::seconds(100));
  start({.rate = 10});
  key = {};
  key.reduction_pct = 20;
  learner->restore(key, {}, now);
  EXPECT_EQ(status().reason.find("restored with 20.0 % reduction"), 0u) << status().reason;
}

TEST_F(LearnerTest, AnAnnouncementIsAsOldAsItIs) {
  Hint rate;
  rate.burst = HintRate{2, std::chrono::seconds(1)};
  pass(5);
  sequential(200, rate);
  const MonoTime told = now;
  for (int i = 0; i < 10; ++i) sequential(200, rate);
  EXPECT_EQ(status().reason, "the provider announces 2 requests in 1 s");
  EXPECT_NEAR(seconds(status().changed - told), 0, 1e-3);

  start({.rate = 10});
  sequential(200, quota(60, 6, 60));
  sequential(200, quota(60, 5, 60));
  const MonoTime spread = now;
  pass(10);
  EXPECT_EQ(status().reason.find("5 of a quota of 60 left"), 0u) << status().reason;
  EXPECT_NEAR(seconds(status().changed - spread), 0, 0.05);  // the request that left so few
  sequential(200, quota(60, 0, 40));
  const MonoTime used_up = now;
  pass(20);
  EXPECT_EQ(status().reason.find("the quota of 60 is used up"), 0u) << status().reason;
  EXPECT_NEAR(seconds(status().changed - used_up), 0, 1e-3);
}

TEST_F(LearnerTest, AResetAFewSecondsAwayBindsNobody) {
  sequential(200);
  pass(5);                          // past the slow start
  sequential(200, quota(5, 0, 1));  // whole seconds: it may be over in a moment
  pass(0.2);
  EXPECT_TRUE(may_send());
  sequential(200, quota(60, 0, 20));
  pass(0.2);
  EXPECT_FALSE(may_send());
}

// --- scope -----------------------------------------------------------------------------------------------------------

TEST_F(LearnerTest, OneClassThatIsRefusedHoldsUpNoOther) {
  sequential(200, {}, kAuthors);
  for (int i = 0; i < 5; ++i) sequential(429, {}, kWorks);
  EXPECT_FALSE(may_send(kWorks));
  EXPECT_TRUE(may_send(kAuthors));
}

TEST_F(LearnerTest, ASecondClassThatIsRefusedHoldsUpTheHost) {
  for (int i = 0; i < 4; ++i) sequential(200, {}, i % 2 == 0 ? kWorks : kAuthors);
  const Sent works = send(kWorks, 1);
  const Sent authors = send(kAuthors, 2);
  pass(0.1);
  answer(works, 429);
  EXPECT_TRUE(may_send(kAuthors));
  answer(authors, 429);
  EXPECT_FALSE(may_send(kWorks));
  EXPECT_FALSE(may_send(kAuthors));
  EXPECT_FALSE(may_send(99));
}

TEST_F(LearnerTest, AQuotaThatTheAnswersNameIsKeptApart) {
  constexpr std::uint64_t kSearch = 777;
  constexpr std::uint64_t kCore = 778;
  sequential(200, quota(30, 0, 50, kSearch), kWorks);
  sequential(200, quota(5000, 4000, 3000, kCore), kAuthors);
  EXPECT_FALSE(may_send(kWorks));
  EXPECT_GE(learner->next_time(learner->scope_of(kWorks), {0, 0}, now), now + std::chrono::seconds(49));
  EXPECT_LE(learner->next_time(learner->scope_of(kAuthors), {0, 0}, now), now + std::chrono::seconds(1));
}

TEST_F(LearnerTest, TwoClassesThatReportTheSameQuotaShareIt) {
  sequential(200, quota(60, 30, 50), kWorks);
  sequential(200, quota(60, 29, 50), kAuthors);
  EXPECT_EQ(learner->scope_of(kWorks), learner->scope_of(kAuthors));
  sequential(200, quota(60, 0, 49), kAuthors);
  EXPECT_FALSE(may_send(kWorks));
}

TEST(ScopeTable, StaysBoundedAndForgetsTheLeastRecentlyNamed) {
  ScopeTable scopes;
  for (std::uint64_t c = 1; c <= 4; ++c) EXPECT_TRUE(scopes.name(c, 0, ScopeTable::kNone).fresh);
  scopes.name(1, 0, ScopeTable::kNone);
  scopes.name(5, 0, ScopeTable::kNone);
  EXPECT_NE(scopes.of(1), ScopeTable::kRest);
  EXPECT_EQ(scopes.of(2), ScopeTable::kRest);
  const int kept = scopes.of(3);
  for (std::uint64_t c = 100; c < 1000; ++c) scopes.name(c, c % 7 == 0 ? c + 1 : 0, kept);
  EXPECT_EQ(scopes.of(3), kept);
}

// --- announced limits ------------------------------------------------------------------------------------------------

TEST_F(LearnerTest, AnEmptyQuotaWaitsForItsResetAndCountsWhatIsUnderWay) {
  const Sent a = send(), b = send(), c = send();
  pass(0.1);
  answer(a, 200,
         quota(100, 2, 20));  // b and c were not counted by the provider yet; they were sent before it was known
  answer(b, 200, quota(100, 1, 20));
  EXPECT_NE(learner->next_time(learner->scope_of(kWorks), {0, 0}, now), kNever);
  answer(c, 200, quota(100, 0, 20));
  EXPECT_GE(learner->next_time(learner->scope_of(kWorks), {0, 0}, now), now + std::chrono::seconds(20));
  pass(20.1);
  EXPECT_TRUE(may_send());
}

TEST_F(LearnerTest, AnAnswerToARequestOfAForgottenLearnerIsNoEvidenceOfTheNewOnes) {
  for (int i = 0; i < 20; ++i) sequential(200, quota(5000, 4900 - i, 1800));
  const Sent old = send();
  const Sent refused = send();
  const std::uint64_t numbered = learner->numbered();
  learner = std::make_unique<Learner>(LearnerLimits{.rate = 10}, allowances, numbered);
  const Sent own = send();
  pass(5);
  answer(own, 200, quota(5000, 4879, 1795));
  answer(old, 200, quota(5000, 4880, 1795));
  answer(refused, 429, retry_after(200));
  EXPECT_EQ(status().consecutive_429s, 0);
  EXPECT_TRUE(may_send());
  sequential(200, quota(5000, 4878, 1790));
  EXPECT_TRUE(may_send());
}

TEST_F(LearnerTest, AnAnswerOfAQuotaWhosePlaceAnotherHasTakenIsReadAsOneFromBefore) {
  for (int i = 0; i < 20; ++i) sequential(200, quota(5000, 4900 - i, 1800, 1), 1);
  const Sent old = send(1);
  for (std::uint64_t c = 2; c <= 5; ++c) sequential(200, quota(100, 90, 1000, c), c);  // four fit
  send(5);
  answer(old, 200, quota(100, 88, 1000, 5));
  pass(1);
  EXPECT_TRUE(may_send(5));
  EXPECT_TRUE(may_send(1));
}

TEST_F(LearnerTest, TheLastTenthOfAQuotaIsSpreadEvenly) {
  sequential(200, quota(100, 9, 50));
  const MonoTime next = learner->next_time(learner->scope_of(kWorks), {0, 0}, now);
  EXPECT_GT(next, now + std::chrono::seconds(4));
  EXPECT_LT(next, now + std::chrono::seconds(6));
}

TEST_F(LearnerTest, AnAnnouncedRateIsKept) {
  Hint hint;
  hint.burst = HintRate{2, std::chrono::seconds(1)};
  sequential(200, hint);
  EXPECT_DOUBLE_EQ(learner->effective_rate(now), 2);
  EXPECT_DOUBLE_EQ(status().reduction_pct, 80);
  const MonoTime begin = now;
  for (int i = 0; i < 20; ++i) sequential(200, hint);
  EXPECT_NEAR(seconds(now - begin), 10, 1);
}

TEST_F(LearnerTest, AQuotaUsedUpByASuccessExhaustsTheKeyUntilItsBelievedReset) {
  sequential(200, quota(5000, 0, 2400));
  EXPECT_EQ(status().state, LearnerState::exhausted);
  EXPECT_EQ(
      status().reason,
      "the quota of 5000 is used up; there is more in 2400 s; one request asks again in 900 s; until then requests are "
      "answered 429 at once; for the part of the host that told it");
  const auto until = learner->exhausted_until(learner->scope_of(kWorks), now);
  ASSERT_TRUE(until);
  EXPECT_NEAR(seconds(*until - now), 900, 0.1);
  EXPECT_EQ(status().paused_until, *until);
  now = *until;
  ASSERT_TRUE(may_send());
  const Sent one = send();
  EXPECT_FALSE(may_send());  // one request asks again, no more
  answer(one, 200, quota(5000, 0, 31536000));
  EXPECT_EQ(status().state, LearnerState::exhausted);
  EXPECT_NEAR(seconds(status().paused_until - now), 900, 0.1);
}

TEST_F(LearnerTest, AQuotaUsedUpForAMinuteIsAPause) {
  sequential(200, quota(60, 0, 60));
  EXPECT_EQ(status().state, LearnerState::paused);
  EXPECT_FALSE(learner->exhausted_until(learner->scope_of(kWorks), now));
  EXPECT_NEAR(seconds(status().paused_until - now), 60, 0.1);
}

TEST_F(LearnerTest, ARetryAfterTakesThePlaceOfTheReset) {
  Hint hint = quota(60, 0, 3600);
  hint.retry_after = std::chrono::seconds(5);
  sequential(403, hint);
  pass(5.6);
  EXPECT_TRUE(may_send());
}

TEST_F(LearnerTest, AnAnnouncedRateIsForgottenWhereItIsNamedNoMore) {
  Hint hint;
  hint.burst = HintRate{1, std::chrono::seconds(10)};
  sequential(200, hint);
  const MonoTime begin = now;
  for (int i = 0; i < 20; ++i) sequential(200);
  EXPECT_LT(seconds(now - begin), 80);  // believed for a minute
  EXPECT_DOUBLE_EQ(learner->effective_rate(now), 10);
}

TEST_F(LearnerTest, AnAnnouncedDayIsCountedAndNeverSlowerThanTheFloor) {
  Hint hint;
  hint.sustained = HintRate{100, hours(24)};
  pass(5);
  for (int i = 0; i < 10; ++i) sequential(200, hint);
  pass(1);
  EXPECT_TRUE(may_send());
  EXPECT_EQ(status().state, LearnerState::normal);
  for (int i = 0; i < 110; ++i) sequential(200, hint);
  EXPECT_DOUBLE_EQ(learner->effective_rate(now), 1.0 / 60);
  EXPECT_NE(status().reason.find("announces 100 requests in 86400 s"), std::string::npos) << status().reason;
}

TEST_F(LearnerTest, ARateThatIsAnnouncedOfAPoolBindsThatPool) {
  Hint lists, singles;
  lists.burst = HintRate{1, std::chrono::seconds(1)};
  singles.burst = HintRate{10, std::chrono::seconds(1)};
  lists.scope = 1;
  singles.scope = 2;
  sequential(200, lists, kWorks);
  sequential(200, singles, kAuthors);
  pass(5);
  send(kWorks);
  pass(0.3);
  EXPECT_FALSE(may_send(kWorks));
  EXPECT_TRUE(may_send(kAuthors));
}

TEST_F(LearnerTest, WhatIsLeftOfAQuotaWithoutItsResetIsNoRate) {
  Hint hint;  // Docker Hub: 100;w=21600, and what is left of it
  hint.limit = 100;
  hint.remaining = 76;
  hint.window = hours(6);
  sequential(200, hint);
  pass(5);
  EXPECT_TRUE(may_send());
  EXPECT_DOUBLE_EQ(learner->effective_rate(now), 10);
}

TEST_F(LearnerTest, AnAnnouncedConcurrencyIsKept) {
  Hint hint;
  hint.concurrency = 3;
  sequential(200, hint);
  pass(5);
  EXPECT_EQ(learner->next_time(0, {3, 3}, now), kNever);
  EXPECT_EQ(learner->next_time(0, {2, 2}, now), now);
  hint.concurrency = 200;
  sequential(200, hint);
  EXPECT_EQ(learner->concurrency(), 200);
}

TEST_F(LearnerTest, AnAnnouncedConcurrencyBindsItsScopeAndIsForgottenWhereItIsNamedNoMore) {
  Hint lists;
  lists.scope = 1;
  lists.concurrency = 1;
  sequential(200, lists, kWorks);
  pass(5);
  const int works = learner->scope_of(kWorks), authors = learner->scope_of(kAuthors);
  EXPECT_EQ(learner->next_time(works, {1, 1}, now), kNever);
  EXPECT_EQ(learner->next_time(works, {5, 0}, now), now);  // the others' requests are not its own
  EXPECT_EQ(learner->next_time(authors, {5, 0}, now), now);
  EXPECT_EQ(status().concurrency, 1);
  pass(50);
  sequential(200, {}, kWorks);
  EXPECT_EQ(learner->next_time(works, {1, 1}, now), kNever);  // believed for a minute
  pass(10);
  sequential(200, {}, kWorks);
  EXPECT_EQ(learner->next_time(works, {1, 1}, now), now);
  EXPECT_EQ(status().concurrency, 0);
}

TEST_F(LearnerTest, ABurstAndADayThatAreAnnouncedBothHold) {
  Hint both;
  both.burst = HintRate{2, std::chrono::seconds(1)};
  both.sustained = HintRate{20, hours(24)};
  pass(5);
  sequential(200, both);
  const MonoTime begin = now;
  for (int i = 0; i < 15; ++i) sequential(200, both);
  EXPECT_NEAR(seconds(now - begin), 7.5, 1);  // the burst's pace
  for (int i = 0; i < 10; ++i) sequential(200, both);
  EXPECT_DOUBLE_EQ(learner->effective_rate(now), 1.0 / 60);  // the day is used up, and comes back by the minute
  EXPECT_NE(status().reason.find("announces 20 requests in 86400 s"), std::string::npos) << status().reason;
}

// --- over a restart --------------------------------------------------------------------------------------------------

TEST_F(LearnerTest, ARestartKeepsTheReductionAndADayHalvesIt) {
  for (int i = 0; i < 3; ++i) {
    pass(0.5);
    learner->on_idle(now);
    sequential(429);
    sequential(200);
  }
  const LearnedKey key = *learner->learned(now);
  EXPECT_NEAR(key.reduction_pct, 10, 0.01);
  for (const double days : {0.0, 1.0, 2.0}) {
    start({.rate = 10});
    learner->restore(key, from_seconds(days * 86400), now);
    EXPECT_NEAR(status().reduction_pct, 10 / std::exp2(days), 0.01);
  }
  start({.rate = 10});
  learner->restore(key, {}, now);
  pass(86400);  // nobody confirmed it for a day
  EXPECT_NEAR(learner->learned(now)->reduction_pct, 5, 0.01);
}

TEST_F(LearnerTest, ARestartDoesNotEndAPause) {
  sequential(429, retry_after(200));
  const LearnedKey key = *learner->learned(now);
  start({.rate = 10});
  learner->restore(key, std::chrono::seconds(50), now);
  EXPECT_EQ(status().state, LearnerState::paused);
  EXPECT_GE(learner->next_time(learner->scope_of(kWorks), {0, 0}, now), now + std::chrono::seconds(149));
  EXPECT_TRUE(may_send(kAuthors));  // nor is it wider than it was
}

TEST_F(LearnerTest, ARestoredPauseIsBelievedAsLongAsOneThatIsTold) {
  LearnedKey key;
  key.paused_seconds = 7200;  // told while retry.retry_after_cap was larger, or by no file of ours
  learner->restore(key, minutes(30), now);
  EXPECT_EQ(status().paused_until, now + minutes(15));
  start({.rate = 10});
  learner->restore(key, hours(2), now);
  EXPECT_TRUE(may_send());
}

TEST_F(LearnerTest, AKeyWithNothingLearnedIsNotKept) {
  for (int i = 0; i < 100; ++i) sequential(200);
  EXPECT_FALSE(learner->learned(now));
}

// --- in the large: simulated providers, saturated by workers ---------------------------------------------------------

struct Said {
  int status = 200;
  Hint hint;
  bool passed = true;  // it took up a place: served, not refused
};

class Provider {
 public:
  virtual ~Provider() = default;
  virtual Said arrive(double t) = 0;
  virtual void done() {}
};

class Bucket : public Provider {
 public:
  Bucket(double rate, double burst) : rate_(rate), burst_(burst), tokens_(burst) {}
  void set_rate(double rate) { rate_ = rate; }
  Said arrive(double t) override {
    tokens_ = std::min(burst_, tokens_ + (t - at_) * rate_);
    at_ = t;
    if (tokens_ < 1 - 1e-9) return {429, {}, false};
    tokens_ -= 1;
    return {};
  }

 private:
  double rate_, burst_, tokens_, at_ = 0;
};

class Concurrency : public Provider {
 public:
  explicit Concurrency(int most) : most_(most) {}
  Said arrive(double) override {
    if (busy_ >= most_) return {429, {}, false};
    ++busy_;
    return {};
  }
  void done() override { --busy_; }

 private:
  int most_, busy_ = 0;
};

// A bucket whose excess is answered by a ban that every further request lengthens.
class Banning : public Provider {
 public:
  explicit Banning(double ban) : ban_(ban) {}
  Said arrive(double t) override {
    if (t < banned_until_) ++during_;
    if (t >= banned_until_ && bucket_.arrive(t).passed) return {};
    banned_until_ = t + ban_;
    return {429, retry_after(ban_), false};
  }
  int during() const { return during_; }

 private:
  Bucket bucket_{5, 5};
  double ban_, banned_until_ = 0;
  int during_ = 0;
};

struct World {
  World(LimitConfig config, Provider& of, int workers, double latency_of = 0.2, std::uint64_t seed = 7)
      : limits(std::move(config)), throttle(limits), provider(of), latency(latency_of), random(seed) {
    throttle.learner({}, std::chrono::seconds(900), allowances);
    for (int i = 0; i < workers; ++i) idle.push_back(i);
  }

  Learner& learner() { return *throttle.learner(); }

  void run_until(double end) {
    while (true) {
      while (!idle.empty()) ask(idle.front()), idle.pop_front();
      turns();
      const double due = std::min(events.empty() ? 1e18 : events.top().at, wake());
      if (due > end) break;
      t = std::max(t, due);
      if (!events.empty() && events.top().at <= t) happen();
    }
    t = end;
  }
  // Accepted per second over the next `length` seconds.
  double rate_over(double length) {
    const auto before = accepted;
    run_until(t + length);
    return static_cast<double>(accepted - before) / length;
  }
  double refused_share() const { return static_cast<double>(refused) / static_cast<double>(accepted + refused); }

  std::uint64_t accepted = 0, refused = 0;
  double t = 0;

 private:
  struct Event {
    double at;
    int worker;
    int kind;  // 0: reaches the provider, 1: served, 2: the client has the answer
    Sent sent;
    Said said;
    bool operator<(const Event& other) const { return at > other.at; }
  };
  MonoTime now() const { return MonoTime(std::chrono::seconds(100)) + from_seconds(t); }
  double wake() {
    const MonoTime due = throttle.next_due(now());
    return due == kNever ? 1e18 : seconds(due - MonoTime(std::chrono::seconds(100))) + 2e-9;  // not a rounding early
  }
  void sent(int worker, const Sent& one) { events.push({t + 0.015, worker, 0, one, {}}); }
  void ask(int worker, bool retry = false) {
    const auto answer =
        throttle.ask({.bound = true, .watched = true, .client = 1, .request_class = kWorks},
                     {0, static_cast<std::uint64_t>(worker)}, retry, {.until = now() + hours(100)}, now());
    places[worker] = answer.place;
    if (answer.admission.kind == Admission::Kind::granted) sent(worker, answer.sent);
    if (answer.admission.kind == Admission::Kind::refused)  // exhausted: comes back when told to
      events.push({t + seconds(answer.admission.retry_after), worker, 3, {}, {}});
  }
  void turns() {
    Grants grants;
    throttle.advance(now(), grants);
    for (const Grant& grant : grants) {
      const int worker = static_cast<int>(grant.ticket.number);
      const auto one = throttle.collect(places[worker]);
      if (one)
        sent(worker, *one);
      else
        events.push({t + seconds(grant.admission.retry_after), worker, 3, {}, {}});
    }
  }
  void happen() {
    Event event = events.top();
    events.pop();
    if (event.kind == 0) {
      event.said = provider.arrive(t);
      event.kind = 1;
      event.at = t + (event.said.passed ? latency * random.uniform(0.5, 1.5) : 0.01);
      events.push(event);
    } else if (event.kind == 1) {
      if (event.said.passed) provider.done();
      event.kind = 2;
      event.at = t + 0.015;
      events.push(event);
    } else if (event.kind == 2) {
      learner().on_response(event.sent, event.said.status, event.said.hint, now(), random);
      throttle.finish(event.sent.scope);
      const bool ok = event.said.status == 200;
      (ok ? accepted : refused) += 1;
      ask(event.worker, !ok);
    } else {
      ask(event.worker);
    }
  }

  LimitConfig limits;
  Allowances allowances;
  Throttle throttle;
  Provider& provider;
  double latency;
  Random random;
  std::deque<int> idle;
  std::map<int, Throttle::Place> places;
  std::priority_queue<Event> events;
};

LimitConfig limit(const char* text) {
  LimitConfig config;
  if (*text != '\0') config.limits = {Rate::parse(text).value()};
  return config;
}

TEST(Learning, ARightConfigurationStaysNormalForAnHour) {
  Bucket bucket(10, 10);
  World world(limit("10/SECOND"), bucket, 32);
  for (int minute = 1; minute <= 60; ++minute) {
    world.run_until(60 * minute);
    const LearnerStatus status = world.learner().status(MonoTime(std::chrono::seconds(100 + 60 * minute)));
    ASSERT_EQ(status.state, LearnerState::normal) << minute;
  }
  EXPECT_EQ(world.refused, 0u);
  EXPECT_GT(world.accepted, 35750u);
}

TEST(Learning, TwiceTheRealLimitConvergesWithinAMinute) {
  Bucket bucket(10, 10);
  World world(limit("20/SECOND"), bucket, 32);
  world.run_until(60);
  EXPECT_GT(world.rate_over(60), 9.0);
  EXPECT_NEAR(world.learner().pace(), 10, 1);
  world.run_until(1800);
  EXPECT_LT(world.refused_share(), 0.01);
}

TEST(Learning, ALimitThatRisesAgainIsFoundWithinTwoMinutes) {
  Bucket bucket(20, 20);
  World world(limit("20/SECOND"), bucket, 32);
  world.run_until(900);
  bucket.set_rate(5);
  world.run_until(1800);
  EXPECT_NEAR(world.learner().pace(), 5, 0.6);
  bucket.set_rate(20);
  world.run_until(1920);
  EXPECT_GT(world.rate_over(60), 18.0);
}

TEST(Learning, ACapOnRequestsAtOnceIsFoundWithinTwoMinutes) {
  std::vector<double> found;
  for (std::uint64_t seed = 1; seed <= 9; ++seed) {
    Concurrency cap(3);
    World world(limit("10/SECOND"), cap, 32, 0.5, seed);
    while (world.learner().concurrency() == 0 && world.t < 600) world.run_until(world.t + 5);
    found.push_back(world.t);
    world.run_until(world.t + 60);
    EXPECT_GT(world.rate_over(300), 5.0) << seed;
    EXPECT_LE(world.learner().concurrency(), 4) << seed;
    EXPECT_LT(world.refused_share(), 0.02) << seed;
  }
  std::sort(found.begin(), found.end());
  EXPECT_LE(found[found.size() / 2], 120);
}

TEST(Learning, SomeBansTellTheLimitAndFewFollow) {
  Banning banning(30);
  World world(limit("10/SECOND"), banning, 8, 0.05);
  world.run_until(600);
  EXPECT_GT(world.learner().pace(), 4.5);
  EXPECT_LT(world.learner().pace(), 5);
  const std::string reason = world.learner().status(MonoTime(std::chrono::seconds(700))).reason;
  EXPECT_NE(reason.find("from what was accepted between bans"), std::string::npos) << reason;
  const auto refused = world.refused;
  EXPECT_GT(world.rate_over(3600), 0.95 * 5);
  EXPECT_LE(world.refused - refused, 6u);
}

TEST(Learning, NothingIsSentIntoABanThatSaysHowLongItLasts) {
  Banning banning(30);
  World world(limit("10/SECOND"), banning, 8, 0.05);
  world.run_until(3600);
  // What was on its way when a ban began cannot be called back; nothing else goes.
  EXPECT_LE(banning.during(), 8);
  EXPECT_LT(world.refused_share(), 0.005);
  EXPECT_GT(world.accepted, 3600u * 5 * 8 / 10);
}

// Refusals come from a tenant that is served first; each accepted request takes a second's worth of what is left.
class Shared : public Provider {
 public:
  Said arrive(double t) override {
    for (; next_ <= t; next_ += -std::log(1 - random_.uniform()) / 0.6)
      if (tokens(next_) > -1) tokens_ -= 1;
    if (tokens(t) < 1) return {429, {}, false};
    tokens_ -= 1;
    return {};
  }

 private:
  double tokens(double t) {
    tokens_ = std::min(2.0, tokens_ + (t - at_) * 1.3);
    at_ = t;
    return tokens_;
  }
  Random random_{5};
  double tokens_ = 2, at_ = 0, next_ = 0;
};

TEST(Learning, APoolThatAnotherDrawsFromFirstIsNotGivenUp) {
  Shared shared;
  World world(limit("8/SECOND"), shared, 16);
  world.run_until(600);
  const double rate = world.rate_over(3000);
  EXPECT_GT(rate, 0.6 * 0.7) << "of 0.7/s that the other one leaves";
  EXPECT_LT(world.refused_share(), 0.6);
}

TEST(Learning, ASilentBanThatComesAgainCostsLessEachTime) {
  class Silent : public Banning {
   public:
    Silent() : Banning(60) {}
    Said arrive(double t) override {
      Said said = Banning::arrive(t);
      said.hint = {};
      return said;
    }
  } banning;
  World world(limit("12/SECOND"), banning, 8, 0.05);
  world.run_until(3600);
  EXPECT_GT(world.rate_over(3600), 0.9 * 5);
}

TEST(Learning, WhereNoLimitIsConfiguredTheMeasuredRateIsTheBase) {
  Bucket bucket(10, 10);
  World world(limit(""), bucket, 16);
  world.run_until(120);
  EXPECT_GT(world.learner().base_rate(), 0);
  EXPECT_GT(world.rate_over(300), 9.0);
  EXPECT_LT(world.refused_share(), 0.1);
}

TEST(Learning, WithAMaximumAboveItThePaceMayRiseAboveTheConfiguredLimit) {
  Bucket bucket(40, 40);
  LimitConfig config = limit("10/SECOND");
  config.max_rate = Rate::per_second(30);
  World world(config, bucket, 32);
  world.run_until(300);
  EXPECT_GT(world.rate_over(60), 25.0);
  EXPECT_LT(world.rate_over(60), 31.0);
  EXPECT_EQ(world.learner().status(MonoTime(std::chrono::seconds(600))).reduction_pct, 0);
}

TEST(Learning, WithoutProbesAReductionStays) {
  Bucket bucket(10, 10);
  LimitConfig config = limit("20/SECOND");
  Allowances allowances;
  Throttle throttle(config);
  Learner& learner = throttle.learner({.path = {}, .max_pause = minutes(5), .probe = false}, minutes(15), allowances);
  MonoTime now(std::chrono::seconds(1000));
  Random random(1);
  for (int i = 0; i < 5; ++i) {
    now = std::max(now, learner.next_time(learner.scope_of(kWorks), {0, 0}, now));
    const Sent sent = learner.on_send(kWorks, 1, now);
    learner.on_response(sent, i < 4 ? 429 : 200, {}, now, random);
  }
  const double pace = learner.pace();
  EXPECT_LT(pace, 20);
  for (int i = 0; i < 5000; ++i) {
    now = std::max(now, learner.next_time(learner.scope_of(kWorks), {0, 0}, now));
    learner.on_response(learner.on_send(kWorks, 1, now), 200, {}, now, random);
  }
  EXPECT_EQ(learner.pace(), pace);
}

}  // namespace
}  // namespace backoffd::policy
