// The commands that ask, against a whole service on a thread of this process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "admin/client.h"
#include "admin/compare_command.h"
#include "admin/drain_command.h"
#include "admin/file.h"
#include "admin/gate_command.h"
#include "admin/health_command.h"
#include "admin/learning_command.h"
#include "admin/learning_file.h"
#include "admin/service.h"
#include "admin/status_command.h"
#include "admin/version.h"
#include "tests/support/running_proxy.h"
#include "tests/support/socket.h"
#include "tests/support/temporary_file.h"

namespace backoffd::admin {
namespace {

using namespace std::chrono_literals;
using policy::FigureWindow;
using policy::GateId;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kToken = "correct-horse-battery";
const Terminal kNone;

std::uint16_t free_port() {
  std::uint16_t port = 0;
  const proxy::Fd fd = test::listen_on_free_port(port);
  return port;
}

class CommandsTest : public testing::Test {
 protected:
  CommandsTest() : level_(spdlog::get_level()), port_(free_port()), admin_port_(free_port()) {
    spdlog::set_level(spdlog::level::off);
    char folder[] = "/tmp/backoffd-test-XXXXXX";
    folder_ = mkdtemp(folder);
    admin_.listen = "127.0.0.1:" + std::to_string(admin_port_);
  }
  ~CommandsTest() override {
    if (thread_.joinable()) {
      service_->loop().post([this] { service_->stop(); });
      thread_.join();
    }
    std::filesystem::remove_all(folder_);
    spdlog::set_level(level_);
  }

  void start(const std::string& token = "") {
    const std::string file = R"({"listen": ["127.0.0.1:)" + std::to_string(port_) + R"("], "admin": {"listen": ")" +
                             admin_.listen + R"("}, "access_log": "off", "workers": 1, "state_dir": ")" +
                             folder_.string() + R"(", "egress": {"allow": ["127.0.0.0/8"]},
                             "gates": {"thresholds": {"settle": "0s"}},
                             "default_limits": {"limits": ["100/SECOND"], "max_concurrency": 7}})";
    Loaded loaded = read_settings(file, {});
    for (const auto& problem : loaded.problems) ADD_FAILURE() << problem.text();
    auto service = Service::make(std::move(loaded.settings), token);
    ASSERT_TRUE(service) << service.error().text();
    service_ = std::move(*service);
    thread_ = std::thread([this] {
      service_->run();
      if (ends_alone_) service_.reset();  // and with it its ports, as a process does
    });
  }
  // One request that an origin answers so.
  void request(const std::string& answer) const {
    std::uint16_t origin_port = 0;
    const proxy::Fd origin = test::listen_on_free_port(origin_port);
    test::Peer client = test::connect_to(port_);
    client.send(test::get_request("http://127.0.0.1:" + std::to_string(origin_port) + "/"));
    test::Peer upstream{proxy::Fd(accept(origin.get(), nullptr, nullptr))};
    upstream.read_head();
    upstream.send(answer);
    client.read_response();
  }
  void write_state() {
    policy::LearnedKey key;
    key.key = "p@p.example";
    key.reduction_pct = 40;
    key.base_rate = 10;
    key.recovery_times = {2, 2};
    const policy::WallTime now = proxy::Loop::wall_now();
    ASSERT_EQ(replace_file(folder_ / "learning.json", write_learned({.saved = now, .keys = {key}})), "");
  }
  AdminClient client() const { return {admin_, 5s}; }
  static std::string out(const CommandResult& result) {
    EXPECT_EQ(result.exit_code, kExitOk) << result.complaint;
    EXPECT_EQ(result.complaint, "");
    return result.out;
  }
  static json::Value parsed(const CommandResult& result) {
    auto document = json::parse(out(result), json::Dialect::strict);
    EXPECT_TRUE(document) << result.out;
    return document ? document->root : json::Value();
  }

  const spdlog::level::level_enum level_;
  std::filesystem::path folder_;
  std::uint16_t port_;
  std::uint16_t admin_port_;
  AdminConfig admin_;
  std::unique_ptr<Service> service_;
  bool ends_alone_ = false;  // by a drain, instead of with the test
  std::thread thread_;
};

constexpr const char* kGood = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST_F(CommandsTest, StatusTellsWhatRuns) {
  start();
  EXPECT_THAT(out(status_command(client(), Output::table, kNone)), HasSubstr("No provider was asked yet."));
  request(kGood);
  const std::string text = out(status_command(client(), Output::table, kNone));
  EXPECT_THAT(text, StartsWith("backoffd " + std::string(kVersion) + ", up "));
  EXPECT_THAT(text, AllOf(HasSubstr("serves on 127.0.0.1:" + std::to_string(port_) + ", admin on " + admin_.listen),
                          HasSubstr("1 request answered, 0 retries"),
                          ContainsRegex("127.0.0.1@127.0.0.1 +[a-z]+ +"
                                        "100/s +100/s +0/7 +0 +1 +0\n"),
                          ContainsRegex("contextual-retry +off "), Not(HasSubstr("\x1b"))));
}

TEST_F(CommandsTest, JsonIsTheAdminInterfacesOwn) {
  start();
  const auto raw = [&](const std::string& path) {
    return call({.admin = *proxy::Endpoint::parse(admin_.listen),
                 .method = "GET",
                 .path = path,
                 .body = {},
                 .token = {},
                 .patience = kCallPatience,
                 .cancel = -1})
        ->body;
  };
  EXPECT_EQ(out(gate_command(client(), {}, Output::json, kNone)), raw("/gates"));
  EXPECT_EQ(out(learning_command(client(), {}, Output::json, kNone)), raw("/learning"));
  const json::Value state = parsed(status_command(client(), Output::json, kNone));
  EXPECT_EQ(*state.find("version")->string(), kVersion);
  EXPECT_GE(state.find("uptime")->number(), 0);
}

TEST_F(CommandsTest, ThreeWhoAskForTheStateAtOnceAllGetIt) {
  start();
  std::vector<std::thread> askers;
  std::atomic<int> told = 0;
  for (int i = 0; i < 3; ++i) {
    askers.emplace_back([&] { told += status_command(client(), Output::json, kNone).exit_code == kExitOk ? 1 : 0; });
  }
  for (std::thread& asker : askers) asker.join();
  EXPECT_EQ(told, 3);
}

TEST_F(CommandsTest, GatesAreShownAndFlipped) {
  start();
  json::Value setting;
  setting["mode"] = "on";
  setting["percentage"] = 10;
  setting["guard"] = "enforce";
  const GateOrder flip{GateId::contextual_retry, setting};
  EXPECT_THAT(
      out(gate_command(client(), flip, Output::table, kNone)),
      AllOf(StartsWith("contextual-retry: on for 10 % of requests\n"), HasSubstr("until the proxy is restarted")));
  EXPECT_THAT(out(gate_command(client(), {}, Output::table, kNone)),
              AllOf(ContainsRegex("contextual-retry +on +10 % +enforce +insufficient +admin +20"),
                    ContainsRegex("provider-learning +off +- +report +- +default +-\n")));
  EXPECT_THAT(out(gate_command(client(), {GateId::contextual_retry, {}}, Output::table, kNone)),
              AllOf(ContainsRegex("layers +default: off; admin: on for 10 % of requests\n"),
                    ContainsRegex("last change +flipped by admin at 20.*Z: on")));
  const GateOrder back{GateId::contextual_retry, json::Value()};
  EXPECT_THAT(out(gate_command(client(), back, Output::table, kNone)), StartsWith("contextual-retry: off\n"));
}

TEST_F(CommandsTest, ItIsToldThatAStateFolderKeepsRollbacks) {
  start();
  EXPECT_TRUE(*parsed(gate_command(client(), {}, Output::json, kNone)).find("rollbacks_kept")->boolean());
}

TEST_F(CommandsTest, AFlipChangesWhatItNamesAndNothingElse) {
  start();
  const auto flip = [&](const char* text, bool replace = false) {
    const GateOrder order{GateId::provider_learning, json::parse(text, json::Dialect::strict)->root, replace};
    const CommandResult result = gate_command(client(), order, Output::json, kNone);
    EXPECT_EQ(result.exit_code, kExitOk) << result.complaint;
    auto answer = json::parse(result.out, json::Dialect::strict);
    return std::pair(answer ? *answer->root.find("effective") : json::Value(), result.complaint);
  };
  const auto member = [](const json::Value& setting, std::string_view name) {
    return json::write(*setting.find(name));
  };
  flip(R"({"mode": "on", "percentage": 10, "unit": "key", "providers": ["a", "b*"], "guard": "enforce"})");
  const auto [shared, quiet] = flip(R"({"mode": "on", "percentage": 20})");
  EXPECT_EQ(member(shared, "percentage"), "20.0");
  EXPECT_EQ(member(shared, "unit"), "\"key\"");
  EXPECT_EQ(member(shared, "providers"), R"(["a","b*"])");
  EXPECT_EQ(member(shared, "guard"), "\"enforce\"");
  EXPECT_EQ(quiet, "");
  EXPECT_EQ(member(flip(R"({"mode": "off"})").first, "percentage"), "20.0");
  const json::Value climbs = flip(R"({"ramp": [5, 50], "step": "2h"})").first;
  EXPECT_EQ(member(climbs, "mode"), "\"on\"");
  EXPECT_EQ(member(climbs, "percentage"), "5.0");
  EXPECT_EQ(member(flip(R"({"guard": "report"})").first, "ramp"), "[5.0,50.0]");
  const auto [all, warning] = flip(R"({"percentage": 100, "guard": "enforce"})");
  EXPECT_EQ(member(all, "ramp"), "[]");
  EXPECT_EQ(member(all, "unit"), "\"key\"");
  EXPECT_THAT(warning, HasSubstr("at 100 % there is no control arm to compare with"));
  const json::Value whole = flip(R"({"mode": "on", "percentage": 30})", true).first;
  EXPECT_EQ(member(whole, "unit"), "\"slice\"");
  EXPECT_EQ(member(whole, "guard"), "\"report\"");
  EXPECT_EQ(member(whole, "providers"), "[]");
}

TEST_F(CommandsTest, WhatTheProxyRefusesIsSaidWithItsPlace) {
  start();
  json::Value setting;
  setting["mode"] = "maybe";
  const CommandResult result = gate_command(client(), {GateId::contextual_retry, setting}, Output::table, kNone);
  EXPECT_EQ(result.exit_code, kExitFailed);
  EXPECT_THAT(result.complaint, AllOf(StartsWith("gate contextual-retry: mode: \"maybe\"")));
}

TEST_F(CommandsTest, TheTokenIsNeededForWhatChangesSomething) {
  start(kToken);
  EXPECT_EQ(gate_command(client(), {}, Output::table, kNone).exit_code, kExitOk);
  const LearningOrder reset{"p@p.example", true};
  const CommandResult without = learning_command(client(), reset, Output::table, kNone);
  EXPECT_EQ(without.exit_code, kExitFailed);
  EXPECT_THAT(without.complaint, AllOf(HasSubstr(admin_.listen), HasSubstr("--token-file names its file")));
  const test::TemporaryFile other("not-the-right-token");
  admin_.token_file = other.path();
  EXPECT_THAT(learning_command(client(), reset, Output::table, kNone).complaint,
              HasSubstr("that of \"" + other.path() + "\" is not it"));
  const test::TemporaryFile right(kToken);
  admin_.token_file = right.path();
  EXPECT_EQ(learning_command(client(), reset, Output::table, kNone).complaint,
            "\"p@p.example\": Nothing is known of this provider@host.");
  admin_.token_file = "/no/such/file";
  EXPECT_EQ(gate_command(client(), {}, Output::table, kNone).exit_code, kExitOk);
  EXPECT_THAT(learning_command(client(), reset, Output::table, kNone).complaint,
              HasSubstr("admin.token_file: \"/no/such/file\": No such file"));
}

TEST_F(CommandsTest, LearningInATableInWordsAndForgotten) {
  write_state();
  start();
  EXPECT_THAT(out(learning_command(client(), {}, Output::table, kNone)), ContainsRegex("p@p.example +[a-z]+ +0 +40 %"));
  EXPECT_THAT(out(learning_command(client(), {"p@p.example"}, Output::table, kNone)),
              AllOf(StartsWith("p@p.example: "), ContainsRegex("limit +.*40 % taken off"),
                    ContainsRegex("recovery +about 2.00 s")));
  EXPECT_NEAR(parsed(learning_command(client(), {"p@p.example"}, Output::json, kNone)).find("reduction_pct")->number(),
              40, 0.5);
  EXPECT_EQ(out(learning_command(client(), {"p@p.example", true}, Output::table, kNone)),
            "What was learned of p@p.example is forgotten.\n");
  EXPECT_THAT(out(learning_command(client(), {"p@p.example"}, Output::table, kNone)), Not(HasSubstr("taken off")));
  EXPECT_EQ(learning_command(client(), {"x@y"}, Output::table, kNone).complaint,
            "\"x@y\": nothing is known of this provider@host");
}

TEST_F(CommandsTest, CompareHasBothArmsAndTheReasons) {
  start();
  json::Value setting;
  setting["mode"] = "on";
  setting["percentage"] = 50;
  out(gate_command(client(), {GateId::contextual_retry, setting}, Output::table, kNone));
  request(kGood);
  EXPECT_THAT(
      out(compare_command(client(), GateId::contextual_retry, FigureWindow::since_flip, Output::table, kNone)),
      AllOf(StartsWith("contextual-retry: insufficient\n  - "), HasSubstr("It is on for 50 % of requests, since "),
            ContainsRegex("success rate +100.00 % +100.00 %"), HasSubstr("confidence at every look"),
            ContainsRegex("attempts per exchange +(1 +-|- +1)\n")));
  EXPECT_THAT(
      out(compare_command(client(), GateId::contextual_retry, FigureWindow::five_minutes, Output::table, kNone)),
      AllOf(HasSubstr("LAST 5 MIN"), ContainsRegex("attempts per exchange +(1 +-|- +1)\n")));
  EXPECT_EQ(*parsed(compare_command(client(), GateId::contextual_retry, FigureWindow::since_flip, Output::json, kNone))
                 .find("gate")
                 ->string(),
            "contextual-retry");
}

TEST_F(CommandsTest, ADrainCanBeWaitedFor) {
  ends_alone_ = true;
  start();
  const CommandResult result = drain_command(client(), true, Output::table);
  EXPECT_THAT(out(result), HasSubstr("It has gone after "));
  thread_.join();
  EXPECT_EQ(drain_command(client(), false, Output::table).exit_code, kExitNoProxy);
}

TEST_F(CommandsTest, HealthFollowsADrain) {
  start();
  EXPECT_EQ(health_command(admin_, 2s).exit_code, kExitOk);
  test::Peer busy = test::connect_to(port_);
  std::uint16_t origin_port = 0;
  const proxy::Fd origin = test::listen_on_free_port(origin_port);
  busy.send(test::get_request("http://127.0.0.1:" + std::to_string(origin_port) + "/"));
  test::Peer upstream{proxy::Fd(accept(origin.get(), nullptr, nullptr))};
  upstream.read_head();
  out(drain_command(client(), false, Output::json));
  EXPECT_EQ(health_command(admin_, 2s).complaint, "not healthy: This proxy takes no new requests.");
  EXPECT_THAT(out(status_command(client(), Output::table, kNone)), HasSubstr(": drains on "));
}

TEST_F(CommandsTest, WhereNoProxyRunsThatIsAnExitCodeOfItsOwn) {
  for (const CommandResult& result :
       {status_command(client(), Output::table, kNone), gate_command(client(), {}, Output::table, kNone),
        learning_command(client(), {}, Output::json, kNone),
        compare_command(client(), GateId::contextual_retry, FigureWindow::since_flip, Output::json, kNone)}) {
    EXPECT_EQ(result.exit_code, kExitNoProxy);
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(result.complaint, "no answer from the admin interface at " + admin_.listen + ": Connection refused");
  }
  admin_.listen = "off";
  EXPECT_THAT(status_command(client(), Output::table, kNone).complaint, HasSubstr("there is nobody to ask"));
}

TEST_F(CommandsTest, WhereNoProxyRunsWhatWasLearnedComesFromTheFile) {
  Config config;
  config.state_dir = folder_;
  EXPECT_EQ(learning_of_file({}, Output::table, config, "no", kNone).exit_code, kExitNoProxy);
  write_state();
  const CommandResult table = learning_of_file({}, Output::table, config, "no", kNone);
  EXPECT_EQ(table.exit_code, 0) << table.complaint;
  EXPECT_THAT(table.out, HasSubstr("p@p.example"));
  EXPECT_THAT(table.complaint, HasSubstr("saved "));
  const auto document = json::parse(learning_of_file({}, Output::json, config, "no", kNone).out, json::Dialect::strict);
  ASSERT_TRUE(document);
  const json::Value* entry = document->root.find("providers")->find("p@p.example");
  ASSERT_NE(entry, nullptr);
  EXPECT_NEAR(entry->find("reduction_pct")->number(), 40, 0.5);
  EXPECT_THAT(learning_of_file({"p@p.example"}, Output::table, config, "no", kNone).out, HasSubstr("taken off"));
}

TEST(AdminClient, AnAnswerThatIsNoJsonIsNamed) {
  std::uint16_t port = 0;
  const proxy::Fd listener = test::listen_on_free_port(port);
  std::thread other([&] {
    test::Peer caller{proxy::Fd(accept(listener.get(), nullptr, nullptr))};
    caller.read_head();
    caller.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<html");
  });
  AdminConfig admin;
  admin.listen = "127.0.0.1:" + std::to_string(port);
  const Reply reply = AdminClient(admin, 10s).get("/gates", "gates");
  other.join();
  EXPECT_EQ(reply.failure.exit_code, kExitFailed);
  EXPECT_THAT(reply.failure.complaint,
              StartsWith("the answer of " + admin.listen + " to GET /gates is no JSON: line 1"));
}

TEST(PercentEncoding, IsOfOneSegment) {
  EXPECT_EQ(percent_encoded("crossref@api.crossref.org"), "crossref@api.crossref.org");
  EXPECT_EQ(percent_encoded("a@::1/b?c%d\xc3\xa9"), "a@%3A%3A1%2Fb%3Fc%25d%C3%A9");
}

}  // namespace
}  // namespace backoffd::admin
