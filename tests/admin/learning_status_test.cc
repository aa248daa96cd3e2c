#include "admin/learning_status.h"

#include <gtest/gtest.h>

namespace backoffd::admin {
namespace {

using json::Value;
using policy::MonoTime;
using policy::WallTime;
using std::chrono::seconds;

const Value& entry(const Value& learning) { return *learning.find("providers")->find("k@h"); }

TEST(LearningStatus, WhatShadowWouldHaveDoneStandsBesideWhatWasDone) {
  policy::KeyStatus key;
  key.key = "k@h";
  key.configured_limit = key.effective_limit = 50;
  policy::LearnerStatus& would = key.shadow.emplace();
  would.state = policy::LearnerState::paused;
  would.reduction_pct = 81;
  would.effective_rate = 9.5;
  would.paused_until = MonoTime(seconds(130));
  would.changed = MonoTime(seconds(99));
  would.reason = "the provider asked for a pause of 30 s";
  would.counts = {.requests = 1000, .held = 300, .avoided = 120};
  const Value learning = learning_json({key}, MonoTime(seconds(100)), WallTime(seconds(1000)));
  EXPECT_EQ(entry(learning).find("effective_limit")->number(), 50);
  EXPECT_EQ(*entry(learning).find("status")->string(), "unknown");
  EXPECT_EQ(entry(learning).find("reduction_pct")->number(), 0);
  EXPECT_TRUE(entry(learning).find("paused_until")->is_null());
  EXPECT_TRUE(entry(learning).find("last_change")->is_null());
  const Value* shadow = entry(learning).find("shadow");
  ASSERT_NE(shadow, nullptr);
  EXPECT_EQ(*shadow->find("status")->string(), "paused");
  EXPECT_EQ(shadow->find("reduction_pct")->number(), 81);
  EXPECT_EQ(shadow->find("effective_limit")->number(), 9.5);
  EXPECT_EQ(*shadow->find("paused_until")->string(), "1970-01-01T00:17:10Z");
  EXPECT_EQ(*shadow->find("last_change")->find("at")->string(), "1970-01-01T00:16:39Z");
  EXPECT_EQ(*shadow->find("last_change")->find("reason")->string(), would.reason);
  EXPECT_EQ(*shadow->find("requests")->integer(), 1000);
  EXPECT_EQ(*shadow->find("held")->integer(), 300);
  EXPECT_EQ(*shadow->find("avoided")->integer(), 120);
}

TEST(LearningStatus, WithoutShadowNothingIsSaidOfIt) {
  policy::KeyStatus key;
  key.key = "k@h";
  EXPECT_EQ(entry(learning_json({key}, {}, {})).find("shadow"), nullptr);
}

}  // namespace
}  // namespace backoffd::admin
