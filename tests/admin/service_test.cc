// The whole program but its command line, as a process of its own: signals, drain, saves.
#include "admin/serve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/wait.h>

#include <filesystem>

#include "admin/client.h"
#include "admin/file.h"
#include "admin/json.h"
#include "admin/learning_file.h"
#include "admin/registrable_label.h"
#include "tests/support/running_proxy.h"
#include "tests/support/socket.h"

namespace backoffd::admin {
namespace {

using test::status_of;
using testing::HasSubstr;

std::uint16_t free_port() {
  std::uint16_t port = 0;
  const proxy::Fd fd = test::listen_on_free_port(port);
  return port;
}

class ServiceTest : public testing::Test {
 protected:
  ServiceTest() : port_(free_port()), admin_port_(free_port()) {
    char folder[] = "/tmp/backoffd-test-XXXXXX";
    folder_ = mkdtemp(folder);
  }
  ~ServiceTest() override {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    std::filesystem::remove_all(folder_);
  }

  Settings settings(const std::string& more = "") {
    const std::string file =
        "{\"listen\": [\"127.0.0.1:" + std::to_string(port_) +
        "\"], \"admin\": {\"listen\": \"127.0.0.1:" + std::to_string(admin_port_) +
        "\"}, \"access_log\": \"off\", \"workers\": 1, \"egress\": {\"allow\": [\"127.0.0.0/8\"]}, "
        "\"state_dir\": \"" +
        folder_.string() + "\"" + more + "}";
    Loaded loaded = read_settings(file, {});
    for (const auto& problem : loaded.problems) ADD_FAILURE() << problem.text();
    return loaded.settings;
  }

  // A client that waits for its answer, and the origin that has the request and has not answered.
  std::pair<test::Peer, test::Peer> request_under_way() const {
    std::uint16_t origin_port = 0;
    const proxy::Fd origin = test::listen_on_free_port(origin_port);
    test::Peer client = test::connect_to(port_);
    client.send(test::get_request("http://127.0.0.1:" + std::to_string(origin_port) + "/"));
    test::Peer upstream{proxy::Fd(accept(origin.get(), nullptr, nullptr))};
    upstream.read_head();
    return {std::move(client), std::move(upstream)};
  }

  // Serves in a child; waits until it does.
  void start(const Settings& with) {
    child_ = fork();
    ASSERT_GE(child_, 0);
    if (child_ == 0) {
      spdlog::set_level(spdlog::level::off);
      auto service = Service::make(with, "");
      if (!service) _exit(3);
      serve(**service);
      service->reset();
      _exit(0);
    }
    for (int i = 0; i < 1000 && !ask("/readyz"); ++i) usleep(10000);
    ASSERT_TRUE(ask("/readyz"));
  }
  policy::Result<Answer> ask(const std::string& path, const std::string& method = "GET") {
    return call({.admin = *proxy::Endpoint::parse("127.0.0.1:" + std::to_string(admin_port_)),
                 .method = method,
                 .path = path,
                 .body = "",
                 .token = ""});
  }
  int wait_for_end() {
    int status = -1;
    waitpid(child_, &status, 0);
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  void write_state(double reduction) {
    policy::LearnedKey key;
    key.key = "p@p.example";
    key.reduction_pct = reduction;
    key.base_rate = 10;
    key.recovery_times = {2, 2};
    const policy::WallTime now = proxy::Loop::wall_now();
    ASSERT_EQ(replace_file(state_path(), write_learned({.saved = now, .keys = {key}})), "");
  }
  std::string state_path() { return folder_ / "learning.json"; }

  std::filesystem::path folder_;
  std::uint16_t port_;
  std::uint16_t admin_port_;
  pid_t child_ = -1;
};

TEST_F(ServiceTest, SigtermEndsAnIdleProxyWithSuccess) {
  start(settings());
  kill(child_, SIGTERM);
  EXPECT_EQ(wait_for_end(), 0);
}

TEST_F(ServiceTest, ADrainByCallIsAnsweredAndEndsTheProxy) {
  start(settings());
  const auto answer = ask("/drain", "POST");
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->status, 202);
  EXPECT_EQ(wait_for_end(), 0);
}

TEST_F(ServiceTest, WhatIsUnderWayMayFinish) {
  start(settings());
  auto [client, upstream] = request_under_way();
  kill(child_, SIGTERM);
  for (int i = 0; i < 1000 && ask("/readyz")->status == 200; ++i) usleep(10000);
  EXPECT_EQ(ask("/readyz")->status, 503);
  EXPECT_EQ(ask("/healthz")->status, 200);
  upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate");
  EXPECT_THAT(client.read_response(), HasSubstr("late"));
  client.close();
  EXPECT_EQ(wait_for_end(), 0);
}

TEST_F(ServiceTest, ADrainHasAnEnd) {
  start(settings(R"(, "timeouts": {"drain": "300ms"})"));
  auto [client, upstream] = request_under_way();
  kill(child_, SIGTERM);
  EXPECT_EQ(wait_for_end(), 0);
}

TEST_F(ServiceTest, ASecondSignalEndsTheDrain) {
  start(settings(R"(, "timeouts": {"drain": "1h"})"));
  auto [client, upstream] = request_under_way();
  kill(child_, SIGTERM);
  for (int i = 0; i < 1000 && ask("/readyz")->status == 200; ++i) usleep(10000);
  kill(child_, SIGINT);
  EXPECT_EQ(wait_for_end(), 0);
}

TEST_F(ServiceTest, LearnedStateIsRestoredAndSavedAtTheEnd) {
  write_state(40);
  const std::string before = *read_file(state_path(), 1 << 20);
  start(settings());
  EXPECT_THAT(ask("/learning")->body, HasSubstr("p@p.example"));
  EXPECT_EQ(ask("/learning/p@p.example/reset", "POST")->status, 200);
  kill(child_, SIGTERM);
  EXPECT_EQ(wait_for_end(), 0);
  const auto after = parse_learned(*read_file(state_path(), 1 << 20));
  ASSERT_TRUE(after);
  for (const auto& key : after->keys) EXPECT_EQ(key.reduction_pct, 0);
  EXPECT_NE(*read_file(state_path(), 1 << 20), before);
}

TEST_F(ServiceTest, AStateFileThatIsTornEndsNoStart) {
  ASSERT_EQ(replace_file(state_path(), "{\"format\": \"back"), "");
  start(settings());
  EXPECT_EQ(ask("/readyz")->status, 200);
}

TEST_F(ServiceTest, TheAdminInterfaceIsOutOfReachThroughTheProxy) {
  start(settings());
  const std::string port = std::to_string(admin_port_);
  for (const std::string& host : {"127.0.0.1:" + port, "localhost:" + port, "127.1:" + port, "2130706433:" + port,
                                  "0x7f.0.0.1:" + port, "[::ffff:127.0.0.1]:" + port}) {
    test::Peer client = test::connect_to(port_);
    client.send(test::get_request("http://" + host + "/gates"));
    const std::string response = client.read_response();
    EXPECT_EQ(status_of(response), 403) << host << "\n" << response;
  }
}

TEST_F(ServiceTest, APortInUseIsToldByItsKey) {
  std::uint16_t taken = 0;
  const proxy::Fd holder = test::listen_on_free_port(taken);
  Settings with = settings();
  with.config.admin.listen = "127.0.0.1:" + std::to_string(taken);
  const auto service = Service::make(with, "");
  ASSERT_FALSE(service);
  EXPECT_THAT(service.error().text(), HasSubstr("admin.listen: \"127.0.0.1:" + std::to_string(taken) + "\": "));
}

TEST(RegistrableLabel, TheFirstLabelOfTheRegistrableDomain) {
  EXPECT_EQ(registrable_label("api.crossref.org"), "crossref");
  EXPECT_EQ(registrable_label("crossref.org."), "crossref");
  EXPECT_EQ(registrable_label("a.b.example.co.uk"), "example");
  EXPECT_EQ(registrable_label("localhost"), "localhost");
  EXPECT_EQ(registrable_label("127.0.0.1"), "127.0.0.1");
  EXPECT_EQ(registrable_label("::1"), "::1");
  EXPECT_EQ(registrable_label(""), "");
}

}  // namespace
}  // namespace backoffd::admin
