#include "proxy/net/resolver.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>

#include "policy/random.h"
#include "tests/support/dns_server.h"
#include "tests/support/loop_runner.h"
#include "tests/support/temporary_file.h"

namespace backoffd::proxy {
namespace {

using test::DnsServer;
using test::DnsType;
using test::run_until;

std::string listed(const std::vector<Address>& addresses) {
  std::string out;
  for (const Address& address : addresses) out += (out.empty() ? "" : " ") + address.text();
  return out;
}

// One look-up and how often it called.
class Client : Resolver::Owner {
 public:
  Client(Resolver& resolver, std::string_view host) : lookup_(resolver.look_up(host, *this)) {}

  const Resolution& result() const { return lookup_->result(); }
  bool done() const { return result().done(); }
  int calls() const { return calls_; }
  bool gone() const { return !lookup_; }
  void leave() { lookup_.reset(); }
  void leave_when_told() { leave_when_told_ = true; }

 private:
  void resolved() override {
    ++calls_;
    if (leave_when_told_) lookup_.reset();
  }

  std::unique_ptr<Resolver::Lookup> lookup_;
  int calls_ = 0;
  bool leave_when_told_ = false;
};

class ResolverTest : public testing::Test {
 protected:
  ResolverTest() { ::setenv("CARES_HOSTS", hosts_.path().c_str(), 1); }
  ~ResolverTest() override { ::unsetenv("CARES_HOSTS"); }

  Resolver& resolver() {
    if (!resolver_) {
      Resolver::Options options;
      options.nameservers = nameservers_;
      options.cache = cache_;
      options.cached_names = cached_names_;
      options.resolv_conf = resolv_conf_.path();
      options.timeout = std::chrono::seconds(1);
      options.rounds = 1;
      resolver_.emplace(loop_, options);
    }
    return *resolver_;
  }

  // Looks `host` up to the end.
  Resolution resolve(std::string_view host) {
    Client client(resolver(), host);
    EXPECT_TRUE(run_until(loop_, [&] { return client.done(); })) << host;
    return client.result();
  }

  Loop loop_;
  DnsServer server_{loop_};
  test::TemporaryFile hosts_{"192.0.2.80 filed.example\n2001:db8::80 filed.example\n127.0.0.9 localhost\n"};
  test::TemporaryFile resolv_conf_{"search search.example\n"};
  std::vector<Endpoint> nameservers_{server_.endpoint()};
  Duration cache_ = std::chrono::seconds(30);
  std::size_t cached_names_ = 1024;
  std::optional<Resolver> resolver_;
};

TEST_F(ResolverTest, BothFamilies) {
  server_.set("a.example", {"2001:db8::1", "2001:db8::2"}, {"192.0.2.1"});
  const Resolution r = resolve("A.Example");
  EXPECT_EQ(listed(r.v6), "2001:db8::1 2001:db8::2");
  EXPECT_EQ(listed(r.v4), "192.0.2.1");
  EXPECT_EQ(r.error, ResolveError::none);
  EXPECT_EQ(server_.asked(), 2);
}

TEST_F(ResolverTest, LiteralsInEverySpellingAreAnsweredAtOnce) {
  for (const char* host :
       {"127.0.0.1", "127.1", "0x7f.1", "0177.0.0.1", "2130706433", "127.0.0.1.", "::ffff:127.0.0.1"}) {
    Client client(resolver(), host);
    ASSERT_TRUE(client.done()) << host;
    EXPECT_EQ(listed(client.result().v4), "127.0.0.1") << host;
  }
  Client six(resolver(), "2001:db8::1");
  EXPECT_EQ(listed(six.result().v6), "2001:db8::1");
  EXPECT_EQ(server_.asked(), 0);
}

TEST_F(ResolverTest, WhatCannotBeANameIsNotAskedFor) {
  for (const char* host :
       {"256.0.0.1", "1.2.3.4.5", "a..b", "a b", "b\xc3\xbc", "x%00y", "", ".", "a.invalid", "invalid.", "x.onion"}) {
    Client client(resolver(), host);
    ASSERT_TRUE(client.done()) << host;
    EXPECT_EQ(client.result().error, ResolveError::not_found) << host;
    EXPECT_FALSE(client.result().detail.empty()) << host;
  }
  EXPECT_EQ(server_.asked(), 0);
}

TEST_F(ResolverTest, LocalhostIsThisHostByBothFamiliesWhateverTheHostsFileSays) {
  for (const char* host : {"localhost", "LOCALHOST.", "app.localhost"}) {
    Client client(resolver(), host);
    ASSERT_TRUE(client.done()) << host;
    EXPECT_EQ(listed(client.result().v6) + " " + listed(client.result().v4), "::1 127.0.0.1") << host;
  }
  EXPECT_EQ(server_.asked(), 0);
}

TEST_F(ResolverTest, HostsFile) {
  Client client(resolver(), "Filed.example.");
  ASSERT_TRUE(client.done());
  EXPECT_EQ(listed(client.result().v6) + " " + listed(client.result().v4), "2001:db8::80 192.0.2.80");
  EXPECT_EQ(server_.asked(), 0);
}

TEST_F(ResolverTest, AliasesAreFollowed) {
  DnsServer::Answer answer;
  answer.addresses = {"192.0.2.7"};
  answer.alias = "cdn.example";
  server_.set("www.example", DnsType::a, answer);
  EXPECT_EQ(listed(resolve("www.example").v4), "192.0.2.7");
}

TEST_F(ResolverTest, NoSuchNameAndNoAddress) {
  EXPECT_EQ(resolve("nowhere.example").error, ResolveError::not_found);
  server_.set("empty.example", {}, {});
  EXPECT_EQ(resolve("empty.example").error, ResolveError::not_found);
}

TEST_F(ResolverTest, OneFamilyIsEnough) {
  server_.set("four.example", {}, {"192.0.2.4"});
  EXPECT_EQ(listed(resolve("four.example").v4), "192.0.2.4");
  DnsServer::Answer broken;
  broken.rcode = 2;
  server_.set("half.example", {}, {"192.0.2.5"});
  server_.set("half.example", DnsType::aaaa, broken);
  const Resolution r = resolve("half.example");
  EXPECT_EQ(listed(r.v4), "192.0.2.5");
  EXPECT_EQ(r.error, ResolveError::none);
}

TEST_F(ResolverTest, FirstHalfIsToldBeforeTheSecond) {
  server_.set("slow6.example", {"2001:db8::6"}, {"192.0.2.6"});
  DnsServer::Answer six;
  six.addresses = {"2001:db8::6"};
  six.delay = std::chrono::milliseconds(30);
  server_.set("slow6.example", DnsType::aaaa, six);
  Client client(resolver(), "slow6.example");
  ASSERT_TRUE(run_until(loop_, [&] { return client.calls() == 1; }));
  EXPECT_EQ(listed(client.result().v4), "192.0.2.6");
  EXPECT_FALSE(client.result().v6_done);
  ASSERT_TRUE(run_until(loop_, [&] { return client.done(); }));
  EXPECT_EQ(listed(client.result().v6), "2001:db8::6");
  EXPECT_EQ(client.calls(), 2);
}

TEST_F(ResolverTest, CutAnswersAreFetchedOverTcp) {
  DnsServer::Answer many;
  many.cut = true;
  for (int i = 1; i <= 50; ++i) many.addresses.push_back("192.0.2." + std::to_string(i));
  server_.set("many.example", DnsType::a, many);
  server_.set("many.example", DnsType::aaaa, {});
  const Resolution r = resolve("many.example");
  EXPECT_EQ(r.v4.size(), 50u);
  EXPECT_EQ(r.v4.back().text(), "192.0.2.50");
  EXPECT_EQ(server_.asked_over_tcp(), 1);
}

TEST_F(ResolverTest, ACutAnswerThatCannotBeFetchedIsAskedOfTheNext) {
  DnsServer second(loop_);
  DnsServer::Answer cut;
  cut.addresses = {"192.0.2.66"};
  cut.cut = true;
  cut.no_tcp = true;
  for (auto* server : {&server_, &second}) {
    server->set("none.example", DnsType::a, cut);
    server->set("none.example", DnsType::aaaa, {});
  }
  server_.set("a.example", DnsType::a, cut);
  server_.set("a.example", DnsType::aaaa, cut);
  second.set("a.example", {"2001:db8::1"}, {"192.0.2.1"});
  nameservers_ = {server_.endpoint(), second.endpoint()};
  EXPECT_EQ(listed(resolve("a.example").v4), "192.0.2.1");
  EXPECT_GT(server_.asked_over_tcp(), 0);
  EXPECT_EQ(resolve("none.example").error, ResolveError::failed);
}

TEST_F(ResolverTest, AForgedAnswerIsPassedOver) {
  const std::pair<const char*, std::function<void(DnsServer::Bytes&)>> forgeries[] = {
      {"another id", [](auto& m) { m[1] ^= 1; }},
      {"another name", [](auto& m) { m[13] = 'z'; }},
      {"another type", [](auto& m) { m[12 + 11 + 1] = 16; }},
      {"no head", [](auto& m) { m.resize(11); }},
  };
  int n = 0;
  for (const auto& [what, bend] : forgeries) {
    const std::string name = std::string(1, static_cast<char>('a' + n++)) + ".example";
    DnsServer::Answer answer;
    answer.addresses = {"192.0.2.1"};
    answer.forged = [&bend = bend](DnsServer::Bytes& message) {
      message.back() = 66;  // the address in it
      bend(message);
    };
    server_.set(name, DnsType::a, answer);
    EXPECT_EQ(listed(resolve(name).v4), "192.0.2.1") << what;
  }
}

TEST_F(ResolverTest, SilenceIsATimeoutAndIsNotRemembered) {
  DnsServer::Answer silent;
  silent.silent = true;
  server_.set("silent.example", DnsType::a, silent);
  server_.set("silent.example", DnsType::aaaa, silent);
  EXPECT_EQ(resolve("silent.example").error, ResolveError::timeout);
  server_.set("silent.example", {}, {"192.0.2.1"});
  EXPECT_EQ(listed(resolve("silent.example").v4), "192.0.2.1");
}

TEST_F(ResolverTest, AnErrorIsFailedAndAsksTheNextNameserver) {
  DnsServer second(loop_);
  DnsServer::Answer broken;
  broken.rcode = 2;
  for (auto type : {DnsType::a, DnsType::aaaa}) {
    server_.set("broken.example", type, broken);
    server_.set("both.example", type, broken);
    second.set("both.example", type, broken);
  }
  second.set("broken.example", {}, {"192.0.2.1"});
  nameservers_ = {server_.endpoint(), second.endpoint()};
  EXPECT_EQ(resolve("both.example").error, ResolveError::failed);
  EXPECT_EQ(listed(resolve("broken.example").v4), "192.0.2.1");
}

TEST_F(ResolverTest, ADeadNameserverIsPassedOverAndAskedLastAfterwards) {
  Endpoint dead;
  {
    DnsServer gone(loop_);
    dead = gone.endpoint();
  }
  DnsServer silent(loop_);
  DnsServer::Answer nothing;
  nothing.silent = true;
  for (auto type : {DnsType::a, DnsType::aaaa}) {
    silent.set("one.example", type, nothing);
    silent.set("two.example", type, nothing);
  }
  server_.set("one.example", {}, {"192.0.2.1"});
  server_.set("two.example", {}, {"192.0.2.2"});
  nameservers_ = {silent.endpoint(), dead, server_.endpoint()};
  EXPECT_EQ(listed(resolve("one.example").v4), "192.0.2.1");
  EXPECT_EQ(silent.asked(), 2);
  EXPECT_EQ(listed(resolve("two.example").v4), "192.0.2.2");
  EXPECT_EQ(silent.asked(), 2);
}

TEST_F(ResolverTest, SearchDomains) {
  resolv_conf_.write("search a.example b.example\noptions ndots:1\n");
  server_.set("web.b.example", {}, {"192.0.2.1"});
  EXPECT_EQ(listed(resolve("web").v4), "192.0.2.1");
  EXPECT_EQ(server_.asked("web.a.example", DnsType::a), 1);
  EXPECT_EQ(server_.asked("web", DnsType::a), 0);
  EXPECT_EQ(resolve("web.").error, ResolveError::not_found);
  EXPECT_EQ(server_.asked("web", DnsType::a), 1);
}

TEST_F(ResolverTest, BothFamiliesAreOfOneName) {
  server_.set("web.example", {}, {"192.0.2.1"});
  server_.set("web.example.search.example", {"2001:db8::1"}, {"192.0.2.2"});
  const Resolution r = resolve("web.example");
  EXPECT_EQ(listed(r.v6) + listed(r.v4), "192.0.2.1");
}

TEST_F(ResolverTest, ASearchDomainThatMakesNoNameIsPassedOver) {
  resolv_conf_.write("search .\n");
  server_.set("web", {}, {"192.0.2.1"});
  EXPECT_EQ(listed(resolve("web").v4), "192.0.2.1");
  EXPECT_EQ(resolve("nowhere").error, ResolveError::not_found);
  EXPECT_EQ(resolve("nowhere.example").error, ResolveError::not_found);
}

TEST_F(ResolverTest, ChangedFilesAreSeen) {
  resolve("nowhere.example");
  const MonoTime later = Loop::now() + std::chrono::milliseconds(1100);
  Timer wake(
      loop_, [](void*) {}, nullptr);
  wake.arm_at(later);
  run_until(loop_, [&] { return Loop::now() >= later; });
  hosts_.write("192.0.2.81 filed.example\n192.0.2.82 nowhere.example\n");
  resolv_conf_.write("search b.example\n");
  server_.set("web.b.example", {}, {"192.0.2.1"});
  EXPECT_EQ(listed(resolve("filed.example").v4), "192.0.2.81");
  EXPECT_EQ(listed(resolve("nowhere.example").v4), "192.0.2.82");
  EXPECT_EQ(listed(resolve("web").v4), "192.0.2.1");
}

TEST_F(ResolverTest, NameserversOfResolvConf) {
  nameservers_.clear();
  resolv_conf_.write("nameserver 127.0.0.2\n");  // nobody there
  EXPECT_GT(resolve("a.example").error, ResolveError::not_found);
  EXPECT_EQ(server_.asked(), 0);
  EXPECT_EQ(listed(resolve("filed.example").v4), "192.0.2.80");
}

TEST_F(ResolverTest, WithoutResolvConf) {
  resolv_conf_.write("");
  server_.set("a.example", {}, {"192.0.2.1"});
  EXPECT_EQ(listed(resolve("a.example").v4), "192.0.2.1");
}

// The file's word is for both families, though it knows one only.
TEST_F(ResolverTest, WhatTheHostsFileKnowsIsNotAskedFor) {
  hosts_.write("0.0.0.0 blocked.example\n");
  server_.set("blocked.example", {"2001:db8::1"}, {"192.0.2.1"});
  const Resolution r = resolve("blocked.example");
  EXPECT_EQ(listed(r.v6) + listed(r.v4), "0.0.0.0");
  EXPECT_EQ(server_.asked(), 0);
}

TEST_F(ResolverTest, AnswersAreCached) {
  server_.set("a.example", {}, {"192.0.2.1"});
  resolve("a.example");
  Client again(resolver(), "a.EXAMPLE");
  ASSERT_TRUE(again.done());
  EXPECT_EQ(listed(again.result().v4), "192.0.2.1");
  EXPECT_EQ(server_.asked("a.example", DnsType::a), 1);
  EXPECT_EQ(resolve("none.example").error, ResolveError::not_found);
  EXPECT_TRUE(Client(resolver(), "none.example").done());
}

TEST_F(ResolverTest, TtlZeroIsNotCached) {
  DnsServer::Answer answer;
  answer.addresses = {"192.0.2.1"};
  answer.ttl = 0;
  server_.set("a.example", DnsType::a, answer);
  resolve("a.example");
  resolve("a.example");
  EXPECT_EQ(server_.asked("a.example", DnsType::a), 2);
}

TEST_F(ResolverTest, CacheCanBeOff) {
  cache_ = Duration::zero();
  server_.set("a.example", {}, {"192.0.2.1"});
  resolve("a.example");
  resolve("a.example");
  EXPECT_EQ(server_.asked("a.example", DnsType::a), 2);
}

TEST_F(ResolverTest, AnAnswerExpires) {
  cache_ = std::chrono::milliseconds(20);
  server_.set("a.example", {}, {"192.0.2.1"});
  resolve("a.example");
  const MonoTime later = Loop::now() + cache_;
  Timer wake(
      loop_, [](void*) {}, nullptr);
  wake.arm_at(later);
  run_until(loop_, [&] { return Loop::now() >= later; });
  server_.set("a.example", {}, {"192.0.2.2"});
  EXPECT_EQ(listed(resolve("a.example").v4), "192.0.2.2");
}

TEST_F(ResolverTest, TheCacheIsBoundedAndForgetsTheNameUnusedLongest) {
  cached_names_ = 2;
  for (const char* name : {"a.example", "b.example", "c.example"}) server_.set(name, {}, {"192.0.2.1"});
  resolve("a.example");
  resolve("b.example");
  resolve("a.example");
  resolve("c.example");
  EXPECT_TRUE(Client(resolver(), "a.example").done());
  EXPECT_TRUE(Client(resolver(), "c.example").done());
  EXPECT_FALSE(Client(resolver(), "b.example").done());
}

TEST_F(ResolverTest, LookUpsOfOneNameAreShared) {
  server_.set("a.example", {}, {"192.0.2.1"});
  Client one(resolver(), "a.example"), two(resolver(), "a.example"), three(resolver(), "A.example");
  two.leave();
  ASSERT_TRUE(run_until(loop_, [&] { return one.done() && three.done(); }));
  EXPECT_EQ(two.calls(), 0);
  EXPECT_EQ(server_.asked("a.example", DnsType::a), 1);
}

TEST_F(ResolverTest, OwnersMayLeaveWhileTheyAreTold) {
  server_.set("a.example", {"2001:db8::1"}, {"192.0.2.1"});
  Client one(resolver(), "a.example"), two(resolver(), "a.example"), three(resolver(), "a.example");
  one.leave_when_told();
  three.leave_when_told();
  ASSERT_TRUE(run_until(loop_, [&] { return two.done(); }));
  EXPECT_EQ(one.calls(), 1);
  EXPECT_EQ(three.calls(), 1);
}

TEST_F(ResolverTest, ALookUpNobodyWaitsForLeavesNothingBehind) {
  DnsServer::Answer silent;
  silent.silent = true;
  server_.set("a.example", DnsType::a, silent);
  server_.set("a.example", DnsType::aaaa, silent);
  for (int i = 0; i < 3; ++i) Client(resolver(), "a.example").leave();
  server_.set("a.example", {}, {"192.0.2.1"});
  EXPECT_EQ(listed(resolve("a.example").v4), "192.0.2.1");
}

TEST_F(ResolverTest, HalfAnAnswerServesWhoComesAfterTheFirstHasLeft) {
  DnsServer::Answer silent;
  silent.silent = true;
  server_.set("a.example", {}, {"192.0.2.1"});
  server_.set("a.example", DnsType::aaaa, silent);
  Client first(resolver(), "a.example");
  first.leave_when_told();
  ASSERT_TRUE(run_until(loop_, [&] { return first.calls() == 1; }));
  Client second(resolver(), "a.example");
  ASSERT_TRUE(second.done());
  EXPECT_EQ(listed(second.result().v4), "192.0.2.1");
}

TEST_F(ResolverTest, DestroyedWithQueriesUnderWay) {
  {
    Client client(resolver(), "a.example");
    Client other(resolver(), "b.example");
  }
  resolver_.reset();
  bool ran = false;
  loop_.post([&] { ran = true; });
  EXPECT_TRUE(run_until(loop_, [&] { return ran; }));
}

// Seeded: look-ups come, are told, leave when told or before, for names that answer in every manner, in a small cache.
TEST_F(ResolverTest, AnyOrderOfComingAndGoing) {
  policy::Random random(7);
  cached_names_ = 3;
  const auto below = [&random](std::uint64_t n) { return random.next() % n; };
  std::vector<std::string> names;
  for (char c = 'a'; c < 'i'; ++c) {
    names.push_back(std::string(1, c) + ".example");
    for (const DnsType type : {DnsType::a, DnsType::aaaa}) {
      DnsServer::Answer answer;
      if (below(3) != 0) answer.addresses = {type == DnsType::a ? "192.0.2.1" : "2001:db8::1"};
      answer.delay = std::chrono::milliseconds(below(4));
      answer.ttl = below(2) != 0 ? 60 : 0;
      answer.rcode = below(5) == 0 ? 2 : 0;
      answer.cut = below(3) == 0;
      answer.no_tcp = below(3) == 0;
      server_.set(names.back(), type, answer);
    }
  }
  std::vector<std::unique_ptr<Client>> clients(16);
  for (int step = 0; step < 3000; ++step) {
    auto& client = clients[below(clients.size())];
    client.reset();
    if (below(4) != 0) {
      client = std::make_unique<Client>(resolver(), names[below(names.size())]);
      if (!client->done() && below(3) == 0) client->leave_when_told();
    }
    event_base_loop(loop_.base(), EVLOOP_NONBLOCK);
  }
  for (auto& client : clients) {
    if (!client) continue;
    EXPECT_TRUE(run_until(loop_, [&] { return client->gone() || client->done(); }));
  }
}

TEST(ResolverOptions, Nameservers) {
  Config config;
  config.nameservers = {"192.0.2.53", "127.0.0.1:5353", "[::1]:53", "::1"};
  auto options = Resolver::Options::from(config);
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->nameservers[0].text(), "192.0.2.53:53");
  EXPECT_EQ(options->nameservers[1].text(), "127.0.0.1:5353");
  EXPECT_EQ(options->nameservers[2].text(), "[::1]:53");
  EXPECT_EQ(options->nameservers[3].text(), "[::1]:53");
  for (const char* bad : {"dns.example", "10.0.0", "127.0.0.1:0", ""}) {
    config.nameservers = {"192.0.2.53", bad};
    const auto none = Resolver::Options::from(config);
    ASSERT_FALSE(none.ok());
    EXPECT_EQ(none.error().text(),
              std::string("dns.nameservers[1]: \"") + bad + "\": must be an IP address, or address:port");
  }
}

}  // namespace
}  // namespace backoffd::proxy
