#include "proxy/net/name_files.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "tests/support/temporary_file.h"

namespace backoffd::proxy {
namespace {

std::string listed(const std::vector<Address>& addresses) {
  std::string out;
  for (const Address& address : addresses) out += address.text() + " ";
  return out;
}

TEST(Hosts, NamesToAddresses) {
  const HostsTable table = parse_hosts(
      "# comment\n"
      "127.0.0.1\tlocalhost\n"
      "192.0.2.1 One.example one # the first\n"
      "2001:db8::1 one\n"
      "192.0.2.1 one\n"
      "fe80::1%lo zoned\n"
      "nonsense line\n"
      "\n"
      "192.0.2.2 rooted.\r\n"
      "192.0.2.3 last");
  EXPECT_EQ(listed(table.at("one.example")), "192.0.2.1 ");
  EXPECT_EQ(listed(table.at("one")), "192.0.2.1 2001:db8::1 ");
  EXPECT_EQ(listed(table.at("rooted")), "192.0.2.2 ");
  EXPECT_EQ(listed(table.at("last")), "192.0.2.3 ");
  EXPECT_EQ(table.size(), 5u);
}

TEST(ResolvConf, Directives) {
  const ResolvConf conf = parse_resolv_conf(
      "; comment\n"
      "domain ignored.example\n"
      "search Svc.cluster.local. cluster.local bad..name\n"
      "nameserver 192.0.2.53\n"
      "nameserver 2001:db8::53 # second\n"
      "nameserver nonsense\n"
      "options ndots:5 timeout:1 attempts:3 rotate ndots:x\n");
  ASSERT_EQ(conf.nameservers.size(), 2u);
  EXPECT_EQ(conf.nameservers[0].text(), "192.0.2.53:53");
  EXPECT_EQ(conf.nameservers[1].text(), "[2001:db8::53]:53");
  EXPECT_EQ(conf.search, (std::vector<std::string>{"svc.cluster.local", "cluster.local"}));
  EXPECT_EQ(conf.ndots, 5u);
  EXPECT_EQ(conf.attempts, 3u);
  EXPECT_EQ(conf.timeout, std::chrono::seconds(1));
}

TEST(ResolvConf, WithoutNameserverMeansThisHost) {
  EXPECT_EQ(parse_resolv_conf("").nameservers.at(0).text(), "127.0.0.1:53");
}

TEST(ResolvConf, NumbersAreKeptInBounds) {
  const ResolvConf conf = parse_resolv_conf("options ndots:99 timeout:0 attempts:99\n");
  EXPECT_EQ(conf.ndots, 15u);
  EXPECT_EQ(conf.timeout, std::chrono::seconds(1));
  EXPECT_EQ(conf.attempts, 5u);
}

TEST(SearchCandidates, DotsDecideWhatComesFirst) {
  using List = std::vector<std::string>;
  ResolvConf conf;
  conf.search = {"a.example", "b.example"};
  conf.ndots = 2;
  EXPECT_EQ(search_candidates("web", conf), (List{"web.a.example", "web.b.example", "web"}));
  EXPECT_EQ(search_candidates("web.x", conf), (List{"web.x.a.example", "web.x.b.example", "web.x"}));
  EXPECT_EQ(search_candidates("web.x.y", conf), (List{"web.x.y", "web.x.y.a.example", "web.x.y.b.example"}));
  EXPECT_EQ(search_candidates("web.", conf), (List{"web"}));
  EXPECT_EQ(search_candidates(std::string(250, 'a').insert(50, ".").insert(110, ".").insert(170, "."), conf).size(),
            1u);
}

TEST(WatchedFile, IsReadAgainOnceItChanged) {
  const test::TemporaryFile file("one");
  WatchedFile watched(file.path());
  const MonoTime start = Loop::now();
  EXPECT_EQ(watched.read_if_changed(start), "one");
  EXPECT_EQ(watched.read_if_changed(start + std::chrono::seconds(5)), std::nullopt);
  file.write("and two");
  EXPECT_EQ(watched.read_if_changed(start + std::chrono::milliseconds(5500)), std::nullopt) << "looked a moment ago";
  EXPECT_EQ(watched.read_if_changed(start + std::chrono::seconds(7)), "and two");
  std::remove(file.path().c_str());
  EXPECT_EQ(watched.read_if_changed(start + std::chrono::seconds(9)), "");
  EXPECT_EQ(watched.read_if_changed(start + std::chrono::seconds(11)), std::nullopt);
}

}  // namespace
}  // namespace backoffd::proxy
