#include "proxy/net/egress.h"

#include <gtest/gtest.h>
#include <ifaddrs.h>

#include <memory>

namespace backoffd::proxy {
namespace {

EgressRules rules(const Egress& egress = {}, std::vector<Endpoint> own = {}) {
  auto made = EgressRules::make(egress, std::move(own));
  EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().text());
  return std::move(made).value();
}

// "ok" or the reason.
std::string judged(const EgressRules& r, const char* address, std::uint16_t port = 80, const char* host = "h.example") {
  const auto verdict = r.check(host, *Address::parse(address), port);
  return verdict.allowed ? "ok" : verdict.why;
}

std::string error_of(const Egress& egress) {
  const auto made = EgressRules::make(egress, {});
  return made.ok() ? "none" : made.error().text();
}

TEST(Egress, ClassesByDefault) {
  const std::pair<const char*, const char*> cases[] = {
      {"127.0.0.1", "loopback"},
      {"127.255.255.255", "loopback"},
      {"::1", "loopback"},
      {"0.0.0.0", "unspecified"},
      {"0.1.2.3", "unspecified"},
      {"::", "unspecified"},
      {"169.254.169.254", "link_local"},
      {"fe80::1", "link_local"},
      {"febf::1", "link_local"},
      {"224.0.0.1", "multicast"},
      {"239.255.255.255", "multicast"},
      {"ff02::1", "multicast"},
      {"255.255.255.255", "broadcast"},
      {"240.0.0.1", "reserved"},
      {"192.0.0.8", "reserved"},
      {"100::1", "reserved"},
      {"10.0.0.1", "private"},
      {"172.16.0.1", "private"},
      {"172.31.255.255", "private"},
      {"192.168.1.1", "private"},
      {"100.64.0.1", "private"},
      {"100.127.255.255", "private"},
      {"fc00::1", "private"},
      {"fdff::1", "private"},
      {"fec0::1", "private"},
      {"64:ff9b:1::a00:1", "private"},
      {"100.100.100.200", "metadata"},
      {"fd00:ec2::254", "metadata"},
      {"192.0.0.192", "metadata"},
      // Ordinary, also just outside of the ranges above.
      {"1.1.1.1", "ok"},
      {"9.255.255.255", "ok"},
      {"11.0.0.0", "ok"},
      {"100.63.255.255", "ok"},
      {"100.128.0.0", "ok"},
      {"126.255.255.255", "ok"},
      {"128.0.0.0", "ok"},
      {"169.253.255.255", "ok"},
      {"172.15.255.255", "ok"},
      {"172.32.0.0", "ok"},
      {"192.0.2.1", "ok"},
      {"198.51.100.1", "ok"},
      {"203.0.113.1", "ok"},
      {"223.255.255.255", "ok"},
      {"2001:db8::1", "ok"},
      {"2606:4700::1111", "ok"},
  };
  const EgressRules r = rules();
  for (const auto& [address, expected] : cases) EXPECT_EQ(judged(r, address), expected) << address;
}

TEST(Egress, EmbeddedAddressesCount) {
  const std::pair<const char*, const char*> cases[] = {
      {"::ffff:127.0.0.1", "loopback"},
      {"::ffff:169.254.169.254", "link_local"},
      {"::127.0.0.1", "loopback"},
      {"::ffff:0:127.0.0.1", "loopback"},
      {"64:ff9b::127.0.0.1", "loopback"},
      {"64:ff9b::a9fe:a9fe", "link_local"},
      {"64:ff9b::10.0.0.1", "private"},
      {"64:ff9b::8.8.8.8", "ok"},
      {"2002:7f00:1::", "loopback"},
      {"2002:a9fe:a9fe::1", "link_local"},
      {"2002:808:808::1", "ok"},
      {"2001:0:808:808:0:0:80ff:fffe", "loopback"},  // Teredo: client 127.0.0.1
      {"2001:0:7f00:1::f7f7:f7f7", "loopback"},      // Teredo: server 127.0.0.1
      {"2001:0:808:808::f7f7:f7f7", "ok"},
      {"2001:1::7f00:1", "ok"},
  };
  const EgressRules r = rules();
  for (const auto& [address, expected] : cases) EXPECT_EQ(judged(r, address), expected) << address;
}

TEST(Egress, AllowPrivateOpensThePrivateRangesOnly) {
  Egress egress;
  egress.allow_private = true;
  const EgressRules r = rules(egress);
  for (const char* address : {"10.0.0.1", "192.168.0.1", "100.64.0.1", "fd00::1", "64:ff9b::10.0.0.1"}) {
    EXPECT_EQ(judged(r, address), "ok") << address;
  }
  EXPECT_EQ(judged(r, "127.0.0.1"), "loopback");
  EXPECT_EQ(judged(r, "169.254.169.254"), "link_local");
  EXPECT_EQ(judged(r, "fd00:ec2::254"), "metadata");
  EXPECT_EQ(judged(r, "100.100.100.200"), "metadata");
}

TEST(Egress, AllowOpensWhatItNames) {
  Egress egress;
  egress.allow = {"127.0.0.0/8", "::1", "*.internal.example", "10.1.0.0/16"};
  const EgressRules r = rules(egress);
  EXPECT_EQ(judged(r, "127.0.0.1"), "ok");
  EXPECT_EQ(judged(r, "::ffff:127.0.0.1"), "ok");
  EXPECT_EQ(judged(r, "64:ff9b::7f00:1"), "ok");
  EXPECT_EQ(judged(r, "::1"), "ok");
  EXPECT_EQ(judged(r, "10.1.2.3"), "ok");
  EXPECT_EQ(judged(r, "10.2.2.3"), "private");
  EXPECT_EQ(judged(r, "10.2.2.3", 80, "a.internal.example"), "ok");
  EXPECT_EQ(judged(r, "10.2.2.3", 80, "A.Internal.Example."), "ok");
  EXPECT_EQ(judged(r, "10.2.2.3", 80, "internal.example"), "private");
  EXPECT_EQ(judged(r, "10.2.2.3", 80, "a.internal.example.evil.example"), "private");
}

TEST(Egress, AllowedForOneEmbeddedAddressIsNotAllowedForTheOther) {
  Egress egress;
  egress.allow = {"8.0.0.0/8"};
  EXPECT_EQ(judged(rules(egress), "2001:0:808:808:0:0:80ff:fffe"), "loopback");
}

TEST(Egress, DenyWinsOverAllow) {
  Egress egress;
  egress.allow = {"*", "0.0.0.0/0"};
  egress.deny = {"203.0.113.0/24", "*.ads.example", "169.254.169.254"};
  const EgressRules r = rules(egress);
  EXPECT_EQ(judged(r, "127.0.0.1"), "ok");
  EXPECT_EQ(judged(r, "203.0.113.9"), "denied by egress.deny[0]");
  EXPECT_EQ(judged(r, "64:ff9b::203.0.113.9"), "denied by egress.deny[0]");
  EXPECT_EQ(judged(r, "1.1.1.1", 80, "X.ADS.example."), "denied by egress.deny[1]");
  EXPECT_EQ(judged(r, "169.254.169.254"), "denied by egress.deny[2]");
  EXPECT_FALSE(r.check_host("x.ads.example").allowed);
  EXPECT_TRUE(r.check_host("ads.example").allowed);
}

TEST(Egress, OwnPortsAreRefusedWhateverIsAllowed) {
  Egress egress;
  egress.allow = {"*", "0.0.0.0/0", "::/0"};
  const EgressRules r = rules(egress, {*Endpoint::parse("127.0.0.1:8080"), *Endpoint::parse("[::1]:8081")});
  EXPECT_EQ(judged(r, "127.0.0.1", 8080), "own_port");
  EXPECT_EQ(judged(r, "::ffff:127.0.0.1", 8080), "own_port");
  EXPECT_EQ(judged(r, "64:ff9b::7f00:1", 8080), "own_port");
  EXPECT_EQ(judged(r, "0.0.0.0", 8080), "own_port");
  EXPECT_EQ(judged(r, "::", 8080), "own_port");
  EXPECT_EQ(judged(r, "::1", 8081), "own_port");
  EXPECT_EQ(judged(r, "0.0.0.0", 8081), "own_port");
  EXPECT_EQ(judged(r, "127.0.0.1", 8082), "ok");
  EXPECT_EQ(judged(r, "127.0.0.2", 8080), "ok");
  EXPECT_EQ(judged(r, "192.0.2.1", 8080), "ok");
}

TEST(Egress, WildcardListenersOwnThePortOnEveryAddressOfThisHost) {
  Egress egress;
  egress.allow = {"*"};
  for (const char* wildcard : {"0.0.0.0:8080", "[::]:8080"}) {
    const EgressRules r = rules(egress, {*Endpoint::parse(wildcard)});
    for (const char* address : {"127.0.0.1", "127.9.9.9", "0.0.0.0", "::", "::ffff:127.0.0.1"}) {
      EXPECT_EQ(judged(r, address, 8080), "own_port") << wildcard << " " << address;
      EXPECT_EQ(judged(r, address, 8081), "ok") << wildcard << " " << address;
    }
    ifaddrs* list = nullptr;
    ASSERT_EQ(getifaddrs(&list), 0);
    const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);
    for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
      const auto endpoint = Endpoint::from(one->ifa_addr);
      if (!endpoint) continue;
      EXPECT_EQ(judged(r, endpoint->address.text().c_str(), 8080), "own_port") << endpoint->text();
    }
    EXPECT_EQ(judged(r, "198.51.100.77", 8080), "ok");
  }
}

TEST(Egress, ErrorsNameTheEntry) {
  Egress egress;
  egress.allow = {"10.0.0.0/8", "*.example.com", "10.0.0.0/40"};
  EXPECT_EQ(error_of(egress), "egress.allow[2]: \"10.0.0.0/40\": the prefix length must be 0 to 32");
  egress.allow = {};
  for (const auto& [entry, what] : {std::pair{"", "not an IP address"},
                                    {"10.0.0", "not an IP address"},
                                    {"1.2.3.4:80", "not an IP address"},
                                    {"http://x/", "not an IP address"},
                                    {"a b", "must be an address range or a host, * and ? allowed"},
                                    {"b\xc3\xbc"
                                     "cher.example",
                                     "must be an address range or a host, * and ? allowed"}}) {
    egress.deny = {entry};
    EXPECT_EQ(error_of(egress), std::string("egress.deny[0]: \"") + entry + "\": " + what);
  }
}

TEST(Egress, ConnectPorts) {
  Egress egress;
  EXPECT_TRUE(rules(egress).connect_port_allowed(443));
  EXPECT_FALSE(rules(egress).connect_port_allowed(25));
  egress.connect_ports = {8443, 993};
  EXPECT_FALSE(rules(egress).connect_port_allowed(443));
  EXPECT_TRUE(rules(egress).connect_port_allowed(993));
  egress.connect_any_port = true;
  EXPECT_TRUE(rules(egress).connect_port_allowed(25));
  EXPECT_FALSE(rules(egress).connect_port_allowed(0));
}

}  // namespace
}  // namespace backoffd::proxy
