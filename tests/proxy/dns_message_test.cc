#include "proxy/net/dns_message.h"

#include <gtest/gtest.h>

#include "policy/random.h"

namespace backoffd::proxy {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Bytes operator+(Bytes a, std::string_view b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

constexpr std::string_view kQuestion("\1a\7example\0\0\1\0\1", 15);  // at 12: a.example, at 14: example

Bytes header(unsigned flags, unsigned answers) {
  return {0x12,
          0x34,
          static_cast<std::uint8_t>(flags >> 8),
          static_cast<std::uint8_t>(flags),
          0,
          1,
          0,
          static_cast<std::uint8_t>(answers),
          0,
          0,
          0,
          0};
}

// An answer record with its owner's octets given; TTL 60.
Bytes record(std::string_view owner, unsigned type, std::string_view data, unsigned ttl = 60) {
  return Bytes() + owner +
         Bytes{0,
               static_cast<std::uint8_t>(type),
               0,
               1,
               0,
               0,
               static_cast<std::uint8_t>(ttl >> 8),
               static_cast<std::uint8_t>(ttl),
               0,
               static_cast<std::uint8_t>(data.size())} +
         data;
}

constexpr std::string_view kOwner("\xc0\x0c", 2);
constexpr std::string_view kAddress("\xc0\0\2\1", 4);

std::optional<DnsReply> read(const Bytes& message) { return read_dns_reply(message, "a.example", DnsType::a, 0x1234); }

TEST(DnsName, Grammar) {
  for (const char* name : {"a", "a.b", "xn--bcher-kva.example", "_srv.a", "a-1.b", "1.a"}) {
    EXPECT_TRUE(is_dns_name(name)) << name;
  }
  for (const char* name : {"", ".", "a.", ".a", "a..b", "a b", "a\tb", "b\xc3\xbc", "a%00", "a/b", "a:1", "a*"}) {
    EXPECT_FALSE(is_dns_name(name)) << name;
  }
  const std::string label(63, 'a');
  EXPECT_TRUE(is_dns_name(label + "." + label + "." + label + "." + std::string(61, 'b')));
  EXPECT_FALSE(is_dns_name(label + "." + label + "." + label + "." + std::string(62, 'b')));
  EXPECT_FALSE(is_dns_name(label + "a"));
}

TEST(DnsQuestion, IsAsRfc1035Says) {
  const Bytes expected = Bytes{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0} + kQuestion;
  EXPECT_EQ(dns_question("a.example", DnsType::a, 0x1234), expected);
}

TEST(DnsReply, Addresses) {
  const auto reply =
      read(header(0x8180, 2) + kQuestion + record(kOwner, 1, kAddress, 300) + record(kOwner, 1, "\1\1\1\1", 120));
  ASSERT_TRUE(reply);
  ASSERT_EQ(reply->addresses.size(), 2u);
  EXPECT_EQ(reply->addresses[0].text(), "192.0.2.1");
  EXPECT_EQ(reply->addresses[1].text(), "1.1.1.1");
  EXPECT_EQ(reply->ttl, 120u);
}

TEST(DnsReply, FollowsAliasesInAnyOrderAndTakesTheLeastTtl) {
  const std::string_view alias("\3cdn\xc0\x0e", 6);  // cdn.example
  const auto reply =
      read(header(0x8180, 2) + kQuestion + record(alias, 1, kAddress, 300) + record(kOwner, 5, alias, 7));
  ASSERT_TRUE(reply);
  ASSERT_EQ(reply->addresses.size(), 1u);
  EXPECT_EQ(reply->ttl, 7u);
}

TEST(DnsReply, RecordsOfOtherNamesDoNotCount) {
  const auto reply = read(header(0x8180, 1) + kQuestion + record(std::string_view("\1b\xc0\x0e", 4), 1, kAddress));
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->addresses.empty());
}

TEST(DnsReply, DotWithinALabelIsNoSeparator) {
  // One label "a.example" is another name than a.example.
  const auto reply = read(header(0x8180, 1) + kQuestion +
                          record(std::string_view("\x9"
                                                  "a.example\0",
                                                  11),
                                 1, kAddress));
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->addresses.empty());
}

TEST(DnsReply, AliasLoopEnds) {
  const auto reply = read(header(0x8180, 1) + kQuestion + record(kOwner, 5, kOwner));
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reply->addresses.empty());
}

TEST(DnsReply, ErrorsAndTruncation) {
  EXPECT_EQ(read(header(0x8183, 0) + kQuestion)->rcode, kDnsNoSuchName);
  EXPECT_EQ(read(header(0x8182, 0) + kQuestion)->rcode, 2u);
  EXPECT_TRUE(read(header(0x8380, 1) + kQuestion)->truncated);
  Bytes without_question = header(0x8181, 0);
  without_question[5] = 0;
  ASSERT_TRUE(read(without_question));
  EXPECT_EQ(read(without_question)->rcode, 1u);
}

TEST(DnsReply, OfAnotherQuestionIsNone) {
  const Bytes right = header(0x8180, 1) + kQuestion + record(kOwner, 1, kAddress);
  ASSERT_TRUE(read(right));
  EXPECT_FALSE(read_dns_reply(right, "a.example", DnsType::a, 0x1235));
  EXPECT_FALSE(read_dns_reply(right, "b.example", DnsType::a, 0x1234));
  EXPECT_FALSE(read_dns_reply(right, "a.example", DnsType::aaaa, 0x1234));
  EXPECT_FALSE(read(header(0x0100, 1) + kQuestion + record(kOwner, 1, kAddress))) << "a query";
  Bytes without_question = header(0x8183, 0);
  without_question[5] = 0;
  EXPECT_FALSE(read(without_question)) << "NXDOMAIN of nothing";
}

TEST(DnsReply, MalformedIsNone) {
  const Bytes whole = header(0x8180, 1) + kQuestion + record(kOwner, 1, kAddress);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(read(Bytes(whole.begin(), whole.begin() + static_cast<long>(size)))) << size;
  }
  EXPECT_FALSE(read(header(0x8180, 1) + kQuestion + record(kOwner, 1, "\1\1\1")));
  EXPECT_FALSE(read(header(0x8180, 1) + kQuestion + record(std::string_view("\xc0\x1b", 2), 1, kAddress)))
      << "pointer to itself";
  EXPECT_FALSE(read(header(0x8180, 1) + kQuestion + record(std::string_view("\xc0\x40", 2), 1, kAddress))) << "ahead";
  EXPECT_FALSE(read(header(0x8180, 1) + kQuestion + record(std::string_view("\x80\x0c", 2), 1, kAddress)))
      << "label kind";
}

TEST(DnsReply, AnyOctetsDoNoHarm) {
  policy::Random random(1);
  const Bytes whole = header(0x8180, 3) + kQuestion + record(kOwner, 5, std::string_view("\3cdn\xc0\x0e", 6)) +
                      record(std::string_view("\3cdn\xc0\x0e", 6), 1, kAddress) + record(kOwner, 1, kAddress);
  for (int i = 0; i < 20000; ++i) {
    Bytes bent = whole;
    for (int n = 0; n < 3; ++n) bent[random.next() % bent.size()] = static_cast<std::uint8_t>(random.next());
    bent.resize(random.next() % (bent.size() + 1));
    const auto reply = read(bent);
    if (reply) {
      EXPECT_LE(reply->addresses.size(), 3u);
    }
  }
}

}  // namespace
}  // namespace backoffd::proxy
