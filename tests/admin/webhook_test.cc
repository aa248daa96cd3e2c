#include "admin/webhook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <mutex>
#include <thread>

#include "tests/support/turns.h"
#include "tests/support/upstream.h"

namespace backoffd::admin {
namespace {

using testing::HasSubstr;

class WebhookTest : public testing::Test {
 protected:
  // Posts from the loop's own thread, and waits until `until` holds (bounded).
  void post(const std::string& url, const std::vector<std::string>& messages, const std::function<bool()>& until) {
    auto made = Webhook::make(loop_, {}, url, [this](const std::string& sentence) {
      const std::lock_guard lock(mutex_);
      lost_.push_back(sentence);
    });
    ASSERT_TRUE(made) << made.error().text();
    loop_.post([&] {
      for (const std::string& message : messages) (*made)->post(message);
    });
    std::thread thread([this] { loop_.run(); });
    EXPECT_TRUE(test::eventually(until));
    loop_.stop();
    thread.join();
  }
  std::vector<std::string> lost() {
    const std::lock_guard lock(mutex_);
    return lost_;
  }

  proxy::Loop loop_;
  std::mutex mutex_;
  std::vector<std::string> lost_;
};

test::Upstream::Script answers(test::Upstream*& self, const std::string& response) {
  return [&self, response](test::Peer& peer) {
    self->saw(peer.read_request());
    peer.send(response);
  };
}

TEST_F(WebhookTest, MessagesArriveOneAfterTheOther) {
  test::Upstream* self = nullptr;
  test::Upstream hook({answers(self, "HTTP/1.1 204 No Content\r\n\r\n")});
  self = &hook;
  post(hook.url("/hook?x=1"), {R"({"a":1})", R"({"b":2})"}, [&] { return hook.seen().size() == 2; });
  EXPECT_TRUE(lost().empty());
  const std::string first = hook.seen()[0];
  EXPECT_THAT(first, HasSubstr("POST /hook?x=1 HTTP/1.1\r\nHost: " + hook.authority() + "\r\n"));
  EXPECT_THAT(first, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(first, HasSubstr("\r\n\r\n{\"a\":1}"));
  EXPECT_THAT(hook.seen()[1], HasSubstr("{\"b\":2}"));
}

TEST_F(WebhookTest, WhatIsNotTakenIsTold) {
  test::Upstream* self = nullptr;
  test::Upstream hook({answers(self, "HTTP/1.1 500 No\r\n\r\n"), answers(self, "")});
  self = &hook;
  post(hook.url("/"), {"{}", "{}"}, [&] { return lost().size() == 2; });
  EXPECT_THAT(lost()[0], HasSubstr("500"));
  EXPECT_THAT(lost()[1], HasSubstr("ended without an answer"));
}

TEST_F(WebhookTest, NobodyThereIsTold) {
  std::uint16_t port = 0;
  { const proxy::Fd closed = test::listen_on_free_port(port); }
  post("http://127.0.0.1:" + std::to_string(port), {"{}"}, [&] { return !lost().empty(); });
  EXPECT_THAT(lost()[0], HasSubstr("did not take a message"));
}

TEST_F(WebhookTest, OnlySoManyWait) {
  std::uint16_t port = 0;
  const proxy::Fd silent = test::listen_on_free_port(port);
  std::vector<std::string> messages(Webhook::kMostWaiting + 3, "{}");
  post("http://127.0.0.1:" + std::to_string(port), messages, [&] { return lost().size() == 3; });
}

}  // namespace
}  // namespace backoffd::admin
