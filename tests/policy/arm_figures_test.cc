#include "policy/arm_figures.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <initializer_list>
#include <numeric>
#include <string>
#include <vector>

#include "policy/random.h"

namespace backoffd::policy {
namespace {

using namespace std::chrono_literals;

ExchangeFigures exchange(int status, Duration to_end = 100ms) {
  ExchangeFigures figures;
  figures.status = status;
  figures.attempts = 1;
  figures.to_end = to_end;
  return figures;
}

MonoTime at(Duration since) { return MonoTime(1000h) + since; }

TEST(ExchangeFigures, SuccessIsWhatTheClientSaw) {
  EXPECT_TRUE(exchange(200).succeeded());
  EXPECT_TRUE(exchange(404).succeeded());
  EXPECT_TRUE(exchange(101).succeeded());
  for (const int status : {0, 429, 500, 503, 504}) EXPECT_FALSE(exchange(status).succeeded()) << status;
  for (const Ending ending : {Ending::broken, Ending::left}) {
    ExchangeFigures figures = exchange(200);
    figures.ending = ending;
    EXPECT_FALSE(figures.succeeded());
  }
}

TEST(ExchangeFigures, ATunnelLastsAsLongAsItsEndsLike) {
  ExchangeFigures figures = exchange(200, 1h);
  figures.to_head = 20ms;
  EXPECT_EQ(figures.latency(), 1h);
  figures.tunnel = true;
  EXPECT_EQ(figures.latency(), 20ms);
}

TEST(ArmFigures, EverythingIsCountedOnce) {
  ArmFigures arm;
  ExchangeFigures one = exchange(429, 2s);
  one.attempts = 3;
  one.queued = 500ms;
  one.bytes = 7;
  arm.add(one, {.throttle_answers = 3, .timeouts = 1});
  one = exchange(200);
  one.ending = Ending::broken;
  one.resumed = true;
  arm.add(one, {});
  one = exchange(0);
  one.ending = Ending::left;
  arm.add(one, {.throttle_answers = 0, .timeouts = 2});
  arm.add(exchange(200), {});
  ArmFigures twice = arm;
  twice.merge(arm);
  for (const auto& [figures, times] : {std::pair<const ArmFigures&, std::uint64_t>{arm, 1}, {twice, 2}}) {
    EXPECT_EQ(figures.exchanges, 4 * times);
    EXPECT_EQ(figures.successes, 1 * times);
    EXPECT_EQ(figures.left, 1 * times);
    EXPECT_EQ(figures.throttle_answers, 3 * times);
    EXPECT_EQ(figures.throttled_exchanges, 1 * times);
    EXPECT_EQ(figures.throttled, 1 * times);
    EXPECT_EQ(figures.timeouts, 3 * times);
    EXPECT_EQ(figures.broken_bodies, 1 * times);
    EXPECT_EQ(figures.resumed_bodies, 1 * times);
    EXPECT_EQ(figures.attempts, 6 * times);
    EXPECT_EQ(figures.bytes, 7 * times);
    EXPECT_EQ(figures.queued, 500ms * times);
    EXPECT_EQ(figures.latency.count(), 4 * times);
    EXPECT_EQ(figures.share(figures.successes), 0.25);
  }
}

// Against a list of all times, which is what a window means.
TEST(ArmWindows, SlideAsTheyShould) {
  ArmWindows windows;
  Random random(2);
  std::deque<MonoTime> all;
  MonoTime now = at(0s);
  for (int i = 0; i < 20'000; ++i) {
    now += from_seconds(random.uniform() < 0.001 ? random.uniform(0, 10'000) : random.uniform(0, 4));
    windows.current(now).add(exchange(200), {});
    all.push_back(now);
    if (i % 50 != 0) continue;
    const auto within = [&](Duration span) {
      return static_cast<std::uint64_t>(all.end() - std::upper_bound(all.begin(), all.end(), now - span));
    };
    const auto collected = [&](FigureWindow window) {
      ArmFigures figures;
      windows.collect(window, now, figures);
      return figures.exchanges;
    };
    EXPECT_LE(collected(FigureWindow::five_minutes), within(5min));
    EXPECT_GE(collected(FigureWindow::five_minutes), within(4min));
    EXPECT_LE(collected(FigureWindow::hour), within(60min));
    EXPECT_GE(collected(FigureWindow::hour), within(50min));
    ASSERT_EQ(collected(FigureWindow::since_flip), all.size());
  }
}

TEST(ArmWindows, WhatIsOverLeavesWithoutNewExchanges) {
  ArmWindows windows;
  windows.current(at(0s)).add(exchange(200), {});
  ArmFigures figures;
  windows.collect(FigureWindow::five_minutes, at(6min), figures);
  EXPECT_EQ(figures.exchanges, 0u);
  windows.collect(FigureWindow::hour, at(6min), figures);
  EXPECT_EQ(figures.exchanges, 1u);
}

std::string key(int i) { return "p@host" + std::to_string(i) + ".example"; }

TEST(FiguresTable, KeysAndArmsAreApart) {
  FiguresTable table;
  table.add(key(1), Side::control, exchange(200), {}, at(0s));
  table.add(key(1), Side::treatment, exchange(503), {}, at(0s));
  table.add(key(2), Side::treatment, exchange(200), {}, at(0s));
  EXPECT_EQ(table.keys(), (std::vector<std::string>{key(1), key(2)}));
  BothArms arms;
  table.collect(key(1), FigureWindow::five_minutes, at(1s), arms);
  EXPECT_EQ(arms[0].exchanges, 1u);
  EXPECT_EQ(arms[1].exchanges, 1u);
  EXPECT_EQ(arms[1].successes, 0u);
  table.collect("nobody@nowhere", FigureWindow::five_minutes, at(1s), arms);
  EXPECT_EQ(arms[0].exchanges, 1u);
}

// Everything that is told of a key, an arm and a window, against a list of all exchanges that is gone through anew.
class Model {
 public:
  struct One {
    std::string key;
    Side side;
    ExchangeFigures exchange;
    AttemptFigures attempts;
    MonoTime when;
  };

  // Some traffic: now and then nothing for hours.
  const One& next() {
    now_ += from_seconds(random_.uniform() < 0.0005 ? random_.uniform(0, 20'000) : random_.uniform(0, 3));
    One one{.key = key(static_cast<int>(random_.uniform(0, 3))),
            .side = random_.uniform() < 0.3 ? Side::treatment : Side::control,
            .exchange = exchange(pick({200, 200, 200, 404, 429, 503, 0}), from_seconds(latency())),
            .attempts = {.throttle_answers = upto(3), .timeouts = upto(2)},
            .when = now_};
    one.exchange.ending = pick({Ending::whole, Ending::whole, Ending::broken, Ending::left});
    one.exchange.tunnel = random_.uniform() < 0.1;
    one.exchange.resumed = random_.uniform() < 0.1;
    one.exchange.attempts = 1 + static_cast<int>(upto(5));
    one.exchange.queued = from_seconds(random_.uniform());
    one.exchange.to_head = from_seconds(latency() / 2);
    one.exchange.bytes = upto(100'000);
    all_.push_back(one);
    return all_.back();
  }
  MonoTime now() const { return now_; }

  std::vector<One> within(const std::string& key_of, Side side, FigureWindow window) const {
    const auto number = [](MonoTime at, Duration part) { return at.time_since_epoch() / part; };
    std::vector<One> chosen;
    for (const One& one : all_) {
      if (one.key != key_of || one.side != side) continue;
      if (window == FigureWindow::five_minutes && number(one.when, 1min) <= number(now_, 1min) - 5) continue;
      if (window == FigureWindow::hour && number(one.when, 10min) <= number(now_, 10min) - 6) continue;
      chosen.push_back(one);
    }
    return chosen;
  }

 private:
  template <class T>
  T pick(std::initializer_list<T> of) {
    return of.begin()[upto(static_cast<std::uint32_t>(of.size()))];
  }
  std::uint32_t upto(std::uint32_t end) { return static_cast<std::uint32_t>(random_.uniform(0, end)); }
  double latency() { return std::exp(random_.uniform(std::log(0.01), std::log(60.0))); }

  Random random_{9};
  MonoTime now_ = at(0s);
  std::vector<One> all_;
};

void expect_latencies(const LatencyHistogram& told, std::vector<double> all) {
  ASSERT_EQ(told.count(), all.size());
  if (all.empty()) return;
  std::sort(all.begin(), all.end());
  const auto n = static_cast<double>(all.size());
  EXPECT_NEAR(told.mean(), std::accumulate(all.begin(), all.end(), 0.0) / n, 1e-6);
  for (const double q : {0.5, 0.95, 0.99}) {
    const double exact = all[static_cast<std::size_t>(std::ceil(q * n)) - 1];
    EXPECT_NEAR(told.quantile(q), exact, exact * LatencyHistogram::kRelativeError + 1e-6) << q;
  }
}

void expect_figures(const ArmFigures& told, const std::vector<Model::One>& all) {
  const auto sum = [&](auto of) {
    return std::accumulate(all.begin(), all.end(), std::uint64_t{0}, [&](std::uint64_t before, const Model::One& one) {
      return before + static_cast<std::uint64_t>(of(one));
    });
  };
  EXPECT_EQ(told.exchanges, all.size());
  EXPECT_EQ(told.successes, sum([](auto& one) {
              return one.exchange.ending == Ending::whole && (one.exchange.status == 200 || one.exchange.status == 404);
            }));
  EXPECT_EQ(told.left, sum([](auto& one) { return one.exchange.ending == Ending::left; }));
  EXPECT_EQ(told.throttle_answers, sum([](auto& one) { return one.attempts.throttle_answers; }));
  EXPECT_EQ(told.throttled_exchanges, sum([](auto& one) { return one.attempts.throttle_answers > 0; }));
  EXPECT_EQ(told.throttled, sum([](auto& one) { return one.exchange.status == 429; }));
  EXPECT_EQ(told.timeouts, sum([](auto& one) { return one.attempts.timeouts; }));
  EXPECT_EQ(told.broken_bodies, sum([](auto& one) { return one.exchange.ending == Ending::broken; }));
  EXPECT_EQ(told.resumed_bodies, sum([](auto& one) { return one.exchange.resumed; }));
  EXPECT_EQ(told.attempts, sum([](auto& one) { return one.exchange.attempts; }));
  EXPECT_EQ(told.bytes, sum([](auto& one) { return one.exchange.bytes; }));
  EXPECT_EQ(told.queued, Duration(sum([](auto& one) { return one.exchange.queued.count(); })));
  std::vector<double> heads, ends;
  for (const Model::One& one : all) {
    heads.push_back(seconds(one.exchange.to_head));
    ends.push_back(seconds(one.exchange.tunnel ? one.exchange.to_head : one.exchange.to_end));
  }
  expect_latencies(told.to_head, heads);
  expect_latencies(told.latency, ends);
}

TEST(FiguresTable, TellsWhatAListOfAllExchangesWouldTell) {
  Model model;
  FiguresTable table;
  for (int i = 0; i < 30'000; ++i) {
    const Model::One& one = model.next();
    table.add(one.key, one.side, one.exchange, one.attempts, one.when);
    if (i % 500 != 0) continue;
    for (int k = 0; k < 3; ++k) {
      for (std::size_t window = 0; window < kFigureWindowNames.size(); ++window) {
        BothArms arms;
        table.collect(key(k), static_cast<FigureWindow>(window), model.now(), arms);
        for (const Side side : {Side::control, Side::treatment}) {
          SCOPED_TRACE(key(k) + ", " + std::string(kFigureWindowNames[window]) + ", " + std::to_string(i));
          expect_figures(arms[static_cast<std::size_t>(side)],
                         model.within(key(k), side, static_cast<FigureWindow>(window)));
          if (HasFailure()) return;
        }
      }
    }
  }
}

TEST(FiguresTable, BeyondItsSizeKeysAreOneAndNothingIsLost) {
  FiguresTable table;
  const auto total = [&] {
    BothArms arms;
    for (const std::string& one : table.keys()) table.collect(one, FigureWindow::since_flip, at(4h), arms);
    return arms[0].exchanges;
  };
  for (int i = 0; i < 100; ++i) table.add(key(i), Side::control, exchange(200), {}, at(0s));
  EXPECT_EQ(table.keys().size(), FiguresTable::kMostKeys + 1);
  EXPECT_EQ(table.keys().back(), FiguresTable::kRest);
  EXPECT_EQ(total(), 100u);
  // After an hour the places of the idle are free again.
  table.add(key(999), Side::control, exchange(200), {}, at(2h));
  const auto keys = table.keys();
  EXPECT_EQ(std::count(keys.begin(), keys.end(), key(999)), 1);
  EXPECT_EQ(keys.size(), FiguresTable::kMostKeys + 1);
  EXPECT_EQ(total(), 101u);
}

}  // namespace
}  // namespace backoffd::policy
