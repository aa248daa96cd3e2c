#include "tests/support/turns.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <memory>

namespace backoffd::test {

Turn gives(std::string response) {
  return [response = std::move(response)](Peer& peer) { return peer.send(response); };
}

Turn closes_after(std::string bytes) {
  return [bytes = std::move(bytes)](Peer& peer) {
    peer.send(bytes);
    return false;
  };
}

Turn resets_after(std::string bytes) {
  return [bytes = std::move(bytes)](Peer& peer) {
    peer.send(bytes);
    // The origin itself closes it, when it has struck it off its list.
    const linger at_close = {1, 0};
    setsockopt(peer.fd(), SOL_SOCKET, SO_LINGER, &at_close, sizeof at_close);
    return false;
  };
}

Turn stalls_after(std::string bytes) {
  return [bytes = std::move(bytes)](Peer& peer) {
    peer.send(bytes);
    peer.read_all();
    return false;
  };
}

Turn closes_slowly(std::vector<std::string> parts) {
  return [parts = std::move(parts)](Peer& peer) {
    for (const std::string& part : parts) {
      peer.send(part);
      poll(nullptr, 0, 20);
    }
    return false;
  };
}

std::string request(std::string_view method, std::string_view fields, std::string_view body) {
  return std::string(method) + " http://{}/ HTTP/1.1\r\nHost: {}\r\n" + std::string(fields) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

std::string failure(int status, std::string_view fields, std::string_view body) {
  return answer(std::to_string(status) + " Failure", fields, body);
}

Play::Script in_turn(std::vector<Turn> turns) {
  auto next = std::make_shared<std::atomic<std::size_t>>(0);
  return [turns = std::move(turns), next](Upstream& origin, Peer& peer) {
    for (;;) {
      std::string request = peer.read_request();
      if (request.empty()) return;
      const std::size_t number = std::min((*next)++, turns.size() - 1);
      origin.saw(std::move(request));
      if (!turns[number](peer)) return;
    }
  };
}

Turns::Turns(std::vector<Turn> turns, const Change& change, const char* address)
    : Turns(std::vector<Script>{in_turn(std::move(turns))}, change, address) {}

Turns::Turns(const std::vector<Script>& scripts, const Change& change, const char* address)
    : Play(
          scripts,
          [&](ProxySettings& s) {
            s.proxy.access_log = log.path();
            if (change) change(s);
          },
          address) {}

std::string Turns::log_lines(int count) {
  std::string text;
  EXPECT_TRUE(eventually([&] {
    text = proxy().log_text();
    return count_of(text, "\n") >= count;
  })) << text;
  return text;
}

std::uint64_t Turns::verdicts(policy::Reason reason) {
  return proxy().counted([=](const auto& c) { return c.verdicts[static_cast<std::size_t>(reason)].get(); });
}

std::uint64_t Turns::outcomes(policy::OutcomeKind kind) {
  return proxy().counted([=](const auto& c) { return c.outcomes[static_cast<std::size_t>(kind)].get(); });
}

void expect_verdict(Turns& play, const std::string& response, policy::Reason reason) {
  EXPECT_EQ(name(reason), field_of(response, "Backoffd-Verdict")) << response;
  EXPECT_EQ(1u, play.verdicts(reason));
  const std::string log = play.log_lines();
  EXPECT_NE(std::string::npos, log.find(" verdict=" + std::string(name(reason)) + " ")) << log;
}

Change all_of(std::vector<Change> changes) {
  return [changes = std::move(changes)](ProxySettings& s) {
    for (const Change& change : changes) change(s);
  };
}

Change attempts(int most) {
  return [=](ProxySettings& s) { s.policy.retry.max_attempts = most; };
}

Change contextual() {
  return [](ProxySettings& s) { s.policy.contextual_retry.mode = policy::GateMode::on; };
}

Change head_within(int ms) {
  return [=](ProxySettings& s) { s.proxy.timeouts.response_head = std::chrono::milliseconds(ms); };
}

Change stall(int ms) {
  return [=](ProxySettings& s) { s.proxy.timeouts.stall = std::chrono::milliseconds(ms); };
}

Change replay_limit(std::uint64_t bytes) {
  return [=](ProxySettings& s) { s.policy.retry.replay_limit = bytes; };
}

Change slots(int most) {
  return [=](ProxySettings& s) { s.policy.default_limits.max_concurrency = most; };
}

Change rate(std::string_view text) {
  return
      [rate = policy::Rate::parse(text).value()](ProxySettings& s) { s.policy.default_limits.limits.push_back(rate); };
}

bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    poll(nullptr, 0, 5);
  }
  return false;
}

namespace {

int sum(RunningProxy& proxy, int policy::KeyStatus::*figure) {
  int all = 0;
  for (const policy::KeyStatus& key : proxy.engine().status(proxy::Loop::now())) all += key.*figure;
  return all;
}

}  // namespace

bool all_is_free(RunningProxy& proxy) {
  return eventually([&] {
    return proxy.counted([](const auto& c) { return c.active_exchanges.get(); }) == 0 &&
           sum(proxy, &policy::KeyStatus::in_flight) == 0 && queued(proxy) == 0;
  });
}

int queued(RunningProxy& proxy) { return sum(proxy, &policy::KeyStatus::queued); }

Peer connect_from(const char* address, std::uint16_t port) {
  sockaddr_in own{};
  own.sin_family = AF_INET;
  inet_pton(AF_INET, address, &own.sin_addr);
  sockaddr_in to = own;
  to.sin_port = htons(port);
  inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  proxy::Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&own), sizeof own) != 0 ||
      connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
    fd.reset();
  }
  return Peer(std::move(fd));
}

}  // namespace backoffd::test
