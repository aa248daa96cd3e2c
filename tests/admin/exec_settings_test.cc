// What a proxy of one command is set up with, and what it says in the end. The rest is tried with the real program:
// tests/exec.
#include "admin/exec_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>

#include "admin/exec_summary.h"

namespace backoffd::admin {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Settings load(std::string_view file, std::vector<Assignment> flags = {}) {
  std::vector<Assignment> all = exec_assignments();
  all.insert(all.end(), flags.begin(), flags.end());
  Loaded loaded = read_settings(file, all, exec_defaults());
  for (const auto& problem : loaded.problems) ADD_FAILURE() << problem.text();
  return loaded.settings;
}

Environment environment(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) {
    const auto it = variables.find(name);
    return it == variables.end() ? std::nullopt : std::optional(it->second);
  };
}

TEST(ExecSettings, WithoutMoreEverythingIsInterceptedAndNothingIsOpen) {
  const Config config = load("").config;
  EXPECT_THAT(config.proxy.listen, ElementsAre("127.0.0.1:0"));
  EXPECT_EQ(config.admin.listen, "off");
  EXPECT_EQ(config.proxy.access_log, "off");
  EXPECT_EQ(config.log_level, LogLevel::warning);
  EXPECT_EQ(config.tls.ca, CaKind::ephemeral);
  EXPECT_EQ(config.proxy.tls.intercept, proxy::InterceptMode::all);
  EXPECT_EQ(config.proxy.upstream_proxy.url, "environment");
  EXPECT_TRUE(config.proxy.egress.connect_any_port);
}

TEST(ExecSettings, WhatAFileSaysOfTheSidecarsOwnPlaceIsNotForUs) {
  const Config config = load(R"({"listen": ["127.0.0.1:8080"], "admin": {"listen": "127.0.0.1:9901"},
    "access_log": "/var/log/x", "log_level": "debug", "tls": {"publish_dir": "/shared", "intercept": ["a.example"]},
    "upstream_proxy": "", "egress": {"allow": []}, "retry": {"max_attempts": 2}})")
                            .config;
  EXPECT_THAT(config.proxy.listen, ElementsAre("127.0.0.1:0"));
  EXPECT_EQ(config.admin.listen, "off");
  EXPECT_EQ(config.proxy.access_log, "off");
  EXPECT_EQ(config.log_level, LogLevel::warning);
  EXPECT_EQ(config.tls.publish_dir, "");
  EXPECT_EQ(config.proxy.tls.intercept, proxy::InterceptMode::hosts);
  EXPECT_EQ(config.tls.ca, CaKind::ephemeral);
  EXPECT_EQ(config.proxy.upstream_proxy.url, "");
  EXPECT_THAT(config.proxy.egress.allow, IsEmpty());
  EXPECT_EQ(config.policy.retry.max_attempts, 2);
}

TEST(ExecSettings, FlagsCount) {
  const Config config =
      load("", {{"--admin", "admin.listen", "127.0.0.1:9"}, {"--access-log", "access_log", "-"}}).config;
  EXPECT_EQ(config.admin.listen, "127.0.0.1:9");
  EXPECT_EQ(config.proxy.access_log, "-");
}

class LearnedState : public testing::Test {
 protected:
  LearnedState() {
    char folder[] = "/tmp/backoffd-test-XXXXXX";
    folder_ = mkdtemp(folder);
  }
  ~LearnedState() override { std::filesystem::remove_all(folder_); }
  std::string placed(Settings settings, std::map<std::string, std::string> variables) {
    place_learned_state(settings, environment(std::move(variables)));
    return learning_path(settings.config);
  }
  static constexpr const char* kLearns = R"({"gates": {"provider-learning": true}})";
  std::string folder_;
};

TEST_F(LearnedState, LiesInTheUsersStateFolder) {
  EXPECT_EQ(placed(load(kLearns), {{"XDG_STATE_HOME", folder_}}), folder_ + "/backoffd/learning.json");
  struct stat found {};
  ASSERT_EQ(stat((folder_ + "/backoffd").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700U);
  EXPECT_EQ(placed(load(kLearns), {{"HOME", folder_}}), folder_ + "/.local/state/backoffd/learning.json");
  EXPECT_EQ(placed(load(kLearns), {{"XDG_STATE_HOME", "relative"}, {"HOME", folder_}}),
            folder_ + "/.local/state/backoffd/learning.json");
  EXPECT_EQ(placed(load(kLearns), {}), "");
}

TEST_F(LearnedState, LiesWhereAFileOrAFlagSays) {
  const auto flag = [](const char* name, const char* path) { return std::vector<Assignment>{{"--x", name, path}}; };
  EXPECT_EQ(placed(load(kLearns, flag("state_dir", "/s")), {{"XDG_STATE_HOME", folder_}}), "/s/learning.json");
  EXPECT_EQ(placed(load(kLearns, flag("learning.path", "/l")), {{"XDG_STATE_HOME", folder_}}), "/l");
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/backoffd"));
}

TEST_F(LearnedState, LeavesNoTraceWhereNothingIsLearned) {
  EXPECT_EQ(placed(load(""), {{"XDG_STATE_HOME", folder_}}), "");
  EXPECT_EQ(placed(load(kLearns, {{"--x", "gates.provider-learning", false}}), {{"XDG_STATE_HOME", folder_}}), "");
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/backoffd"));
}

TEST(ExecSummary, TellsWhatHappenedAndNoMore) {
  EXPECT_EQ(ExecSummary().text(), "0 requests, 0 retries");
  EXPECT_EQ((ExecSummary{.requests = 1, .retries = 1}).text(), "1 request, 1 retry");
  EXPECT_EQ((ExecSummary{.requests = 12,
                         .retries = 3,
                         .resumed_bodies = 1,
                         .resumed_bytes = 1363149,
                         .queued = 2,
                         .queued_seconds = 3.14,
                         .absorbed_throttles = 2})
                .text(),
            "12 requests, 3 retries; 1 body resumed, 1.3 MiB not fetched again; 2 requests held for 3.1 s in all; 2 "
            "429s avoided");
  EXPECT_EQ((ExecSummary{.resumed_bodies = 2, .resumed_bytes = 1023}).text(),
            "0 requests, 0 retries; 2 bodies resumed, 1023 bytes not fetched again");
}

TEST(ExecSummary, AddsUpTheWorkers) {
  proxy::Counters a, b;
  a.responses[2].add(2);
  b.responses[5].add();
  a.retries.add();
  b.resumed_bodies.add();
  b.resumed_bytes.add(2048);
  a.queued.add();
  a.queue_seconds.observe(1.5);
  b.absorbed_throttles.add();
  EXPECT_EQ(ExecSummary::of({&a, &b}).text(),
            "3 requests, 1 retry; 1 body resumed, 2.0 KiB not fetched again; 1 request held for 1.5 s in all; 1 429 "
            "avoided");
}

}  // namespace
}  // namespace backoffd::admin
