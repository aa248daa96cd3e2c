// TLS sessions kept for the next connection.
#include "proxy/tls/session_cache.h"

#include <gtest/gtest.h>

namespace backoffd::proxy {
namespace {

SslSessionPtr session(int version) {
  SslSessionPtr made(SSL_SESSION_new());
  SSL_SESSION_set_protocol_version(made.get(), version);
  const unsigned char id[] = {1, 2, 3};
  SSL_SESSION_set1_id(made.get(), id, sizeof id);
  return made;
}

TEST(SessionCache, GivesWhatWasKeptForThatOriginOnly) {
  SessionCache cache;
  SslSessionPtr one = session(TLS1_3_VERSION);
  SSL_SESSION* const same = one.get();
  cache.give("s one.test:443", std::move(one));
  EXPECT_EQ(nullptr, cache.take("s two.test:443"));
  EXPECT_EQ(nullptr, cache.take("s one.test:444"));
  EXPECT_EQ(same, cache.take("s one.test:443").get());
}

TEST(SessionCache, ATls13TicketIsUsedOnce) {
  SessionCache cache;
  cache.give("a", session(TLS1_3_VERSION));
  EXPECT_NE(nullptr, cache.take("a"));
  EXPECT_EQ(nullptr, cache.take("a"));
  EXPECT_EQ(0u, cache.size());
}

TEST(SessionCache, ATls12SessionIsUsedAgainAndAgain) {
  SessionCache cache;
  cache.give("a", session(TLS1_2_VERSION));
  for (int i = 0; i < 3; ++i) EXPECT_NE(nullptr, cache.take("a"));
}

TEST(SessionCache, TheLatestTakesTheOthersPlace) {
  SessionCache cache;
  cache.give("a", session(TLS1_2_VERSION));
  SslSessionPtr later = session(TLS1_3_VERSION);
  SSL_SESSION* const same = later.get();
  cache.give("a", std::move(later));
  EXPECT_EQ(1u, cache.size());
  EXPECT_EQ(same, cache.take("a").get());
}

TEST(SessionCache, WhatCannotBeResumedIsNotGiven) {
  SessionCache cache;
  SslSessionPtr without_id(SSL_SESSION_new());
  SSL_SESSION_set_protocol_version(without_id.get(), TLS1_2_VERSION);
  cache.give("a", std::move(without_id));
  EXPECT_EQ(nullptr, cache.take("a"));
  EXPECT_EQ(0u, cache.size());
}

TEST(SessionCache, TheLeastRecentlyUsedGoesFirst) {
  SessionCache cache(3);
  for (const char* origin : {"a", "b", "c"}) cache.give(origin, session(TLS1_2_VERSION));
  EXPECT_NE(nullptr, cache.take("a"));
  cache.give("d", session(TLS1_2_VERSION));
  EXPECT_EQ(3u, cache.size());
  EXPECT_EQ(nullptr, cache.take("b"));
  for (const char* origin : {"a", "c", "d"}) EXPECT_NE(nullptr, cache.take(origin)) << origin;
}

}  // namespace
}  // namespace backoffd::proxy
