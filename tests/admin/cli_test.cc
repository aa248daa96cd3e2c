#include "admin/cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "admin/environment.h"
#include "admin/version.h"

namespace backoffd::admin {
namespace {

using namespace std::chrono_literals;
using policy::GateId;
using policy::GateLayer;
using policy::GateMode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Command good(std::vector<std::string> arguments) {
  auto command = parse_command_line(std::move(arguments));
  EXPECT_TRUE(command) << command.error().text();
  return command ? *command : Command();
}

std::string fault(std::vector<std::string> arguments) {
  const auto command = parse_command_line(std::move(arguments));
  return command ? "" : command.error().text();
}

std::vector<Assignment> environment(std::map<std::string, std::string> variables, Problems& problems) {
  return read_environment(
      [&](const std::string& name) {
        const auto it = variables.find(name);
        return it == variables.end() ? std::nullopt : std::optional(it->second);
      },
      problems);
}

Settings settings(std::string_view file, const std::map<std::string, std::string>& variables,
                  std::vector<std::string> arguments) {
  Problems problems;
  std::vector<Assignment> all = environment(variables, problems);
  const Command command = good(std::move(arguments));
  all.insert(all.end(), command.assignments.begin(), command.assignments.end());
  auto loaded = read_settings(file, all);
  for (const auto& problem : loaded.problems) ADD_FAILURE() << problem.text();
  return loaded.settings;
}

TEST(Cli, NothingGivenRunsTheProxy) {
  const Command command = good({});
  EXPECT_EQ(command.kind, Command::Kind::run);
  EXPECT_THAT(command.assignments, IsEmpty());
}

TEST(Cli, EveryFlagReachesItsKey) {
  const Settings s = settings(R"({"egress": {"allow": ["a.example"]}})", {},
                              {"--listen",
                               "127.0.0.1:1",
                               "--listen",
                               "[::1]:2",
                               "--admin",
                               "127.0.0.1:3",
                               "--workers",
                               "4",
                               "--state-dir",
                               "/state",
                               "--allow",
                               "10.0.0.0/8",
                               "--allow=*.lab",
                               "--connect-ports",
                               "443,8443",
                               "--access-log",
                               "off",
                               "--provider-learning-path",
                               "/x.json",
                               "--set",
                               "retry.max_attempts=2",
                               "--set",
                               "via=a"});
  EXPECT_THAT(s.config.proxy.listen, ElementsAre("127.0.0.1:1", "[::1]:2"));
  EXPECT_EQ(s.config.admin.listen, "127.0.0.1:3");
  EXPECT_EQ(s.config.proxy.workers, 4U);
  EXPECT_EQ(s.config.state_dir, "/state");
  EXPECT_THAT(s.config.proxy.egress.allow, ElementsAre("a.example", "10.0.0.0/8", "*.lab"));
  EXPECT_THAT(s.config.proxy.egress.connect_ports, ElementsAre(443, 8443));
  EXPECT_EQ(s.config.proxy.access_log, "off");
  EXPECT_EQ(learning_path(s.config), "/x.json");
  EXPECT_EQ(s.config.policy.retry.max_attempts, 2);
  EXPECT_EQ(s.config.proxy.via, "a");
  EXPECT_TRUE(settings("", {}, {"--connect-ports", "any"}).config.proxy.egress.connect_any_port);
  EXPECT_EQ(learning_path(settings("", {}, {"--state-dir", "/state"}).config), "/state/learning.json");
}

TEST(Cli, FileThenEnvironmentThenCommandLine) {
  const std::string file = R"({"gates": {"contextual-retry": true}, "learning": {"path": "/file"}})";
  EXPECT_EQ(settings(file, {{"BACKOFFD_PROVIDER_LEARNING_PATH", "/env"}}, {}).config.policy.learning.path, "/env");
  EXPECT_EQ(settings(file, {{"BACKOFFD_PROVIDER_LEARNING_PATH", "/env"}}, {"--provider-learning-path", "/flag"})
                .config.policy.learning.path,
            "/flag");
  const Settings s = settings(file, {{"BACKOFFD_ENABLE_CONTEXTUAL_RETRY", "off"}}, {"--enable-contextual-retry"});
  ASSERT_EQ(s.gates.size(), 3U);
  EXPECT_EQ(s.gates[0].layer, GateLayer::config);
  EXPECT_EQ(s.gates[0].setting.mode, GateMode::on);
  EXPECT_EQ(s.gates[1].layer, GateLayer::environment);
  EXPECT_EQ(s.gates[1].setting.mode, GateMode::off);
  EXPECT_EQ(s.gates[2].layer, GateLayer::command_line);
  EXPECT_EQ(s.gates[2].setting.mode, GateMode::on);
}

TEST(Cli, AGateFlagMayAlsoSayNo) {
  const Settings s = settings("", {}, {"--enable-provider-learning=false"});
  ASSERT_EQ(s.gates.size(), 1U);
  EXPECT_EQ(s.gates[0].id, GateId::provider_learning);
  EXPECT_EQ(s.gates[0].setting.mode, GateMode::off);
}

TEST(Cli, WhatIsWrongIsNamed) {
  EXPECT_THAT(fault({"--wrokers", "4"}), HasSubstr("--wrokers"));
  EXPECT_THAT(fault({"stray"}), HasSubstr("stray"));
  EXPECT_THAT(fault({"--config"}), HasSubstr("--config"));
  EXPECT_THAT(fault({"--set", "retry.max_attempts"}), HasSubstr("expected KEY=VALUE"));
  EXPECT_THAT(fault({"--output", "xml"}), HasSubstr("--output"));
  EXPECT_THAT(fault({"gate", "contextual-retyr", "on"}), HasSubstr("contextual-retyr"));
  EXPECT_THAT(fault({"gate", "contextual-retry", "maybe"}), HasSubstr("maybe"));
  EXPECT_THAT(fault({"gate", "contextual-retry", "on", "--percentage", "101"}), HasSubstr("101"));
  EXPECT_THAT(fault({"gate", "contextual-retry", "--percentage", "5", "--replace"}),
              HasSubstr("MODE: expected on, off or shadow"));
  EXPECT_THAT(fault({"gate", "contextual-retry", "--replace"}), HasSubstr("--replace: expected the setting"));
  EXPECT_THAT(fault({"gate", "contextual-retry", "reset", "--replace"}), HasSubstr("reset takes a flip back"));
  EXPECT_THAT(fault({"gate", "contextual-retry", "reset", "--percentage", "5"}), HasSubstr("reset takes a flip back"));
  EXPECT_THAT(fault({"gate", "contextual-retry", "on", "--watch"}), HasSubstr("--watch"));
  EXPECT_THAT(fault({"gate", "--guard", "report"}), HasSubstr("NAME"));
  EXPECT_THAT(fault({"gate", "contextual-retry", "--ramp", "1,10", "--percentage", "5"}), HasSubstr("--percentage"));
  EXPECT_THAT(fault({"compare"}), HasSubstr("NAME"));
  EXPECT_THAT(fault({"learning", "reset"}), HasSubstr("KEY"));
  EXPECT_THAT(fault({"status", "--interval", "1s"}), HasSubstr("--watch"));
  EXPECT_THAT(fault({"health", "--timeout", "2"}), HasSubstr("needs a unit"));
  EXPECT_THAT(fault({"health", "--timeout", "0s"}), HasSubstr("must be longer than nothing"));
  EXPECT_THAT(fault({"completion", "tcsh"}), HasSubstr("tcsh"));
  EXPECT_THAT(fault({"status", "gate"}), HasSubstr("gate"));
}

TEST(Cli, WhatIsNotExpectedIsListedInItsOrder) {
  EXPECT_THAT(fault({"status", "one", "two", "--three"}), HasSubstr("one two --three"));
  EXPECT_THAT(fault({"--one", "--two"}), HasSubstr("--one --two"));
}

TEST(Cli, AGateSettingThatCannotBeNeedsNoProxyToBeRefused) {
  const auto refused = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"gate", "contextual-retry"});
    return fault(std::move(arguments));
  };
  EXPECT_EQ(refused({"--ramp", "10,1"}), "--ramp: must go upward");
  EXPECT_EQ(refused({"on", "--step", "200h", "--slice", "100h"}),
            "--step: \"200h\": must be from 1s to 168h; --slice: \"100h\": must be from 1s to 24h");
  EXPECT_THAT(refused({"on", "--slice", "1m", "--washout", "2m"}), HasSubstr("--washout: must be shorter"));
  EXPECT_EQ(refused({"on", "--washout", "20m"}), "");
  EXPECT_EQ(refused({"on", "--slice", "30s"}), "");
}

TEST(Cli, WrongUseIsWhatWasSaidHere) {
  const auto problems_of = [](const Command& command, std::string_view file) {
    return read_settings(file, command.assignments).problems;
  };
  const Command wrong = good({"--admin", "nonsense", "--workers", "x", "--set", "foo=1", "--listen", "a"});
  EXPECT_EQ(problems_of(wrong, "").size(), 4U);
  EXPECT_TRUE(is_wrong_use(wrong, problems_of(wrong, "")));
  EXPECT_FALSE(is_wrong_use(wrong, problems_of(wrong, R"({"via": 5})")));
  EXPECT_FALSE(is_wrong_use(good({}), problems_of(good({}), R"({"workers": "x"})")));
}

TEST(Cli, GateCommand) {
  const Command command =
      good({"gate", "provider-learning", "shadow", "--percentage", "12.5", "--admin", "127.0.0.1:3"});
  EXPECT_EQ(command.kind, Command::Kind::gate);
  EXPECT_EQ(command.gate.gate, GateId::provider_learning);
  EXPECT_EQ(json::write(*command.gate.setting), R"({"percentage":12.5,"mode":"shadow"})");
  ASSERT_EQ(command.assignments.size(), 1U);
  EXPECT_EQ(command.assignments[0].path, "admin.listen");
}

TEST(Cli, AGateTakesAllThatTheAdminInterfaceDoes) {
  const auto setting = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"gate", "contextual-retry"});
    const Command command = good(std::move(arguments));
    return command.gate.setting ? json::write(*command.gate.setting) : "none";
  };
  EXPECT_EQ(setting({}), "none");
  EXPECT_EQ(setting({"off"}), R"({"mode":"off"})");
  EXPECT_EQ(setting({"reset"}), "null");
  EXPECT_EQ(setting({"--ramp", "1,10,50", "--step", "10m", "--guard", "enforce"}),
            R"({"guard":"enforce","ramp":[1.0,10.0,50.0],"step":"10m"})");
  EXPECT_EQ(setting({"on", "--unit", "client", "--providers", "crossref,open*"}),
            R"({"unit":"client","providers":["crossref","open*"],"mode":"on"})");
  EXPECT_EQ(setting({"--percentage", "5", "--slice", "20m", "--washout", "0s"}),
            R"({"percentage":5.0,"slice":"20m","washout":"0s"})");
  EXPECT_EQ(good({"gate"}).gate.gate, std::nullopt);
  EXPECT_FALSE(good({"gate", "contextual-retry", "on"}).gate.replace);
  EXPECT_TRUE(good({"gate", "contextual-retry", "on", "--replace"}).gate.replace);
}

TEST(Cli, CommandsThatAsk) {
  EXPECT_EQ(good({"status"}).kind, Command::Kind::status);
  EXPECT_EQ(good({"status"}).watch, std::nullopt);
  EXPECT_EQ(good({"status"}).patience, 5s);
  EXPECT_EQ(good({"status", "--watch", "--timeout", "1s"}).watch, 2s);
  EXPECT_EQ(good({"status", "--watch", "--timeout", "1s"}).patience, 1s);
  EXPECT_EQ(good({"learning", "--watch", "--interval", "500ms"}).watch, 500ms);
  EXPECT_EQ(good({"health"}).kind, Command::Kind::health);
  EXPECT_EQ(good({"health"}).patience, 2s);
  EXPECT_EQ(good({"compare", "contextual-retry"}).gate.gate, GateId::contextual_retry);
  EXPECT_EQ(good({"compare", "contextual-retry"}).window, policy::FigureWindow::since_flip);
  EXPECT_EQ(good({"compare", "contextual-retry", "--window", "1h"}).window, policy::FigureWindow::hour);
  EXPECT_EQ(good({"drain"}).kind, Command::Kind::drain);
  EXPECT_FALSE(good({"drain"}).wait);
  EXPECT_TRUE(good({"drain", "--wait"}).wait);
  EXPECT_EQ(good({"learning", "a@b"}).learning.key, "a@b");
  EXPECT_FALSE(good({"learning", "a@b"}).learning.reset);
  EXPECT_EQ(good({"learning", "reset", "a@b"}).learning.key, "a@b");
  EXPECT_TRUE(good({"learning", "reset", "a@b"}).learning.reset);
  EXPECT_EQ(good({"check", "--config", "x"}).kind, Command::Kind::check);
  EXPECT_EQ(good({"status", "--token-file", "/t"}).assignments[0].path, "admin.token_file");
}

TEST(Cli, ExecRunsWhatStandsBehindTheDashes) {
  const Command command =
      good({"--config", "x", "exec", "--quiet", "--intercept", "none", "--", "curl", "-O", "--", "--config"});
  EXPECT_EQ(command.kind, Command::Kind::exec);
  EXPECT_THAT(command.program, ElementsAre("curl", "-O", "--", "--config"));
  EXPECT_TRUE(command.quiet);
  EXPECT_EQ(command.config_file, "x");
  ASSERT_EQ(command.assignments.size(), 1U);
  EXPECT_EQ(command.assignments[0].path, "tls.intercept");
  EXPECT_FALSE(good({"exec", "--", "true"}).quiet);
}

TEST(Cli, ExecWithoutDashesIsToldHow) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"exec"}, {"exec", "--"}, {"exec", "curl", "-O", "x"}, {"exec", "curl", "--help-me"}}) {
    EXPECT_THAT(fault(arguments), HasSubstr("exec: what to run stands behind --"));
  }
  EXPECT_THAT(fault({"exec", "--lisen", "1", "--", "true"}), HasSubstr("--lisen"));
  EXPECT_THAT(fault({"--check", "--", "true"}), HasSubstr("only exec runs a command"));
}

TEST(Cli, EnvAndItsFormats) {
  EXPECT_EQ(good({"env"}).kind, Command::Kind::env);
  EXPECT_EQ(good({"env"}).env_format, EnvFormat::sh);
  EXPECT_EQ(good({"env", "--format", "fish"}).env_format, EnvFormat::fish);
  EXPECT_EQ(good({"env", "--format", "dotenv"}).env_format, EnvFormat::dotenv);
  EXPECT_EQ(good({"env", "--format", "json", "--admin", "127.0.0.1:3"}).env_format, EnvFormat::json);
  EXPECT_THAT(fault({"env", "--format", "csh"}), HasSubstr("csh"));
}

TEST(Cli, CaAndItsActions) {
  EXPECT_EQ(good({"ca", "show"}).ca_action, CaAction::show);
  const Command command = good({"ca", "rotate", "--output", "json", "--state-dir", "/s"});
  EXPECT_EQ(command.kind, Command::Kind::ca);
  EXPECT_EQ(command.ca_action, CaAction::rotate);
  EXPECT_EQ(command.output, Output::json);
  EXPECT_THAT(fault({"ca"}), HasSubstr("ACTION"));
  EXPECT_THAT(fault({"ca", "burn"}), HasSubstr("burn"));
}

TEST(Cli, LearningStatusAndCheck) {
  EXPECT_EQ(good({"--provider-learning-status"}).output, Output::table);
  const Command command = good({"--provider-learning-status", "--output", "json", "--config", "x"});
  EXPECT_EQ(command.kind, Command::Kind::learning);
  EXPECT_EQ(command.output, Output::json);
  EXPECT_EQ(command.config_file, "x");
  EXPECT_EQ(good({"--check"}).kind, Command::Kind::check);
}

TEST(Cli, HelpAndVersionAreMessages) {
  const Command help = good({"--help"});
  EXPECT_EQ(help.kind, Command::Kind::message);
  for (const char* flag : {"--config",
                           "--check",
                           "--listen",
                           "--admin",
                           "--workers",
                           "--state-dir",
                           "--allow",
                           "--connect-ports",
                           "--access-log",
                           "--enable-contextual-retry",
                           "--enable-provider-learning",
                           "--provider-learning-path",
                           "--set",
                           "--help",
                           "--version",
                           "--provider-learning-status",
                           "--output",
                           "gate",
                           "DOCSTOKG_",
                           "--intercept",
                           "--upstream-ca",
                           "--ca ",
                           "--ca-cert",
                           "--ca-key",
                           "exec",
                           "env",
                           "ca"}) {
    EXPECT_THAT(help.message, HasSubstr(flag));
  }
  EXPECT_EQ(good({"--version"}).message, "backoffd " + std::string(kVersion) + "\n");
  EXPECT_THAT(good({"--help-keys"}).message, HasSubstr("retry.max_attempts: integer (1..100), default 6"));
  EXPECT_THAT(good({"gate", "--help"}).message, HasSubstr("--percentage"));
}

TEST(Environment, TrueAndFalseInAnyCase) {
  for (const char* text : {"1", "true", "YES", "On"}) {
    Problems problems;
    const auto all = environment({{"DOCSTOKG_ENABLE_PROVIDER_LEARNING", text}}, problems);
    ASSERT_EQ(all.size(), 1U) << text;
    EXPECT_EQ(all[0].layer, GateLayer::environment);
    EXPECT_TRUE(*all[0].value.boolean()) << text;
  }
  for (const char* text : {"0", "FALSE", "no", "off"}) {
    Problems problems;
    const auto all = environment({{"BACKOFFD_ENABLE_PROVIDER_LEARNING", text}}, problems);
    ASSERT_EQ(all.size(), 1U) << text;
    EXPECT_FALSE(*all[0].value.boolean()) << text;
  }
}

TEST(Environment, AnEmptyVariableSaysNothing) {
  Problems problems;
  EXPECT_THAT(
      environment({{"BACKOFFD_ENABLE_CONTEXTUAL_RETRY", ""}, {"DOCSTOKG_PROVIDER_LEARNING_PATH", ""}}, problems),
      IsEmpty());
  EXPECT_THAT(problems, IsEmpty());
}

TEST(Environment, AnythingElseIsRefusedWithNameAndValue) {
  Problems problems;
  EXPECT_THAT(environment({{"DOCSTOKG_ENABLE_CONTEXTUAL_RETRY", "maybe"}}, problems), IsEmpty());
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].text(),
            "DOCSTOKG_ENABLE_CONTEXTUAL_RETRY: \"maybe\": expected 1, true, yes, on, 0, false, no or off");
}

TEST(Environment, TheOwnPrefixWins) {
  const Settings s = settings("",
                              {{"BACKOFFD_ENABLE_CONTEXTUAL_RETRY", "0"},
                               {"DOCSTOKG_ENABLE_CONTEXTUAL_RETRY", "1"},
                               {"DOCSTOKG_PROVIDER_LEARNING_PATH", "/d"}},
                              {});
  ASSERT_EQ(s.gates.size(), 1U);
  EXPECT_EQ(s.gates[0].setting.mode, GateMode::off);
  EXPECT_EQ(s.config.policy.learning.path, "/d");
}

}  // namespace
}  // namespace backoffd::admin
