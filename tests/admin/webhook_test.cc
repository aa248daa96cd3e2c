#include "admin/webhook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <mutex>
#include <thread>

#include "tests/support/tls.h"
#include "tests/support/turns.h"
#include "tests/support/upstream.h"

namespace backoffd::admin {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class WebhookTest : public testing::Test {
 protected:
  WebhookTest() {
    retry_.max_attempts = 3;
    retry_.base_delay = 1ms;
  }
  // Posts from the loop's own thread, and waits until `until` holds (bounded).
  void post(const std::string& url, const std::vector<std::string>& messages, const std::function<bool()>& until) {
    auto made = Webhook::make(
        loop_, config_, url,
        [this](const std::string& sentence) {
          const std::lock_guard lock(mutex_);
          lost_.push_back(sentence);
        },
        retry_);
    ASSERT_TRUE(made) << made.error().text();
    loop_.post([&] {
      for (const std::string& message : messages) (*made)->post(json::parse(message, json::Dialect::strict)->root);
    });
    std::thread thread([this] { loop_.run(); });
    EXPECT_TRUE(test::eventually(until));
    loop_.post([this] { loop_.stop(); });  // behind what the answer still does
    thread.join();
    counts_ = (*made)->counts();
  }
  std::vector<std::string> lost() {
    const std::lock_guard lock(mutex_);
    return lost_;
  }

  proxy::Loop loop_;
  std::mutex mutex_;
  std::vector<std::string> lost_;
  proxy::Config config_;
  policy::RetryConfig retry_;
  WebhookCounts counts_;
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
  EXPECT_THAT(first, HasSubstr("\r\n\r\n{\"a\":1,"));
  EXPECT_THAT(hook.seen()[1], HasSubstr("{\"b\":2,"));
}

// The `id` that is in a message; its field must say the same.
std::string id_of(const std::string& request) {
  const auto body = json::parse(request.substr(request.find("\r\n\r\n") + 4), json::Dialect::strict);
  const json::Value* const id = body ? body->root.find("id") : nullptr;
  if (id == nullptr || !id->string()) return "(none)";
  EXPECT_THAT(request, HasSubstr("\r\nIdempotency-Key: \"" + *id->string() + "\"\r\n"));
  return *id->string();
}

// The first answer got lost on its way: the message arrives twice, and the receiver can tell.
TEST_F(WebhookTest, EveryMessageHasAnIdThatItsTriesBear) {
  test::Upstream* self = nullptr;
  test::Upstream hook({answers(self, "HTTP/1.1 200 O"), answers(self, "HTTP/1.1 200 OK\r\n\r\n")});
  self = &hook;
  post(hook.url("/"), {"{}", "{}"}, [&] { return hook.seen().size() == 3; });
  const std::string id = id_of(hook.seen()[0]);
  EXPECT_EQ(id.size(), 32U);
  EXPECT_EQ(id_of(hook.seen()[1]), id);
  EXPECT_NE(id_of(hook.seen()[2]), id);
  EXPECT_EQ(counts_.delivered, 2U);
}

TEST_F(WebhookTest, TheReceiverMaySayWhenToTryAgain) {
  test::Upstream* self = nullptr;
  test::Upstream hook(
      {answers(self, "HTTP/1.1 503 No\r\nRetry-After: 1\r\n\r\n"), answers(self, "HTTP/1.1 200 OK\r\n\r\n")});
  self = &hook;
  const auto begun = std::chrono::steady_clock::now();
  post(hook.url("/"), {"{}"}, [&] { return hook.seen().size() == 2; });
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 1s);
  EXPECT_TRUE(lost().empty());
}

// Not after half of the time that it asked for.
TEST_F(WebhookTest, AnHourIsMoreThanAMessageWaits) {
  test::Upstream* self = nullptr;
  test::Upstream hook({answers(self, "HTTP/1.1 429 No\r\nRetry-After: 3600\r\n\r\n")});
  self = &hook;
  post(hook.url("/"), {"{}"}, [&] { return lost().size() == 1; });
  EXPECT_THAT(lost()[0], HasSubstr("the answer is 429, and asks to wait 1h"));
  EXPECT_EQ(hook.connections(), 1);
}

TEST_F(WebhookTest, AnInterimAnswerIsNone) {
  test::Upstream* self = nullptr;
  test::Upstream hook({answers(self, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")});
  self = &hook;
  post(hook.url("/"), {"{}"}, [&] { return hook.seen().size() == 1; });
  EXPECT_TRUE(lost().empty());
  EXPECT_EQ(counts_.delivered, 1U);
}

TEST_F(WebhookTest, WhatFailsForAWhileIsTriedAgain) {
  test::Upstream* self = nullptr;
  test::Upstream hook(
      {answers(self, "HTTP/1.1 503 No\r\n\r\n"), answers(self, ""), answers(self, "HTTP/1.1 200 OK\r\n\r\n")});
  self = &hook;
  post(hook.url("/"), {R"({"a":1})"}, [&] { return hook.seen().size() == 3; });
  EXPECT_TRUE(lost().empty());
  EXPECT_EQ(counts_.retries, 2U);
  EXPECT_EQ(hook.seen()[2], hook.seen()[0]);
}

TEST_F(WebhookTest, AndGivenUpAfterSoManyTries) {
  test::Upstream* self = nullptr;
  test::Upstream hook({answers(self, "HTTP/1.1 500 No\r\n\r\n")});
  self = &hook;
  post(hook.url("/"), {"{}"}, [&] { return lost().size() == 1; });
  EXPECT_THAT(lost()[0], HasSubstr("the answer is 500, after 3 tries"));
  EXPECT_EQ(hook.connections(), 3);
  EXPECT_EQ(counts_.lost, 1U);
  EXPECT_EQ(counts_.delivered, 0U);
}

TEST_F(WebhookTest, ARefusalIsFinal) {
  test::Upstream* self = nullptr;
  test::Upstream hook({answers(self, "HTTP/1.1 404 No\r\n\r\n"), answers(self, "HTTP/1.1 302 Go\r\n\r\n"),
                       answers(self, "HTTP/1.1 200 OK\r\n\r\n")});
  self = &hook;
  post(hook.url("/"), {"{}", "{}", R"({"c":3})"}, [&] { return hook.seen().size() == 3; });
  EXPECT_EQ(lost().size(), 2U);
  EXPECT_EQ(counts_.retries, 0U);
  EXPECT_THAT(hook.seen()[2], HasSubstr("{\"c\":3,"));
}

// --- https ---

class SecureWebhookTest : public WebhookTest {
 protected:
  // `hook` answers over TLS.
  static std::string secure_url(const test::Upstream& hook) { return "https://" + hook.authority() + "/hook"; }
  static test::Upstream::Script over_tls(test::Upstream*& self) {
    const auto inside = [](test::Upstream& hook, test::Peer& peer) {
      hook.saw(peer.read_request());
      peer.send("HTTP/1.1 200 OK\r\n\r\n");
    };
    return [&self, script = test::over_tls(inside)](test::Peer& peer) { script(*self, peer); };
  }
};

TEST_F(SecureWebhookTest, HttpsIsSpoken) {
  config_.tls.upstream_roots = {test::test_ca().path()};
  test::Upstream* self = nullptr;
  test::Upstream hook({over_tls(self)});
  self = &hook;
  post(secure_url(hook), {R"({"a":1})", R"({"b":2})"}, [&] { return hook.seen().size() == 2; });
  EXPECT_TRUE(lost().empty());
  EXPECT_THAT(hook.seen()[0], HasSubstr("POST /hook HTTP/1.1\r\nHost: " + hook.authority() + "\r\n"));
  EXPECT_THAT(hook.seen()[1], HasSubstr("{\"b\":2,"));
}

TEST_F(SecureWebhookTest, ACertificateThatDoesNotVerifyIsToldNothingAndNotTriedAgain) {
  test::Upstream* self = nullptr;
  test::Upstream hook({over_tls(self)});
  self = &hook;
  post(secure_url(hook), {"{}"}, [&] { return lost().size() == 1; });
  EXPECT_THAT(lost()[0], HasSubstr("certificate"));
  EXPECT_EQ(hook.connections(), 1);
  EXPECT_TRUE(hook.seen().empty());
}

TEST_F(WebhookTest, NobodyThereIsTold) {
  std::uint16_t port = 0;
  { const proxy::Fd closed = test::listen_on_free_port(port); }
  post("http://127.0.0.1:" + std::to_string(port), {"{}"}, [&] { return !lost().empty(); });
  EXPECT_THAT(lost()[0], testing::AllOf(HasSubstr("did not take a message"), HasSubstr("after 3 tries")));
}

TEST_F(WebhookTest, OnlySoManyWait) {
  std::uint16_t port = 0;
  const proxy::Fd silent = test::listen_on_free_port(port);
  std::vector<std::string> messages(Webhook::kMostWaiting + 3, "{}");
  post("http://127.0.0.1:" + std::to_string(port), messages, [&] { return lost().size() == 3; });
  EXPECT_EQ(lost().size(), messages.size()) << "those that wait when the process ends are told too";
  EXPECT_THAT(lost().back(), HasSubstr("the process ends"));
}

}  // namespace
}  // namespace backoffd::admin
