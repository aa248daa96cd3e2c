#include "proxy/http/head.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace backoffd::proxy {
namespace {

const std::map<std::string, FieldId> kKnown = {
    {"accept", FieldId::accept},
    {"authorization", FieldId::authorization},
    {"backoffd-gate", FieldId::backoffd_gate},
    {"backoffd-operation", FieldId::backoffd_operation},
    {"backoffd-provider", FieldId::backoffd_provider},
    {"cache-control", FieldId::cache_control},
    {"connection", FieldId::connection},
    {"content-encoding", FieldId::content_encoding},
    {"content-length", FieldId::content_length},
    {"content-range", FieldId::content_range},
    {"content-type", FieldId::content_type},
    {"cookie", FieldId::cookie},
    {"date", FieldId::date},
    {"etag", FieldId::etag},
    {"expect", FieldId::expect},
    {"host", FieldId::host},
    {"http2-settings", FieldId::http2_settings},
    {"idempotency-key", FieldId::idempotency_key},
    {"if-range", FieldId::if_range},
    {"keep-alive", FieldId::keep_alive},
    {"last-modified", FieldId::last_modified},
    {"max-forwards", FieldId::max_forwards},
    {"proxy-authenticate", FieldId::proxy_authenticate},
    {"proxy-authorization", FieldId::proxy_authorization},
    {"proxy-connection", FieldId::proxy_connection},
    {"proxy-status", FieldId::proxy_status},
    {"range", FieldId::range},
    {"retry-after", FieldId::retry_after},
    {"set-cookie", FieldId::set_cookie},
    {"te", FieldId::te},
    {"trailer", FieldId::trailer},
    {"transfer-encoding", FieldId::transfer_encoding},
    {"upgrade", FieldId::upgrade},
    {"via", FieldId::via},
};

TEST(HeadTest, KnowsEveryFieldInAnyCase) {
  // `via` is the last of the enum: with `other` they are as many as the table has, so that a new one is not forgotten.
  EXPECT_EQ(kKnown.size(), static_cast<std::size_t>(FieldId::via));
  for (const auto& [name, id] : kKnown) {
    EXPECT_EQ(field_id(name), id) << name;
    std::string upper = name;
    for (char& c : upper) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
    EXPECT_EQ(field_id(upper), id) << upper;
  }
}

TEST(HeadTest, KnowsNothingThatIsAlmostAField) {
  for (const auto& [name, id] : kKnown) {
    for (std::size_t i = 0; i < name.size(); ++i) {
      for (const char c :
           {'\r', 'x', '_', '\0', static_cast<char>(name[i] ^ 0x40), static_cast<char>(name[i] | 0x80)}) {
        std::string other = name;
        other[i] = c;
        if (other == name) continue;
        EXPECT_EQ(field_id(other), FieldId::other) << testing::PrintToString(other);
      }
    }
    EXPECT_EQ(field_id(name + "s"), FieldId::other);
    EXPECT_EQ(field_id(std::string_view(name).substr(1)), FieldId::other);
  }
  EXPECT_EQ(field_id(""), FieldId::other);
}

TEST(HeadTest, FindsFieldsByIdAndName) {
  Head head;
  head.set_request("GET", "http://a/", 1);
  head.add("X-One", "1");
  head.add("vIa", "1.1 a");
  head.add("x-one", "2");
  head.add("Via", "1.0 b");
  EXPECT_EQ(head.method(), "GET");
  EXPECT_EQ(head.target(), "http://a/");
  EXPECT_EQ(head.size(), 4u);
  EXPECT_EQ(head.count(FieldId::via), 2u);
  EXPECT_EQ(head.count(FieldId::host), 0u);
  EXPECT_EQ(head.find(FieldId::via), "1.1 a");
  EXPECT_EQ(head.find("X-ONE"), "1");
  EXPECT_EQ(head.find("X-Two"), std::nullopt);
  EXPECT_EQ(head.find(FieldId::host), std::nullopt);
  EXPECT_EQ(head.field(2).name, "x-one");
  EXPECT_EQ(head.field(2).value, "2");
}

TEST(HeadTest, ReadsListsOverSeveralLines) {
  Head head;
  head.add("Connection", "a,, b ,");
  head.add("Connection", "\tKeep-Alive");
  for (const auto* token : {"a", "B", "keep-alive"}) EXPECT_TRUE(head.has_token(FieldId::connection, token)) << token;
  for (const auto* token : {"", "keep", "a,", "close"})
    EXPECT_FALSE(head.has_token(FieldId::connection, token)) << token;
  EXPECT_FALSE(head.has_token(FieldId::te, "a"));
}

TEST(HeadTest, IsAValue) {
  Head head;
  head.set_response(200, "OK", 0);
  head.add("Date", "today");
  const Head copy = head;
  Head moved = std::move(head);
  moved.add("ETag", "\"x\"");
  EXPECT_EQ(copy.find(FieldId::date), "today");
  EXPECT_EQ(copy.find(FieldId::etag), std::nullopt);
  EXPECT_EQ(moved.find(FieldId::etag), "\"x\"");
  EXPECT_EQ(moved.status(), 200);
  EXPECT_EQ(moved.minor_version(), 0);
  moved.clear();
  EXPECT_EQ(moved.size(), 0u);
  EXPECT_EQ(moved.find(FieldId::date), std::nullopt);
  EXPECT_EQ(moved.bytes(), 0u);
}

}  // namespace
}  // namespace backoffd::proxy
