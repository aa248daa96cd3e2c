#include "policy/arm_figures.h"

#include <gtest/gtest.h>

#include <deque>

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
