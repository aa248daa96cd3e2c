// POLICY 7 on the wire: who may start, who waits, in which order, and what is said to those who wait too long.
#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <thread>

#include "tests/support/turns.h"

namespace backoffd::test {
namespace {

using policy::Reason;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::string get(std::string_view path, std::string_view method = "GET") {
  return std::string(method) + " http://{}" + std::string(path) + " HTTP/1.1\r\nHost: {}\r\n\r\n";
}

Change max_wait(policy::Duration d) {
  return [=](ProxySettings& s) { s.policy.default_limits.queue.max_wait = d; };
}

// Opened by the test; turns wait for it.
class Door {
 public:
  void open() { open_ = true; }
  Turn then(std::string response) {
    return [this, response = std::move(response)](Peer& peer) {
      EXPECT_TRUE(eventually([this] { return open_.load(); }));
      return peer.send(response);
    };
  }

 private:
  std::atomic<bool> open_{false};
};

// Asks from this address and waits until the request stands in the queue.
Peer queue_up(Play& play, const char* address, std::string_view path, int place) {
  Peer peer = connect_from(address, play.proxy().port());
  peer.send(play.fill(get(path)));
  EXPECT_TRUE(eventually([&] { return queued(play.proxy()) == place; }));
  return peer;
}

std::vector<std::string> paths(const Play& play) {
  std::vector<std::string> all;
  for (const std::string& seen : play.requests()) all.push_back(seen.substr(4, seen.find(' ', 4) - 4));
  return all;
}

int retry_after(const std::string& response) { return std::atoi(field_of(response, "Retry-After").c_str()); }

// The request that holds the only slot, answered when the door opens.
Peer holder(Turns& play) {
  Peer peer = play.client(get("/held"));
  EXPECT_TRUE(play.origin().wait_for_requests(1));
  return peer;
}

// --- who waits ---

TEST(Queue, ARequestOverTheRateWaits) {
  Turns play({gives(ok("x"))}, rate("2/SECOND"));
  const policy::MonoTime start = proxy::Loop::now();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(200, status_of(play.get()));
  EXPECT_GE(proxy::Loop::now() - start, seconds(1));
}

TEST(Queue, HeadIsNotCountedUnlessAskedFor) {
  for (const bool counts : {false, true}) {
    Turns play({gives("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n")},
               all_of({rate("1/HOUR"), max_wait(milliseconds(20)),
                       [=](ProxySettings& s) { s.policy.default_limits.count_head = counts; }}));
    EXPECT_EQ(200, status_of(play.exchange(get("/", "HEAD"))));
    EXPECT_EQ(counts ? 429 : 200, status_of(play.exchange(get("/", "HEAD"))));
  }
}

TEST(Queue, ASlotIsHeldUntilTheLastByte) {
  Door door;
  Turns play({[&](Peer& peer) {
                peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na");
                return door.then("b")(peer);
              },
              gives(ok("next"))},
             slots(1));
  Peer first = play.client(get("/"));
  first.read_until("\r\n\r\na");
  Peer second = queue_up(play, "127.0.0.1", "/", 1);
  EXPECT_EQ(1u, play.requests().size());
  door.open();
  EXPECT_EQ("next", body_of(second.read_response()));
}

TEST(Queue, ATunnelHoldsItsSlotUntilItCloses) {
  Upstream origin({[](Peer& peer) { peer.read_all(); }, Upstream::answers(ok("next"))});
  RunningProxy proxy(slots(1));
  Peer tunnel = proxy.connect();
  tunnel.send("CONNECT " + origin.authority() + " HTTP/1.1\r\nHost: " + origin.authority() + "\r\n\r\n");
  EXPECT_EQ(200, status_of(tunnel.read_head()));
  Peer second = proxy.connect();
  second.send(get_request(origin.url()));
  EXPECT_TRUE(eventually([&] { return queued(proxy) == 1; }));
  tunnel.close();
  EXPECT_EQ("next", body_of(second.read_response()));
  EXPECT_TRUE(all_is_free(proxy));
}

TEST(Queue, AFailedAttemptGivesItsSlotToTheNext) {
  Turns play({closes_after(""), gives(ok("x"))},
             all_of({slots(1), [](ProxySettings& s) { s.policy.retry.base_delay = seconds(30); },
                     [](ProxySettings& s) { s.policy.retry.max_delay = seconds(600); }}));
  Peer waits = play.client(get("/waits"));
  EXPECT_TRUE(eventually([&] { return play.verdicts(Reason::retry) == 1; }));
  EXPECT_EQ(200, status_of(play.get("/goes")));
}

// --- in which order ---

TEST(Queue, FirstInFirstOut) {
  Door door;
  Turns play({door.then(ok("x"))}, slots(1));
  Peer held = holder(play);
  std::vector<Peer> clients;
  for (int i = 1; i <= 3; ++i) clients.push_back(queue_up(play, "127.0.0.1", "/" + std::to_string(i), i));
  door.open();
  for (Peer& client : clients) EXPECT_EQ(200, status_of(client.read_response()));
  EXPECT_EQ((std::vector<std::string>{"/held", "/1", "/2", "/3"}), paths(play));
}

TEST(Queue, ClientsTakeTurns) {
  Door door;
  Turns play({door.then(ok("x"))}, slots(1));
  Peer held = holder(play);
  std::vector<Peer> clients;
  int place = 0;
  for (const char* path : {"/a1", "/a2", "/a3"}) clients.push_back(queue_up(play, "127.0.0.5", path, ++place));
  clients.push_back(queue_up(play, "127.0.0.6", "/b1", ++place));
  clients.push_back(queue_up(play, "127.0.0.7", "/c1", ++place));
  door.open();
  for (Peer& client : clients) EXPECT_EQ(200, status_of(client.read_response()));
  EXPECT_EQ((std::vector<std::string>{"/held", "/a1", "/b1", "/c1", "/a2", "/a3"}), paths(play));
}

TEST(Queue, RetriesGoAheadOfNewRequests) {
  Door door;
  Turns play({gives(failure(503, "Retry-After: 1\r\n")), door.then(ok("x"))}, slots(1));
  Peer again = play.client(get("/again"));
  EXPECT_TRUE(eventually([&] { return play.verdicts(Reason::retry) == 1; }));
  Peer held = play.client(get("/held"));
  EXPECT_TRUE(play.origin().wait_for_requests(2));
  Peer fresh = queue_up(play, "127.0.0.1", "/new", 1);
  EXPECT_TRUE(eventually([&] { return queued(play.proxy()) == 2; }));
  door.open();
  EXPECT_EQ("2", field_of(again.read_response(), "Backoffd-Attempts"));
  EXPECT_EQ(200, status_of(fresh.read_response()));
  EXPECT_EQ((std::vector<std::string>{"/again", "/held", "/again", "/new"}), paths(play));
}

// --- what is said ---

TEST(Queue, OneThatWaitedTooLongIsToldWhenToComeAgain) {
  Turns play({gives(ok("x"))}, all_of({rate("1/HOUR"), max_wait(milliseconds(30))}));
  play.get();
  const std::string response = play.get();
  EXPECT_EQ(429, status_of(response));
  EXPECT_EQ("queue_timeout", field_of(response, "Backoffd-Verdict"));
  EXPECT_EQ("0", field_of(response, "Backoffd-Attempts"));
  EXPECT_NEAR(3600, retry_after(response), 60);
  EXPECT_NE(std::string::npos, play.log_lines(2).find(" verdict=queue_timeout "));
  EXPECT_EQ(1u, play.verdicts(Reason::queue_timeout));
  EXPECT_TRUE(all_is_free(play.proxy()));
}

TEST(Queue, TheWaitMayDifferByOperation) {
  Turns play({stalls_after("")},
             all_of({slots(1), [](ProxySettings& s) {
                       s.policy.default_limits.queue.max_wait_of = {{policy::Operation::resolve, milliseconds(20)}};
                     }}));
  Peer held = holder(play);
  EXPECT_EQ("queue_timeout", field_of(play.get("/", "Backoffd-Operation: resolve\r\n"), "Backoffd-Verdict"));
}

TEST(Queue, AFullQueueAnswersAtOnce) {
  Turns play({stalls_after("")},
             all_of({slots(1), [](ProxySettings& s) { s.policy.default_limits.queue.max_queue = 1; }}));
  Peer held = holder(play);
  Peer second = queue_up(play, "127.0.0.1", "/", 1);
  const std::string response = play.get();
  EXPECT_EQ(429, status_of(response));
  EXPECT_EQ("queue_full", field_of(response, "Backoffd-Verdict"));
  EXPECT_GE(retry_after(response), 1);
  EXPECT_EQ(1u, play.verdicts(Reason::queue_full));
}

TEST(Queue, AnExhaustedProviderIsNotAskedAgain) {
  Turns play({gives(failure(429, "Retry-After: 400\r\n"))}, [](ProxySettings& s) {
    s.policy.provider_learning.mode = policy::GateMode::on;
    s.policy.provider_learning.unit = policy::GateUnit::key;
  });
  EXPECT_EQ("deadline", field_of(play.get(), "Backoffd-Verdict"));
  const std::string response = play.get();
  EXPECT_EQ(429, status_of(response));
  EXPECT_EQ("exhausted", field_of(response, "Backoffd-Verdict"));
  EXPECT_NEAR(400, retry_after(response), 60);
  EXPECT_EQ(1u, play.requests().size());
}

TEST(Queue, ARetryWithoutATurnGetsTheLastAnswer) {
  Turns play({gives(failure(503, "", "mine"))},
             all_of({rate("1/HOUR"), [](ProxySettings& s) { s.policy.retry.max_delay = seconds(5); }}));
  const std::string response = play.get();
  EXPECT_EQ("mine", body_of(response));
  EXPECT_EQ("deadline", field_of(response, "Backoffd-Verdict"));
  EXPECT_EQ(1u, play.requests().size());
}

// --- many ---

TEST(Queue, AFloodOnOneProviderDoesNotDelayAnother) {
  Turns flooded({stalls_after("")}, slots(1));
  Upstream other({Upstream::answers(ok("calm"))}, "127.0.0.2");
  Peer held = holder(flooded);
  std::vector<Peer> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(flooded.client(get("/")));
  EXPECT_TRUE(eventually([&] { return queued(flooded.proxy()) == 100; }));
  EXPECT_EQ("calm", body_of(flooded.proxy().get(other.url())));
}

TEST(Queue, SlotsHoldAcrossWorkers) {
  std::atomic<int> now{0}, most{0};
  Turns play({[&](Peer& peer) {
               most = std::max(most.load(), ++now);
               poll(nullptr, 0, 2);
               --now;
               return peer.send(ok("x"));
             }},
             all_of({slots(3), [](ProxySettings& s) { s.proxy.workers = 4; }}));
  std::vector<std::thread> clients;
  std::atomic<int> answered{0};
  for (int i = 0; i < 12; ++i) {
    clients.emplace_back([&] {
      for (int n = 0; n < 10; ++n) answered += status_of(play.get()) == 200 ? 1 : 0;
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(120, answered);
  EXPECT_LE(most, 3);
  EXPECT_TRUE(all_is_free(play.proxy()));
}

TEST(Queue, ManyWhoLeaveAndManyWhoStay) {
  Turns play({gives(ok("x"))}, all_of({slots(2), [](ProxySettings& s) { s.proxy.workers = 2; }}));
  std::vector<std::thread> clients;
  std::atomic<int> answered{0};
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&, leaves = i % 2 == 0] {
      for (int n = 0; n < 20; ++n) {
        Peer client = play.client(get("/"));
        if (leaves) {
          client.reset();
        } else {
          answered += status_of(client.read_response()) == 200 ? 1 : 0;
        }
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(80, answered);
  EXPECT_TRUE(all_is_free(play.proxy()));
}

}  // namespace
}  // namespace backoffd::test
