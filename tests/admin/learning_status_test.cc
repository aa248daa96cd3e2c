#include "admin/learning_status.h"

#include <gtest/gtest.h>

namespace backoffd::admin {
namespace {

using json::Value;

const Value& entry(const Value& learning) { return *learning.find("providers")->find("k@h"); }

TEST(LearningStatus, WhatShadowWouldHaveDoneStandsBesideWhatWasDone) {
  policy::KeyStatus key;
  key.key = "k@h";
  key.configured_limit = key.effective_limit = 50;
  key.learner.effective_rate = 9.5;
  key.learner.shadow = {.requests = 1000, .held = 300, .avoided = 120};
  const Value learning = learning_json({key}, {}, {});
  EXPECT_EQ(entry(learning).find("effective_limit")->number(), 50);
  const Value* shadow = entry(learning).find("shadow");
  ASSERT_NE(shadow, nullptr);
  EXPECT_EQ(shadow->find("effective_limit")->number(), 9.5);
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
