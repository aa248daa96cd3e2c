#include "policy/throttle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <list>
#include <map>
#include <vector>

#include "policy/random.h"

namespace backoffd::policy {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

Rate rate(const char* text) { return Rate::parse(text).value(); }
Duration kept(Duration window) { return window + Window::margin(window); }

struct ThrottleTest : testing::Test {
  LimitConfig config;
  MonoTime now{seconds(1000)};
  std::uint64_t tickets = 0;

  Throttle::Answer ask(Throttle& throttle, const Throttle::Ask& what, bool retry = false) {
    return throttle.ask(what, {0, ++tickets}, retry, {.until = now + minutes(10)}, now);
  }
  std::vector<std::uint64_t> advance(Throttle& throttle) {
    Grants grants;
    throttle.advance(now, grants);
    std::vector<std::uint64_t> numbers;
    for (const Grant& grant : grants)
      if (grant.admission.kind == Admission::Kind::granted) numbers.push_back(grant.ticket.number);
    return numbers;
  }
};

using Numbers = std::vector<std::uint64_t>;

TEST_F(ThrottleTest, ClientsTakeTurnsAndOneClientKeepsItsOrder) {
  config.max_concurrency = 1;
  Throttle throttle(config);
  ask(throttle, {.client = 9});
  for (int i = 0; i < 4; ++i) ask(throttle, {.client = 1});  // 2 3 4 5: a flood
  ask(throttle, {.client = 2});                              // 6
  ask(throttle, {.client = 3});                              // 7
  ask(throttle, {.client = 2});                              // 8
  Numbers order;
  for (int i = 0; i < 7; ++i) {
    throttle.finish(ScopeTable::kRest);
    for (const auto number : advance(throttle)) order.push_back(number);
  }
  EXPECT_EQ(order, (Numbers{2, 6, 7, 3, 8, 4, 5}));
}

TEST_F(ThrottleTest, RetriesGoBeforeNewRequests) {
  config.max_concurrency = 1;
  Throttle throttle(config);
  ask(throttle, {.client = 1});
  ask(throttle, {.client = 1});
  ask(throttle, {.client = 2}, true);
  throttle.finish(ScopeTable::kRest);
  EXPECT_EQ(advance(throttle), Numbers{3});
  throttle.finish(ScopeTable::kRest);
  EXPECT_EQ(advance(throttle), Numbers{2});
}

TEST_F(ThrottleTest, ARequestThatOnlyARoleHoldsUpHoldsUpNobodyElse) {
  config.limits = {rate("100/SECOND")};
  config.roles = {{.name = "metadata", .operations = {Operation::resolve}, .limits = {rate("1/MINUTE")}}};
  Throttle throttle(config);
  const std::uint32_t metadata = throttle.role_of(Operation::resolve);
  EXPECT_NE(metadata, Throttle::kNoRole);
  EXPECT_EQ(throttle.role_of(Operation::download), Throttle::kNoRole);
  EXPECT_EQ(ask(throttle, {.role = metadata}).admission.kind, Admission::Kind::granted);
  EXPECT_EQ(ask(throttle, {.role = metadata}).admission.kind, Admission::Kind::queued);
  EXPECT_EQ(ask(throttle, {}).admission.kind, Admission::Kind::granted);
  EXPECT_EQ(throttle.next_due(now), now + kept(minutes(1)));
}

TEST_F(ThrottleTest, WhatIsNotCountedPassesThoseWhoWaitForTheRate) {
  config.limits = {rate("1/MINUTE")};
  Throttle throttle(config);
  ask(throttle, {});
  EXPECT_EQ(ask(throttle, {}).admission.kind, Admission::Kind::queued);
  EXPECT_EQ(ask(throttle, {.counted = false}).admission.kind, Admission::Kind::granted);
  now += kept(minutes(1));
  EXPECT_EQ(advance(throttle), Numbers{2});
}

TEST_F(ThrottleTest, ANewcomerDoesNotPassOneWhoseTurnHasComeMeanwhile) {
  config.limits = {rate("1/SECOND")};
  Throttle throttle(config);
  ask(throttle, {.client = 1});
  ask(throttle, {.client = 1});
  now += kept(seconds(1));  // nobody has called advance() yet
  EXPECT_EQ(ask(throttle, {.client = 2}).admission.kind, Admission::Kind::queued);
  EXPECT_EQ(throttle.next_due(now), now);
  EXPECT_EQ(advance(throttle), Numbers{2});
}

TEST_F(ThrottleTest, LeavingFreesThePlaceAtOnce) {
  config.max_concurrency = 1;
  config.queue.max_queue = 2;
  Throttle throttle(config);
  ask(throttle, {});
  const auto second = ask(throttle, {});
  ask(throttle, {});
  EXPECT_EQ(ask(throttle, {}).admission.reason, Reason::queue_full);
  throttle.leave(second.place, now);
  EXPECT_EQ(throttle.queued(), 1);
  EXPECT_EQ(ask(throttle, {}).admission.kind, Admission::Kind::queued);
  throttle.finish(ScopeTable::kRest);
  EXPECT_EQ(advance(throttle), Numbers{3});
}

TEST_F(ThrottleTest, APausedKeyIsTestedByExactlyOneRequest) {
  Throttle throttle(config);
  Random random(1);
  Allowances allowances;
  Learner& learner = throttle.learner({}, seconds(900), allowances);
  const Throttle::Ask bound{.bound = true, .watched = true};
  const Sent sent = ask(throttle, bound).sent;
  Hint hint;
  hint.retry_after = seconds(20);
  learner.on_response(sent, 429, hint, now, random);
  throttle.finish(ScopeTable::kRest);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(throttle, bound).admission.kind, Admission::Kind::queued);
  now += seconds(19);
  EXPECT_TRUE(advance(throttle).empty());
  now += seconds(2);
  EXPECT_EQ(advance(throttle), Numbers{2});
  EXPECT_TRUE(advance(throttle).empty());
  EXPECT_EQ(ask(throttle, {}).admission.kind, Admission::Kind::granted);  // who is not bound does not care
}

TEST_F(ThrottleTest, AnExhaustedKeyAnswersThoseWhoWaitAndThoseWhoCome) {
  config.max_concurrency = 1;
  Throttle throttle(config);
  Random random(1);
  Allowances allowances;
  Learner& learner = throttle.learner({}, seconds(900), allowances);
  const Throttle::Ask bound{.bound = true, .watched = true};
  const Sent sent = ask(throttle, bound).sent;
  ask(throttle, bound);
  Hint hint;
  hint.retry_after = seconds(600);
  learner.on_response(sent, 429, hint, now, random);
  EXPECT_EQ(throttle.next_due(now), now);
  Grants grants;
  EXPECT_EQ(throttle.advance(now, grants).exhausted, 1);
  ASSERT_EQ(grants.size(), 1u);
  EXPECT_EQ(grants[0].admission.reason, Reason::exhausted);
  EXPECT_GE(grants[0].admission.retry_after, seconds(600));
  EXPECT_LE(grants[0].admission.retry_after, seconds(601));
  EXPECT_EQ(ask(throttle, bound).admission.reason, Reason::exhausted);
}

// --- against a model that does everything the slow way ---------------------------------------------------------------

class Model {
 public:
  explicit Model(const LimitConfig& config) : config_(config) {}

  enum class Said { granted, queued, full };
  Said ask(std::uint64_t number, std::uint64_t client, bool retry, MonoTime deadline, MonoTime now) {
    if (waiting_.empty() && open(now)) return start(now), Said::granted;
    if (static_cast<int>(waiting_.size()) >= config_.queue.max_queue) return Said::full;
    waiting_.push_back({number, client, retry, deadline});
    auto& turns = turns_[retry];
    if (std::find(turns.begin(), turns.end(), client) == turns.end()) turns.push_back(client);
    if (open(now) && next() == number) return grant(number), start(now), Said::granted;
    return Said::queued;
  }
  void leave(std::uint64_t number) { drop(number); }
  void finish() { --in_flight_; }
  std::vector<std::uint64_t> advance(MonoTime now, std::vector<std::uint64_t>& late) {
    std::vector<std::uint64_t> granted;
    while (!waiting_.empty() && open(now)) {
      granted.push_back(next());
      grant(granted.back());
      start(now);
    }
    for (bool again = true; again;) {
      again = false;
      for (const Waiter& waiter : waiting_) {
        if (waiter.deadline > now) continue;
        late.push_back(waiter.number);
        drop(waiter.number);
        again = true;
        break;
      }
    }
    return granted;
  }
  std::size_t waiting() const { return waiting_.size(); }
  int in_flight() const { return in_flight_; }

 private:
  struct Waiter {
    std::uint64_t number, client;
    bool retry;
    MonoTime deadline;
  };
  bool open(MonoTime now) const {
    if (config_.max_concurrency > 0 && in_flight_ >= config_.max_concurrency) return false;
    for (const Rate& limit : config_.limits) {
      const auto recent =
          std::count_if(starts_.begin(), starts_.end(), [&](MonoTime at) { return at > now - kept(limit.window()); });
      if (static_cast<double>(recent) >= limit.count()) return false;
    }
    return true;
  }
  void start(MonoTime now) {
    ++in_flight_;
    starts_.push_back(now);
  }
  std::uint64_t next() const {
    for (const bool retry : {true, false})
      if (!turns_[retry].empty())
        for (const Waiter& waiter : waiting_)
          if (waiter.retry == retry && waiter.client == turns_[retry].front()) return waiter.number;
    return 0;
  }
  void grant(std::uint64_t number) {
    const Waiter one = *std::find_if(waiting_.begin(), waiting_.end(), [&](auto& w) { return w.number == number; });
    auto& turns = turns_[one.retry];
    turns.pop_front();
    turns.push_back(one.client);
    drop(number);
  }
  void drop(std::uint64_t number) {
    const auto it = std::find_if(waiting_.begin(), waiting_.end(), [&](auto& w) { return w.number == number; });
    const Waiter one = *it;
    waiting_.erase(it);
    for (const Waiter& waiter : waiting_)
      if (waiter.client == one.client && waiter.retry == one.retry) return;
    auto& turns = turns_[one.retry];
    turns.erase(std::find(turns.begin(), turns.end(), one.client));
  }

  const LimitConfig& config_;
  std::list<Waiter> waiting_;
  std::deque<std::uint64_t> turns_[2];
  std::deque<MonoTime> starts_;
  int in_flight_ = 0;
};

// The gate is in shadow: everything is sent as if nothing were learned, and what learning would have done is counted.
TEST_F(ThrottleTest, InShadowNothingWaitsAndWhatWouldHaveWaitedIsCounted) {
  config.limits = {rate("20/SECOND")};
  Throttle throttle(config);
  Allowances allowances;
  Learner& learner = throttle.learner({}, minutes(15), allowances);
  const Throttle::Ask shown{.bound = false, .watched = true, .client = 1, .request_class = 1};
  Random random(1);
  double tokens = 5;  // the provider: 5/s, five at once; asked for 10/s
  int refused = 0;
  for (int i = 0; i < 6000; ++i) {
    now += milliseconds(100);
    const Throttle::Answer answer = ask(throttle, shown);
    ASSERT_EQ(answer.admission.kind, Admission::Kind::granted);
    tokens = std::min(5.0, tokens + 0.5);
    const bool accepted = tokens >= 1;
    tokens -= accepted ? 1 : 0;
    refused += accepted ? 0 : 1;
    learner.on_response(answer.sent, accepted ? 200 : 429, {}, now + milliseconds(20), random);
    throttle.finish(ScopeTable::kRest);
  }
  const LearnerStatus status = learner.status(now);
  EXPECT_EQ(status.counts.requests, 6000u);
  EXPECT_NEAR(refused, 3000, 50);
  EXPECT_GT(status.counts.held, 2000u);
  EXPECT_LT(status.counts.held, 6000u);
  EXPECT_GT(status.counts.avoided, 1000u);
  EXPECT_LE(status.counts.avoided, status.counts.held);
  EXPECT_NEAR(status.effective_rate, 5, 0.25) << status.reason;
}

TEST_F(ThrottleTest, DoesWhatTheModelDoes) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Random random(seed);
    config = {};
    if (seed % 3 != 0) config.limits = {rate("5/SECOND"), rate("40/20SECOND")};
    config.max_concurrency = static_cast<int>(random.next() % 6);
    config.queue.max_queue = 1 + static_cast<int>(random.next() % 12);
    if (config.limits.empty() && config.max_concurrency == 0) config.max_concurrency = 2;
    Throttle throttle(config);
    Model model(config);
    std::map<std::uint64_t, Throttle::Place> places;
    std::vector<std::uint64_t> ended;
    for (int step = 0; step < 3000; ++step) {
      const auto dice = random.next() % 10;
      if (dice < 5) {
        const std::uint64_t client = random.next() % 4;
        const bool retry = random.next() % 4 == 0;
        const MonoTime deadline = now + milliseconds(random.next() % 4000);
        const std::uint64_t number = ++tickets;
        const auto said = model.ask(number, client, retry, deadline, now);
        const auto answer = throttle.ask({.client = client}, {0, number}, retry, {.until = deadline}, now);
        ASSERT_EQ(answer.admission.kind == Admission::Kind::granted, said == Model::Said::granted)
            << seed << ' ' << step;
        ASSERT_EQ(answer.admission.kind == Admission::Kind::queued, said == Model::Said::queued) << seed << ' ' << step;
        if (said == Model::Said::queued) places[number] = answer.place;
      } else if (dice < 6 && !places.empty()) {
        auto it = places.begin();
        std::advance(it, static_cast<std::ptrdiff_t>(random.next() % places.size()));
        model.leave(it->first);
        throttle.leave(it->second, now);
        places.erase(it);
      } else if (dice < 8 && model.in_flight() > 0) {
        model.finish();
        throttle.finish(ScopeTable::kRest);
      } else {
        now += milliseconds(random.next() % 400);
        std::vector<std::uint64_t> late;
        const auto granted = model.advance(now, late);
        const MonoTime due = throttle.next_due(now);
        ASSERT_EQ(due <= now, !granted.empty() || !late.empty()) << seed << ' ' << step;
        Grants grants;
        throttle.advance(now, grants);
        std::vector<std::uint64_t> granted_here, late_here;
        for (const Grant& one : grants) {
          (one.admission.kind == Admission::Kind::granted ? granted_here : late_here).push_back(one.ticket.number);
          throttle.collect(places.at(one.ticket.number));
          places.erase(one.ticket.number);
        }
        std::sort(late.begin(), late.end());
        std::sort(late_here.begin(), late_here.end());
        ASSERT_EQ(granted_here, granted) << seed << ' ' << step;
        ASSERT_EQ(late_here, late) << seed << ' ' << step;
      }
      ASSERT_EQ(static_cast<std::size_t>(throttle.queued()), model.waiting());
      ASSERT_EQ(throttle.in_flight(), model.in_flight());
    }
  }
}

}  // namespace
}  // namespace backoffd::policy
