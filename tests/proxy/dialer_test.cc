#include "proxy/net/dialer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <fstream>
#include <optional>
#include <utility>

#include "tests/support/dns_server.h"
#include "tests/support/loop_runner.h"
#include "tests/support/temporary_file.h"

namespace backoffd::proxy {
namespace {

using test::DnsServer;
using test::DnsType;
using test::run_until;

// A listening socket on loopback; connections wait in its backlog.
class Listener {
 public:
  explicit Listener(const char* address, std::uint16_t port = 0, int backlog = 16) {
    sockaddr_storage name;
    const socklen_t length = Endpoint{*Address::parse(address), port}.to(name);
    fd_ = Fd(::socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&name), length), 0) << address;
    EXPECT_EQ(::listen(fd_.get(), backlog), 0);
  }
  std::uint16_t port() const { return Endpoint::local_of(fd_.get())->port; }
  Fd accept() const { return Fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)); }

 private:
  Fd fd_;
};

// A port at which connections are neither taken nor refused: its backlog is full.
class Hanging {
 public:
  explicit Hanging(const char* address, std::uint16_t port = 0) : listener_(address, port, 0) {
    sockaddr_storage name;
    const socklen_t length = Endpoint{*Address::parse(address), listener_.port()}.to(name);
    for (Fd& fd : filling_) {
      fd = Fd(::socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      EXPECT_NE(::connect(fd.get(), reinterpret_cast<sockaddr*>(&name), length), 0);  // under way, and stays so
    }
  }
  std::uint16_t port() const { return listener_.port(); }

 private:
  Listener listener_;
  Fd filling_[4];
};

class Client : Dialer::Owner {
 public:
  Client(Dialer& dialer, std::string_view host, std::uint16_t port) : dial_(dialer.start(host, port, *this)) {
    EXPECT_FALSE(called_) << "from inside start()";
  }
  bool called() const { return called_; }
  const DialResult& result() const { return result_; }
  void leave() { dial_.reset(); }
  std::string peer() const {
    const auto endpoint = Endpoint::peer_of(result_.fd.get());
    return endpoint ? endpoint->address.text() : "none";
  }

 private:
  void dialled(DialResult result) override {
    EXPECT_FALSE(called_) << "twice";
    called_ = true;
    result_ = std::move(result);
    dial_.reset();
  }

  bool called_ = false;
  DialResult result_;
  std::unique_ptr<Dial> dial_;
};

class DialerTest : public testing::Test {
 protected:
  DialerTest() { egress_.allow = {"127.0.0.0/8", "::1"}; }

  Dialer& dialer() {
    if (!dialer_) {
      Resolver::Options options;
      options.nameservers = {server_.endpoint()};
      options.resolv_conf = resolv_conf_.path();
      options.timeout = std::chrono::seconds(1);
      options.rounds = 1;
      resolver_.emplace(loop_, options);
      auto rules = EgressRules::make(egress_, own_);
      rules_.emplace(std::move(*rules));
      dialer_.emplace(loop_, *resolver_, *rules_);
    }
    return *dialer_;
  }

  void dial(std::string_view host, std::uint16_t port) {
    client_.emplace(dialer(), host, port);
    ASSERT_TRUE(run_until(loop_, [&] { return client_->called(); })) << host;
  }
  DialError error() const { return client_->result().error; }
  const std::string& detail() const { return client_->result().detail; }

  Loop loop_;
  DnsServer server_{loop_};
  test::TemporaryFile resolv_conf_{"search search.example\n"};
  Egress egress_;
  std::vector<Endpoint> own_;
  std::optional<Resolver> resolver_;
  std::optional<EgressRules> rules_;
  std::optional<Dialer> dialer_;
  std::optional<Client> client_;
};

DnsServer::Answer delayed(const char* address, Duration delay) {
  DnsServer::Answer answer;
  answer.addresses = {address};
  answer.delay = delay;
  return answer;
}

DnsServer::Answer silent() {
  DnsServer::Answer answer;
  answer.silent = true;
  return answer;
}

TEST_F(DialerTest, ConnectsWithTheSocketOptionsThatWereAskedFor) {
  const Listener origin("127.0.0.1");
  dial("127.0.0.1", origin.port());
  ASSERT_EQ(error(), DialError::none) << detail();
  const int fd = client_->result().fd.get();
  EXPECT_TRUE(::fcntl(fd, F_GETFL) & O_NONBLOCK);
  EXPECT_TRUE(::fcntl(fd, F_GETFD) & FD_CLOEXEC);
  for (const auto& [level, option] : {std::pair<int, int>{IPPROTO_TCP, TCP_NODELAY}, {SOL_SOCKET, SO_KEEPALIVE}}) {
    int value = 0;
    socklen_t length = sizeof value;
    ::getsockopt(fd, level, option, &value, &length);
    EXPECT_TRUE(value);
  }
  const Fd accepted = origin.accept();
  EXPECT_EQ(::send(fd, "x", 1, 0), 1);
  char c = 0;
  EXPECT_EQ(::recv(accepted.get(), &c, 1, 0), 1);
}

TEST_F(DialerTest, TheOtherFamilyIsTriedWhereOnlyOneListens) {
  const Listener four("127.0.0.1");
  dial("localhost", four.port());
  EXPECT_EQ(client_->peer(), "127.0.0.1");
  const Listener six("::1");
  dial("localhost", six.port());
  EXPECT_EQ(client_->peer(), "::1");
}

TEST_F(DialerTest, AllAddressesAreTried) {
  server_.set("a.example", {"::1"}, {"127.0.0.2", "127.0.0.3", "127.0.0.4"});
  const Listener last("127.0.0.4");
  dial("a.example", last.port());
  EXPECT_EQ(client_->peer(), "127.0.0.4");
}

TEST_F(DialerTest, NoneListens) {
  std::uint16_t port = Listener("127.0.0.1").port();
  server_.set("a.example", {"::1"}, {"127.0.0.2"});
  dial("a.example", port);
  EXPECT_EQ(error(), DialError::connect_failed);
  EXPECT_EQ(detail(), "127.0.0.2:" + std::to_string(port) + ": Connection refused");
}

TEST_F(DialerTest, AnAddressThatHangsIsOvertaken) {
  const Hanging hanging("127.0.0.2");
  const Listener good("127.0.0.3", hanging.port());
  server_.set("a.example", {}, {"127.0.0.2", "127.0.0.3"});
  const MonoTime start = Loop::now();
  dial("a.example", hanging.port());
  EXPECT_EQ(client_->peer(), "127.0.0.3");
  EXPECT_GE(Loop::now() - start, std::chrono::milliseconds(250));
}

TEST_F(DialerTest, IPv6IsPreferredWhenItIsThereInTime) {
  const Listener four("127.0.0.1");
  const Listener six("::1", four.port());
  server_.set("a.example", DnsType::a, delayed("127.0.0.1", {}));
  server_.set("a.example", DnsType::aaaa, delayed("::1", std::chrono::milliseconds(1)));
  dial("a.example", four.port());
  EXPECT_EQ(client_->peer(), "::1");
}

TEST_F(DialerTest, IPv4WaitsForIPv6ButNotForLong) {
  const Listener four("127.0.0.1");
  server_.set("a.example", DnsType::a, delayed("127.0.0.1", {}));
  server_.set("a.example", DnsType::aaaa, silent());
  const MonoTime start = Loop::now();
  dial("a.example", four.port());
  EXPECT_EQ(client_->peer(), "127.0.0.1");
  EXPECT_GE(Loop::now() - start, std::chrono::milliseconds(50));
}

TEST_F(DialerTest, IPv6ThatComesLateIsStillTried) {
  const Listener six("::1");
  server_.set("a.example", DnsType::a, delayed("127.0.0.1", {}));
  server_.set("a.example", DnsType::aaaa, delayed("::1", std::chrono::milliseconds(120)));
  dial("a.example", six.port());
  EXPECT_EQ(client_->peer(), "::1");
}

TEST_F(DialerTest, OnlyPermittedAddressesAreTried) {
  egress_.allow = {"127.0.0.2"};
  const Listener forbidden("127.0.0.1");
  const Listener permitted("127.0.0.2", forbidden.port());
  server_.set("a.example", {"::1"}, {"127.0.0.1", "127.0.0.2"});
  dial("a.example", forbidden.port());
  EXPECT_EQ(client_->peer(), "127.0.0.2");
}

TEST_F(DialerTest, ARefusedAddressIsNotDialledWhenTheOthersFail) {
  egress_.allow = {"127.0.0.2"};
  const Listener forbidden("127.0.0.1");
  server_.set("a.example", {}, {"127.0.0.1", "127.0.0.2"});
  dial("a.example", forbidden.port());
  EXPECT_EQ(error(), DialError::connect_failed);
}

TEST_F(DialerTest, RefusedWhenNoAddressIsPermitted) {
  egress_.allow = {};
  const Listener origin("127.0.0.1");
  server_.set("a.example", {"::1"}, {"127.0.0.1"});
  dial("a.example", origin.port());
  EXPECT_EQ(error(), DialError::destination_refused);
  EXPECT_EQ(detail(), "a.example: ::1: loopback");
}

TEST_F(DialerTest, OddSpellingsAreJudgedAsTheAddressTheyAre) {
  egress_.allow = {};
  const Listener origin("127.0.0.1");
  for (const char* host : {"127.0.0.1", "0177.0.0.1", "0x7f.1", "2130706433", "127.1", "127.0.0.1.", "::ffff:127.0.0.1",
                           "0", "localhost", "localhost.", "x.localhost", "::1", "::", "::7f00:1"}) {
    dial(host, origin.port());
    EXPECT_EQ(error(), DialError::destination_refused) << host << ": " << detail();
  }
}

TEST_F(DialerTest, OwnPortIsRefusedThoughLoopbackIsAllowed) {
  const Listener self("127.0.0.1");
  own_ = {{*Address::parse("127.0.0.1"), self.port()}};
  dial("localhost", self.port());  // ::1 is no listener of ours, but nobody else is there either
  EXPECT_EQ(error(), DialError::destination_refused);
  EXPECT_EQ(detail(), "localhost: 127.0.0.1: own_port");
  dial("127.1", self.port());
  EXPECT_EQ(error(), DialError::destination_refused);
  EXPECT_EQ(detail(), "127.1: 127.0.0.1: own_port");
}

TEST_F(DialerTest, ANameThatResolvesDifferentlyTheSecondTimeGainsNothing) {
  egress_.allow = {"127.0.0.2"};
  const Listener good("127.0.0.2");
  const Listener target("127.0.0.1", good.port());
  DnsServer::Answer answer;
  answer.ttl = 0;
  answer.addresses = {"127.0.0.2"};
  server_.set("rebind.example", DnsType::a, answer);
  dial("rebind.example", good.port());
  EXPECT_EQ(client_->peer(), "127.0.0.2");
  answer.addresses = {"127.0.0.1"};
  server_.set("rebind.example", DnsType::a, answer);
  dial("rebind.example", good.port());
  EXPECT_EQ(error(), DialError::destination_refused);
}

TEST_F(DialerTest, ADeniedNameIsNotEvenResolved) {
  egress_.deny = {"*.denied.example"};
  dial("a.denied.example", 80);
  EXPECT_EQ(error(), DialError::destination_refused);
  EXPECT_EQ(detail(), "a.denied.example: denied by egress.deny[0]");
  EXPECT_EQ(server_.asked(), 0);
}

TEST_F(DialerTest, NoSuchNameAndNoNameserver) {
  dial("nowhere.example", 80);
  EXPECT_EQ(error(), DialError::resolve_failed);
  EXPECT_EQ(detail(), "nowhere.example: no such name, or no address");
  dial("a.invalid", 80);
  EXPECT_EQ(error(), DialError::resolve_failed);
  server_.set("silent.example", DnsType::a, silent());
  server_.set("silent.example", DnsType::aaaa, silent());
  dial("silent.example", 80);
  EXPECT_EQ(error(), DialError::resolve_timeout);
}

TEST_F(DialerTest, OutOfDescriptors) {
  dial("127.0.0.1", 1);  // everything there is made
  rlimit before;
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none = {0, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  dial("127.0.0.1", 80);
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(error(), DialError::connect_failed);
  EXPECT_EQ(detail(), "127.0.0.1:80: socket: Too many open files");
}

TEST_F(DialerTest, LeavingCancelsWhateverIsUnderWay) {
  const Hanging hanging("127.0.0.2");
  server_.set("silent.example", DnsType::a, silent());
  server_.set("half.example", DnsType::a, delayed("127.0.0.2", {}));
  server_.set("half.example", DnsType::aaaa, silent());
  Client resolving(dialer(), "silent.example", 80);
  Client connecting(dialer(), "127.0.0.2", hanging.port());
  Client failing(dialer(), "127.0.0.300", 80);
  Client waiting(dialer(), "half.example", hanging.port());
  resolving.leave();
  connecting.leave();
  failing.leave();
  const MonoTime later = Loop::now() + std::chrono::milliseconds(60);
  Timer wake(
      loop_, [](void*) {}, nullptr);
  wake.arm_at(later);
  run_until(loop_, [&] { return Loop::now() >= later; });
  waiting.leave();
  EXPECT_FALSE(resolving.called() || connecting.called() || failing.called() || waiting.called());
}

TEST_F(DialerTest, ManyAtOnceShareOneLookUp) {
  const Listener origin("127.0.0.1");
  server_.set("a.example", {}, {"127.0.0.1"});
  std::vector<std::unique_ptr<Client>> clients;
  clients.reserve(10);
  for (int i = 0; i < 10; ++i) clients.push_back(std::make_unique<Client>(dialer(), "a.example", origin.port()));
  for (const auto& client : clients) {
    ASSERT_TRUE(run_until(loop_, [&] { return client->called(); }));
    EXPECT_EQ(client->peer(), "127.0.0.1");
  }
  EXPECT_EQ(server_.asked("a.example", DnsType::a), 1);
}

// Needs a host with few ephemeral ports (a network namespace with net.ipv4.ip_local_port_range "40000 40003").
TEST_F(DialerTest, ASocketConnectedToItselfIsAFailure) {
  unsigned first = 0, last = 0;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> first >> last;
  if (last - first > 16) GTEST_SKIP() << "too many ephemeral ports to meet one's own";
  bool met = false;
  for (unsigned i = 0; i < 200 && !met; ++i) {
    const auto port = static_cast<std::uint16_t>(first + i % (last - first + 1));
    if (port == server_.endpoint().port) continue;
    dial("127.0.0.1", port);
    EXPECT_EQ(error(), DialError::connect_failed);
    met = detail().find("connected to itself") != std::string::npos;
  }
  EXPECT_TRUE(met);
}

}  // namespace
}  // namespace backoffd::proxy
