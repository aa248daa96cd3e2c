// `backoffd health` against what a port can do to it, and where it finds that port.
#include "admin/health_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <map>
#include <thread>

#include "admin/load.h"
#include "proxy/net/loop.h"
#include "tests/support/socket.h"
#include "tests/support/temporary_file.h"

namespace backoffd::admin {
namespace {

using namespace std::chrono_literals;
using proxy::Loop;
using testing::HasSubstr;
using testing::IsEmpty;

// Somebody at a port who says this text to the first caller, a byte at a time, and stays.
class Slow {
 public:
  Slow(const std::string& text, policy::Duration between) : listener_(test::listen_on_free_port(port_)) {
    thread_ = std::thread([this, text, between] {
      const proxy::Fd caller(accept(listener_.get(), nullptr, nullptr));
      for (std::size_t i = 0; i < text.size() && send(caller.get(), &text[i], 1, MSG_NOSIGNAL) == 1; ++i) {
        std::this_thread::sleep_for(between);
      }
      char rest[512];
      while (recv(caller.get(), rest, sizeof rest, 0) > 0) continue;
    });
  }
  ~Slow() { thread_.join(); }
  AdminConfig admin() const {
    AdminConfig admin;
    admin.listen = "127.0.0.1:" + std::to_string(port_);
    return admin;
  }

 private:
  std::uint16_t port_ = 0;
  const proxy::Fd listener_;
  std::thread thread_;
};

std::string answer(const std::string& status, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

TEST(HealthCommand, AProxyThatServesIsHealthy) {
  const Slow ready(answer("200 OK", "{}"), 0s);
  const CommandResult result = health_command(ready.admin(), 10s);
  EXPECT_EQ(result.exit_code, kExitOk);
  EXPECT_EQ(result.out, "healthy: it serves, says " + ready.admin().listen + "\n");
}

TEST(HealthCommand, OneThatDrainsIsNot) {
  const Slow draining(answer("503 Service Unavailable", R"({"error": {"message": "No more."}})"), 0s);
  const CommandResult result = health_command(draining.admin(), 10s);
  EXPECT_EQ(result.exit_code, kExitFailed);
  EXPECT_EQ(result.complaint, "not healthy: No more.");
}

TEST(HealthCommand, TheDeadlineIsOfTheWholeCall) {
  for (const std::string& text : {std::string(), answer("200 OK", std::string(1000, ' '))}) {
    const Slow slow(text, 5ms);
    const auto began = Loop::now();
    const CommandResult result = health_command(slow.admin(), 200ms);
    EXPECT_LT(Loop::now() - began, 4s);  // at its own pace the answer takes five
    EXPECT_EQ(result.exit_code, kExitFailed);
    EXPECT_THAT(result.complaint, HasSubstr("it took longer than 200ms"));
  }
}

TEST(HealthCommand, WhatIsNoAnswerIsNamed) {
  const Slow other("220 mail.example ESMTP\r\n\r\n", 0s);
  EXPECT_THAT(health_command(other.admin(), 10s).complaint, HasSubstr("that is no HTTP answer"));
  AdminConfig off;
  off.listen = "off";
  EXPECT_THAT(health_command(off, 1s).complaint, HasSubstr("there is nobody to ask"));
}

class LoadAdmin : public testing::Test {
 protected:
  AdminConfig load(const std::vector<Assignment>& flags = {}) {
    Command command;
    command.assignments = flags;
    return load_admin(
        command,
        [this](const std::string& name) {
          const auto it = variables_.find(name);
          return it == variables_.end() ? std::nullopt : std::optional(it->second);
        },
        problems_);
  }
  std::map<std::string, std::string> variables_;
  Problems problems_;
};

TEST_F(LoadAdmin, FlagThenEnvironmentThenFile) {
  EXPECT_EQ(load().listen, "127.0.0.1:9901");
  const test::TemporaryFile file(R"({"admin": {"listen": "127.0.0.1:1", "token_file": "/t"}})");
  variables_["BACKOFFD_CONFIG"] = file.path();
  EXPECT_EQ(load().listen, "127.0.0.1:1");
  EXPECT_EQ(load().token_file, "/t");
  variables_["BACKOFFD_ADMIN"] = "127.0.0.1:2";
  variables_["BACKOFFD_ADMIN_TOKEN_FILE"] = "/e";
  EXPECT_EQ(load().listen, "127.0.0.1:2");
  EXPECT_EQ(load().token_file, "/e");
  EXPECT_EQ(load({{"--admin", "admin.listen", "[::1]:3"}}).listen, "[::1]:3");
  EXPECT_THAT(problems_, IsEmpty());
}

// An orchestrator that ended a proxy because somebody is editing its file would do harm.
TEST_F(LoadAdmin, WhatIsWrongElsewhereDoesNotMatter) {
  const test::TemporaryFile file(R"({"admin": {"listen": "0.0.0.0:1"}, "retyr": {}, "tls": {"ca_cert": "/no"}})");
  variables_["BACKOFFD_CONFIG"] = file.path();
  variables_["BACKOFFD_ENABLE_CONTEXTUAL_RETRY"] = "maybe";
  EXPECT_EQ(load().listen, "0.0.0.0:1");
  EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(LoadAdmin, WhereTheAddressCannotBeKnownItIsSaidWhy) {
  const test::TemporaryFile file("{\"admin\": {");
  variables_["BACKOFFD_CONFIG"] = file.path();
  load();
  ASSERT_EQ(problems_.size(), 1U);
  EXPECT_THAT(problems_[0].text(), HasSubstr(file.path() + ", line 1, column 12"));
  problems_.clear();
  EXPECT_EQ(load({{"--admin", "admin.listen", "127.0.0.1:3"}}).listen, "127.0.0.1:3");
  EXPECT_THAT(problems_, IsEmpty());
  load({{"--admin", "admin.listen", "nowhere"}});
  ASSERT_EQ(problems_.size(), 1U);
  EXPECT_THAT(problems_[0].text(), HasSubstr("--admin: \"nowhere\""));
}

}  // namespace
}  // namespace backoffd::admin
