#include "proxy/net/address.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace backoffd::proxy {
namespace {

std::string parsed(std::string_view text) {
  const auto address = Address::parse(text);
  return address ? address->text() : "none";
}

TEST(Address, ReadsAndWritesBothFamilies) {
  EXPECT_EQ(parsed("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(parsed("0.0.0.0"), "0.0.0.0");
  EXPECT_EQ(parsed("2001:DB8:0:0:0::1"), "2001:db8::1");
  EXPECT_EQ(parsed("::"), "::");
  EXPECT_EQ(parsed("64:ff9b::192.0.2.33"), "64:ff9b::c000:221");
}

TEST(Address, IsStrict) {
  for (const char* text :
       {"", "1", "1.2.3", "1.2.3.4.", "01.2.3.4", "1.2.3.256", " 1.2.3.4", "1.2.3.4 ", "0x7f.0.0.1", "[::1]", "::1%lo",
        ":::", "1::2::3", "12345::", "localhost", "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"}) {
    EXPECT_EQ(parsed(text), "none") << text;
  }
  EXPECT_EQ(parsed(std::string_view("1.2.3.4\0x", 9)), "none");
}

TEST(Address, MappedIsIPv4) {
  EXPECT_EQ(parsed("::ffff:127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(parsed("::ffff:7f00:1"), "127.0.0.1");
  EXPECT_FALSE(Address::parse("::ffff:127.0.0.1")->is_v6());
  EXPECT_EQ(*Address::parse("::ffff:10.1.2.3"), Address::v4(0x0a010203));
  EXPECT_EQ(parsed("::fffe:127.0.0.1"), "::fffe:7f00:1");
}

TEST(Address, WordsAndBytes) {
  const Address four = Address::v4(0x01020304);
  EXPECT_EQ(four.as_v4(), 0x01020304u);
  EXPECT_EQ(four.bytes()[0], 1);
  const Address six = *Address::parse("2001:db8::1:2");
  EXPECT_EQ(six.word(0), 0x20010db8u);
  EXPECT_EQ(six.word(3), 0x00010002u);
}

TEST(Endpoint, TextAndSockaddrRoundTrip) {
  for (const char* text : {"127.0.0.1:8080", "[::1]:443", "[2001:db8::1]:0", "0.0.0.0:65535"}) {
    const auto endpoint = Endpoint::parse(text);
    ASSERT_TRUE(endpoint) << text;
    EXPECT_EQ(endpoint->text(), text);
    sockaddr_storage storage;
    endpoint->to(storage);
    EXPECT_EQ(Endpoint::from(reinterpret_cast<sockaddr*>(&storage)), endpoint);
  }
}

TEST(Endpoint, IsStrict) {
  for (const char* text : {"", "127.0.0.1", "127.0.0.1:", ":80", "::1:80", "[127.0.0.1]:80", "[::1]", "127.0.0.1:65536",
                           "127.0.0.1:080", "127.0.0.1:+80", "127.0.0.1:80 ", "localhost:80", "[::1]:99999"}) {
    EXPECT_FALSE(Endpoint::parse(text)) << text;
  }
}

TEST(Endpoint, OfOtherFamiliesIsNone) {
  sockaddr_storage storage{};
  storage.ss_family = AF_UNIX;
  EXPECT_FALSE(Endpoint::from(reinterpret_cast<sockaddr*>(&storage)));
  EXPECT_FALSE(Endpoint::from(nullptr));
  EXPECT_FALSE(Endpoint::local_of(-1));
}

struct CidrCase {
  const char* range;
  const char* address;
  bool inside;
};

TEST(Cidr, Contains) {
  const CidrCase cases[] = {
      {"10.0.0.0/8", "10.255.255.255", true},
      {"10.0.0.0/8", "11.0.0.0", false},
      {"0.0.0.0/0", "255.255.255.255", true},
      {"0.0.0.0/0", "::1", false},
      {"::/0", "::1", true},
      {"::/0", "10.0.0.1", false},
      {"172.16.0.0/12", "172.31.255.1", true},
      {"172.16.0.0/12", "172.32.0.0", false},
      {"192.0.2.1", "192.0.2.1", true},
      {"192.0.2.1", "192.0.2.2", false},
      {"fe80::/10", "febf::1", true},
      {"fe80::/10", "fec0::1", false},
      {"::1/128", "::1", true},
      {"::ffff:10.0.0.0/104", "10.1.1.1", true},
      {"10.0.0.0/8", "::ffff:10.1.1.1", true},
  };
  for (const auto& c : cases) {
    std::string why;
    const auto range = Cidr::parse(c.range, why);
    ASSERT_TRUE(range) << c.range << why;
    EXPECT_EQ(range->contains(*Address::parse(c.address)), c.inside) << c.range << " " << c.address;
  }
}

TEST(Cidr, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"10.0.0.0/40", "the prefix length must be 0 to 32"},
      {"10.0.0.0/", "the prefix length must be 0 to 32"},
      {"10.0.0.0/08", "the prefix length must be 0 to 32"},
      {"::/129", "the prefix length must be 0 to 128"},
      {"::ffff:10.0.0.0/8", "the prefix length must be 96 to 128"},
      {"10.0.0.1/8", "the address has bits set beyond the prefix length"},
      {"10.0/8", "not an IP address"},
      {"example.com/8", "not an IP address"},
  };
  for (const auto& [text, expected] : cases) {
    std::string why;
    EXPECT_FALSE(Cidr::parse(text, why)) << text;
    EXPECT_EQ(why, expected) << text;
  }
}

TEST(HostNumber, EverySpellingOfOneAddress) {
  for (const char* host : {"127.0.0.1", "0177.0.0.1", "0x7f.1", "2130706433", "127.1", "0x7f000001", "017700000001",
                           "127.0.1", "127.0.0.1.", "127.1.", "0X7F.0x0.0.0x1", "::ffff:127.0.0.1", "::ffff:7f00:1"}) {
    const HostNumber number = read_host_number(host);
    EXPECT_TRUE(number.is_number) << host;
    ASSERT_TRUE(number.address) << host;
    EXPECT_EQ(number.address->text(), "127.0.0.1") << host;
  }
}

TEST(HostNumber, NumbersThatAreNoAddress) {
  for (const char* host : {"256.0.0.1", "1.2.3.4.5", "09.1.1.1", "4294967296", "0x100000000", "1..2", "1.2.3.256",
                           "foo.1", "0x", "1.0x", "1 .1"}) {
    const HostNumber number = read_host_number(host);
    EXPECT_TRUE(number.is_number) << host;
    EXPECT_FALSE(number.address && number.address != Address()) << host << " " << number.address->text();
  }
}

TEST(HostNumber, NamesAreNone) {
  for (const char* host :
       {"", ".", "example.com", "1.2.3.4.example", "1e100.net", "deadbeef", "0x7g", "x1", "127.0.0.1.."}) {
    EXPECT_FALSE(read_host_number(host).is_number) << host;
  }
}

TEST(IsLocal, KnowsThisHost) {
  EXPECT_TRUE(is_local(*Address::parse("127.0.0.1")));
  EXPECT_TRUE(is_local(*Address::parse("127.99.0.1")));
  EXPECT_TRUE(is_local(*Address::parse("0.0.0.0")));
  EXPECT_TRUE(is_local(*Address::parse("::")));
  EXPECT_FALSE(is_local(*Address::parse("198.51.100.77")));
  EXPECT_FALSE(is_local(*Address::parse("2001:db8::77")));
}

}  // namespace
}  // namespace backoffd::proxy
