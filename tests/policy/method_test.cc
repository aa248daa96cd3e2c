#include "policy/method.h"

#include <gtest/gtest.h>

namespace backoffd::policy {
namespace {

TEST(Method, WhatMayBeSentTwiceAndWhatChangesNothing) {
  for (const char* method : {"GET", "HEAD", "OPTIONS", "TRACE"}) {
    EXPECT_TRUE(is_safe(method) && is_idempotent(method)) << method;
  }
  for (const char* method : {"PUT", "DELETE"}) {
    EXPECT_TRUE(is_idempotent(method) && !is_safe(method)) << method;
  }
  // Methods have a case, and one that is not known may do anything.
  for (const char* method : {"POST", "PATCH", "CONNECT", "get", "Put", "PROPFIND", ""}) {
    EXPECT_FALSE(is_idempotent(method) || is_safe(method)) << method;
  }
}

}  // namespace
}  // namespace backoffd::policy
