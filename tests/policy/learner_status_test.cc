// What the learner says of itself: every change in words, with what it rests on and what comes next.
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <string>
#include <vector>

#include "tests/policy/learner_by_hand.h"

namespace backoffd::policy {
namespace {

struct LearnerReason : LearnerTest {
  // Whole; # stands for any figure.
  void expect_reason(std::string form) {
    const std::regex special(R"([.()+])");
    form = std::regex_replace(form, special, R"(\$&)");
    form = std::regex_replace(form, std::regex("#"), "[0-9.]+");
    EXPECT_TRUE(std::regex_match(status().reason, std::regex(form))) << status().reason << "\nnot: " << form;
  }
  // Nobody waits, so no trial begins.
  void quiet(int n = 1) {
    for (int i = 0; i < n; ++i) {
      learner->on_idle(now);
      sequential(200);
    }
  }
  bool says(const char* part) { return status().reason.find(part) != std::string::npos; }
  // Accepted answers until the reason has that in it.
  bool until(const char* part, int most = 5000) {
    for (int i = 0; i < most && !says(part); ++i) sequential(200);
    return says(part);
  }
  // For the whole host, as no class of requests is named.
  void reduce_to_eight() {
    LearnedKey key;
    key.reduction_pct = 20;
    learner->restore(key, {}, now);
  }
  void block_for(double s) {
    for (const MonoTime end = now + from_seconds(s); now < end;) {
      learner->on_idle(now);
      sequential(429);
    }
    sequential(200);
  }
};

TEST_F(LearnerReason, SaysNothingWhereNothingHasChanged) {
  expect_reason("");
  sequential(200);
  expect_reason("");
}

TEST_F(LearnerReason, CountsTheTestsThatWereRefused) {
  sequential(429);
  expect_reason("refused at 10/s; testing with one request after # s; for the part of the host that refused");
  sequential(429);
  expect_reason(
      "refused at 10/s, and 1 test since; testing with one request after # s; for the part of the host that refused");
  sequential(429);
  expect_reason(
      "refused at 10/s, and 2 tests since; testing with one request after # s; for the part of the host that refused");
}

TEST_F(LearnerReason, ARefusalByItself) {
  sequential(429);
  sequential(200);
  expect_reason("1 refusal by itself; the pace stays");
  sequential(429);
  sequential(200);
  expect_reason("2 refusals by themselves; the pace stays");
}

TEST_F(LearnerReason, APauseThatIsOver) {
  sequential(429, retry_after(4));
  sequential(200);
  expect_reason("the pause of 4 s is over, a test was accepted; the pace stays");
  sequential(429, retry_after(400));
  sequential(200);
  expect_reason("the pause of 400 s is over, a test was accepted; the pace stays");
}

TEST_F(LearnerReason, ALongBlockBeforeAnythingWasMeasured) {
  quiet(30);
  block_for(8);
  expect_reason(
      "blocked for # s; cut from 10/s to 7/s, no limit measured yet; for the part of the host that refused; probing "
      "again in # s");
}

TEST_F(LearnerReason, ALongBlockAfterAPaceThatHeld) {
  reduce_to_eight();
  pass(10);
  for (int i = 0; i < 20; ++i) quiet(1), pass(4);
  ASSERT_TRUE(until("raised"));
  block_for(8);
  expect_reason("blocked for # s; back from 8.4/s to 7.92/s, which held for a minute before; probing again in # s");
}

TEST_F(LearnerReason, ATrialAndWhatCameOfIt) {
  reduce_to_eight();
  expect_reason("restored with 20.0 % reduction; probing again in # s");
  pass(10);
  expect_reason("restored with 20.0 % reduction; probing again once requests wait");
  ASSERT_TRUE(until("trying"));
  expect_reason("restored with 20.0 % reduction; trying 8.4/s");
  ASSERT_TRUE(until("raised"));
  expect_reason("raised from 8/s to 8.4/s after a clean trial; probing again once requests wait");
  sequential(200);
  expect_reason("raised from 8/s to 8.4/s after a clean trial; trying #/s");
  sequential(429);
  sequential(200);
  expect_reason("a trial at #/s was refused; the pace stays 8.4/s; probing again in # s");
}

TEST_F(LearnerReason, WhereTrialsAreOffItSaysSo) {
  start({.rate = 10, .probe = false});
  reduce_to_eight();
  expect_reason("restored with 20.0 % reduction; higher paces are not tried (learning.probe)");
}

TEST_F(LearnerReason, ANumberAtOnce) {
  for (int round = 0; learner->concurrency() == 0 && round < 10; ++round) {
    for (int i = 0; i < 30; ++i) {
      now = std::max(now, learner->next_time(learner->scope_of(kWorks), {0, 0}, now));
      const Sent few = send(kWorks, 3);
      pass(0.1);
      answer(few, 200);
    }
    const Sent many = send(kWorks, 4);
    pass(0.1);
    answer(many, 429);
    sequential(200);
  }
  expect_reason(
      "the provider allows 3 requests at once: with more under way it refused, with fewer not; for the part of the "
      "host that refused");
}

TEST_F(LearnerReason, APoolThatRefusesWhateverThePaceAndNoMore) {
  const auto seventh_refused = [&] {
    for (int i = 0; i < 6; ++i) sequential(200);
    sequential(429);
  };
  for (int i = 0; i < 200 && !says("whatever"); ++i) seventh_refused();
  sequential(200);
  ASSERT_TRUE(says("whatever"));
  expect_reason(
      "refused whatever the pace, as where others draw on the same limit; going by what is accepted, now at #/s; for "
      "the part of the host that refused");
  ASSERT_TRUE(until("hardly"));
  expect_reason(
      "hardly anything is refused any more, so refusals count again; going on at #/s; for the part of the host that "
      "refused; probing again once requests "
      "wait");
}

TEST_F(LearnerReason, CalmAfterTenMinutes) {
  sequential(429);
  sequential(200);
  pass(601);
  sequential(200);
  expect_reason("no refusal for ten minutes at the full pace; nothing is suspected any more");
}

TEST_F(LearnerReason, WhatWasRestoredIsNamed) {
  LearnedKey key;
  key.recovery_times = {3};
  learner->restore(key, {}, now);
  expect_reason("restored, nothing is held back");
  start({.rate = 10});
  key.concurrency = 3;
  learner->restore(key, {}, now);
  expect_reason("restored; at most 3 requests at once");
  start({.rate = 10});
  key.reduction_pct = 20;
  key.paused_seconds = 600;
  learner->restore(key, {}, now);
  expect_reason(
      "restored with 20.0 % reduction; the provider asked to come back, 600 s were left; until then requests are "
      "answered 429 at once; at most 3 requests at once");
}

TEST_F(LearnerReason, AnAnnouncedNumberAtOnce) {
  Hint hint;
  hint.concurrency = 3;
  hint.scope = 5;
  sequential(200, hint);
  const MonoTime told = now;
  pass(30);
  sequential(200, hint);
  expect_reason("the provider announces 3 requests at once");
  EXPECT_EQ(status().concurrency, 3);
  EXPECT_NEAR(seconds(status().changed - told), 0, 1e-3);
  hint.burst = HintRate{2, std::chrono::seconds(1)};
  sequential(200, hint);
  expect_reason("the provider announces 2 requests in 1 s; for the part of the host that told it");
  sequential(429);
  sequential(200);
  EXPECT_EQ(status().concurrency, 3);
}

TEST_F(LearnerReason, AQuotaWhoseSizeNobodyToldIsUsedUpAllTheSame) {
  Hint hint = quota(1, 0, 60);
  hint.limit.reset();
  sequential(200, hint);
  expect_reason("the quota is used up; there is more in 60 s; for the part of the host that told it");
  sequential(200, quota(60, 0, 2000));
  expect_reason(
      "the quota of 60 is used up; there is more in 2000 s; one request asks again in 900 s; until then requests are "
      "answered 429 at once; for the part of the host that told it");
}

}  // namespace
}  // namespace backoffd::policy
