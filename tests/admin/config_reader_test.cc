#include "admin/config_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/config_keys.h"

namespace backoffd::admin {
namespace {

using namespace std::chrono_literals;
using policy::GateId;
using policy::GateLayer;
using policy::GateMode;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> texts(const Problems& problems) {
  std::vector<std::string> out;
  for (const auto& problem : problems) out.push_back(problem.text());
  return out;
}

std::vector<std::string> problems_of(std::string_view file, const std::vector<Assignment>& assignments = {}) {
  return texts(read_settings(file, assignments).problems);
}

Assignment set(std::string path, std::string_view text) { return assignment_of_text("--set " + path, path, text); }

Config good(std::string_view file, const std::vector<Assignment>& assignments = {}) {
  auto loaded = read_settings(file, assignments);
  EXPECT_THAT(texts(loaded.problems), IsEmpty());
  return loaded.settings.config;
}

TEST(ConfigReader, NothingGivenMeansTheDefaultsOfTheStructs) {
  EXPECT_EQ(json::write(show_config(good(""))), json::write(show_config(Config())));
  EXPECT_EQ(json::write(show_config(good("{}"))), json::write(show_config(Config())));
}

TEST(ConfigReader, TheNamesAndDefaultsOthersRelyOn) {
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"listen", R"(["127.0.0.1:8080"])"},
      {"admin.listen", R"("127.0.0.1:9901")"},
      {"admin.token_file", R"("")"},
      {"workers", "0"},
      {"state_dir", R"("")"},
      {"access_log", R"("-")"},
      {"log_level", R"("info")"},
      {"retry.max_attempts", "6"},
      {"retry.max_delay", R"("1m")"},
      {"retry.base_delay", R"("500ms")"},
      {"retry.max_backoff", R"("1m")"},
      {"retry.statuses", "[429,500,502,503,504]"},
      {"retry.replay_limit", R"("1MiB")"},
      {"retry.retry_after_cap", R"("15m")"},
      {"retry.budget.ratio", "0.2"},
      {"retry.budget.min_per_second", "10.0"},
      {"timeouts.client_head", R"("10s")"},
      {"timeouts.client_idle", R"("75s")"},
      {"timeouts.connect", R"("10s")"},
      {"timeouts.response_head", R"("30s")"},
      {"timeouts.stall", R"("30s")"},
      {"timeouts.tunnel_idle", R"("10m")"},
      {"timeouts.drain", R"("25s")"},
      {"limits.head_bytes", R"("64KiB")"},
      {"limits.request_target", R"("16KiB")"},
      {"limits.fields", "256"},
      {"limits.connections", "20000"},
      {"limits.body_buffer", R"("256KiB")"},
      {"gates.contextual-retry", "false"},
      {"gates.provider-learning", "false"},
      {"gates.allow_request_override", "false"},
      {"learning.path", R"("")"},
      {"learning.max_pause", R"("5m")"},
      {"learning.probe", "true"},
      {"egress.allow", "[]"},
      {"egress.deny", "[]"},
      {"egress.allow_private", "false"},
      {"egress.connect_ports", "[443]"},
      {"tls.intercept", R"("none")"},
      {"tls.passthrough", "[]"},
      {"tls.ca", R"("state_dir")"},
      {"tls.upstream_roots", "[]"},
      {"upstream_proxy", R"("")"},
      {"providers[].upstream_roots", R"("")"},
      {"providers", "[]"},
      {"providers[].name", "required"},
      {"providers[].hosts", "required"},
      {"providers[].limits", "[]"},
      {"providers[].roles", "[]"},
      {"providers[].max_concurrency", "0"},
      {"providers[].max_rate", "none"},
      {"providers[].max_wait", R"("30s")"},
      {"providers[].max_queue", "1024"},
      {"providers[].count_head", "false"},
      {"providers[].operations", "[]"},
      {"providers[].alternates", "[]"},
  };
  for (const auto& [path, preset] : expected) {
    const auto row =
        std::find_if(key_rows().begin(), key_rows().end(), [&](const KeyRow& r) { return r.path == path; });
    ASSERT_NE(row, key_rows().end()) << path;
    EXPECT_EQ(row->preset, preset) << path;
  }
}

TEST(ConfigReader, EveryPartIsRead) {
  const Config config = good(R"({
    // a comment
    "listen": ["127.0.0.1:1", "[::1]:2"], "workers": 3, "log_level": "debug", "via": "us",
    "admin": {"listen": "127.0.0.1:3", "hosts": ["box"]},
    "retry": {"max_attempts": 2, "max_delay": "90s", "statuses": [503, 429, 429], "replay_limit": 4096,
              "budget": {"ratio": 1, "min_per_second": 0.5}},
    "timeouts": {"connect": "250ms", "tunnel_idle": "24h", "stall": "1.5s"},
    "limits": {"head_bytes": "128KiB", "connections": 10},
    "egress": {"allow": ["10.0.0.0/8", "*.lab"], "deny": ["bad.example"], "allow_private": true,
               "connect_ports": [443, 8443]},
    "dns": {"nameservers": ["192.0.2.53"], "cache": "5s"},
    "gates": {"allow_request_override": true,
              "contextual-retry": {"mode": "shadow", "percentage": 12.5, "unit": "client", "providers": ["arx*"]},
              "provider-learning": true},
    "learning": {"path": "/x/y.json", "max_pause": "10m", "probe": false},
    "default_limits": {"limits": ["10/SECOND"], "max_concurrency": 4},
    "providers": [{
      "name": "crossref", "hosts": ["api.crossref.org", "*.crossref.org"], "limits": ["5/s", "10000/HOUR"],
      "roles": [{"name": "lists", "operations": ["resolve"], "limits": ["1/SECOND"]}],
      "max_concurrency": 3, "max_rate": "20/SECOND", "max_wait": {"default": "5s", "download": "10m"}, "max_queue": 9,
      "count_head": true, "operations": [{"method": "GET", "path": "/works*", "operation": "resolve"}],
      "alternates": ["mirror.example"]}]
  })");
  EXPECT_THAT(config.proxy.listen, ElementsAre("127.0.0.1:1", "[::1]:2"));
  EXPECT_EQ(config.proxy.workers, 3U);
  EXPECT_EQ(config.log_level, LogLevel::debug);
  EXPECT_EQ(config.proxy.via, "us");
  EXPECT_EQ(config.admin.listen, "127.0.0.1:3");
  EXPECT_THAT(config.admin.hosts, ElementsAre("box"));
  EXPECT_EQ(config.policy.retry.max_attempts, 2);
  EXPECT_EQ(config.policy.retry.max_delay, 90s);
  EXPECT_EQ(config.policy.retry.base_delay, 500ms);
  EXPECT_THAT(config.policy.retry.statuses, ElementsAre(429, 503));
  EXPECT_EQ(config.policy.retry.replay_limit, 4096U);
  EXPECT_EQ(config.policy.retry.budget.ratio, 1.0);
  EXPECT_EQ(config.policy.retry.budget.min_per_second, 0.5);
  EXPECT_EQ(config.proxy.timeouts.connect, 250ms);
  EXPECT_EQ(config.proxy.timeouts.tunnel_idle, 24h);
  EXPECT_EQ(config.proxy.timeouts.stall, 1500ms);
  EXPECT_EQ(config.proxy.limits.head_bytes, 128U << 10);
  EXPECT_THAT(config.proxy.egress.allow, ElementsAre("10.0.0.0/8", "*.lab"));
  EXPECT_TRUE(config.proxy.egress.allow_private);
  EXPECT_THAT(config.proxy.egress.connect_ports, ElementsAre(443, 8443));
  EXPECT_EQ(config.proxy.dns_cache, 5s);
  EXPECT_EQ(config.policy.contextual_retry.mode, GateMode::shadow);
  EXPECT_EQ(config.policy.contextual_retry.percentage, 12.5);
  EXPECT_EQ(config.policy.contextual_retry.unit, policy::GateUnit::client);
  EXPECT_EQ(config.policy.provider_learning.mode, GateMode::on);
  EXPECT_EQ(config.policy.provider_learning.unit, policy::GateUnit::slice);
  EXPECT_FALSE(config.policy.learning.probe);
  EXPECT_EQ(config.policy.default_limits.max_concurrency, 4);
  ASSERT_EQ(config.policy.providers.size(), 1U);
  const auto& provider = config.policy.providers[0];
  EXPECT_THAT(provider.limit.limits, ElementsAre(*policy::Rate::parse("5/SECOND"), *policy::Rate::parse("10000/HOUR")));
  EXPECT_EQ(provider.limit.roles.at(0).operations.at(0), policy::Operation::resolve);
  EXPECT_EQ(provider.limit.max_rate->text(), "20/SECOND");
  EXPECT_EQ(provider.limit.queue.max_wait, 5s);
  EXPECT_EQ(provider.limit.queue.max_wait_of.at(policy::Operation::download), 10min);
  EXPECT_EQ(provider.limit.queue.max_queue, 9);
  EXPECT_TRUE(provider.limit.count_head);
  EXPECT_EQ(provider.operations.at(0).path, "/works*");
  EXPECT_THAT(provider.alternates, ElementsAre("mirror.example"));

  // What is shown reads back as the same.
  const std::string shown = json::write(show_config(config));
  EXPECT_EQ(json::write(show_config(good(shown))), shown);
}

TEST(ConfigReader, DefaultLimitsMayBeJustTheList) {
  EXPECT_THAT(good(R"({"default_limits": ["3/SECOND"]})").policy.default_limits.limits,
              ElementsAre(*policy::Rate::parse("3/SECOND")));
}

TEST(ConfigReader, AllProblemsAreToldInOneRunWithPathAndValue) {
  EXPECT_THAT(
      problems_of(R"({
    "retry": {"max_atempts": 3, "max_delay": 60, "statuses": [200, "x"]},
    "workers": -1,
    "timeouts": {"connect": "10 s", "stall": "10"},
    "limits": {"head_bytes": "64KB"},
    "log_level": "loud",
    "retry": {},
    "providers": [
      {"name": "a", "hosts": ["a.example"]},
      {"hosts": ["https://b.example/"], "limits": ["5/FORTNIGHT", "0/s", 7], "max_concurrency": 1.5},
      {"name": "a", "hosts": ["a.example"], "max_wait": {"sleep": "1s"}, "operations": [{"path": "/x"}]}
    ]
  })"),
      ElementsAre(
          "retry: key given twice",  //
          "retry.max_atempts: unknown key (did you mean retry.max_attempts?)",
          "retry.max_delay: 60: needs a unit, such as \"30s\"",
          "retry.statuses[0]: 200: must be an integer from 400 to 599", "retry.statuses[1]: \"x\": expected an integer",
          "workers: -1: must be an integer from 0 to 256",
          "timeouts.connect: \"10 s\": unknown unit; expected ms, s, m, h or d",
          "timeouts.stall: \"10\": needs a unit, such as \"30s\"",
          "limits.head_bytes: \"64KB\": unknown unit; expected B, KiB, MiB or GiB",
          "log_level: \"loud\": expected one of debug, info, warning, error",
          "providers[1].hosts[0]: \"https://b.example/\": expected a host name without scheme, port or "
          "path",
          "providers[1].limits[0]: \"5/FORTNIGHT\": unknown unit; expected SECOND, MINUTE, HOUR or DAY",
          "providers[1].limits[1]: \"0/s\": count must be an integer from 1 to 1000000000",
          "providers[1].limits[2]: 7: expected a rate such as \"10/SECOND\"",
          "providers[1].max_concurrency: 1.5: must be an integer from 0 to 100000", "providers[1].name: missing",
          "providers[2].max_wait.sleep: unknown operation; expected default, download, validate, "
          "resolve, extract, manifest_fetch",
          "providers[2].operations[0].operation: missing", "providers[2].name: \"a\": is already providers[0].name",
          "providers[2].hosts[0]: \"a.example\": is already providers[0].hosts[0]"));
}

TEST(ConfigReader, GatesAreBooleansOrObjectsWithAMode) {
  EXPECT_THAT(problems_of(R"({"gates": {"contextual-retry": "on"}})"),
              ElementsAre("gates.contextual-retry: \"on\": expected true, false or an object"));
  EXPECT_THAT(problems_of(R"({"gates": {"contextual-retry": {"percentage": 101, "unit": "day"}}})"),
              ElementsAre("gates.contextual-retry.percentage: 101: must be from 0 to 100",
                          "gates.contextual-retry.unit: \"day\": expected one of request, client, key, slice",
                          "gates.contextual-retry.mode: missing"));
  EXPECT_THAT(problems_of(R"({"gates": {"provider-learning": {"mode": "on", "slice": "1m", "washout": "1m"}}})"),
              ElementsAre("gates.provider-learning.washout: must be shorter than slice (1m)"));
  EXPECT_THAT(problems_of(R"({"gates": {"contextual_retry": true}})"),
              ElementsAre("gates.contextual_retry: unknown key (did you mean gates.contextual-retry?)"));
}

TEST(ConfigReader, AKeyInTheWrongSectionIsRecognised) {
  EXPECT_THAT(problems_of(R"({"max_attempts": 3})"),
              ElementsAre("max_attempts: unknown key (did you mean retry.max_attempts?)"));
  EXPECT_THAT(problems_of(R"({"providers": [{"name": "x", "hosts": ["x"], "max_wiat": "1s"}]})"),
              ElementsAre("providers[0].max_wiat: unknown key (did you mean providers[0].max_wait?)"));
  EXPECT_THAT(problems_of(R"({"zzzzzz": 3})"), ElementsAre("zzzzzz: unknown key"));
}

TEST(ConfigReader, WrongTypesAreNamed) {
  EXPECT_THAT(
      problems_of(R"({"retry": 5, "providers": {}, "via": 5, "listen": [], "egress": {"allow_private": "yes"}})"),
      ElementsAre("retry: 5: expected an object", "providers: {}: expected a list", "via: 5: expected text",
                  "listen: []: must not be empty", "egress.allow_private: \"yes\": expected true or false"));
  EXPECT_THAT(problems_of("[]"), ElementsAre("[]: expected an object"));
  EXPECT_THAT(problems_of("{\"state_dir\": \"a\\nb\"}"),
              ElementsAre("state_dir: \"a\\nb\": holds a control character"));
}

TEST(ConfigReader, SyntaxIsToldByLineAndColumn) {
  const auto problems = problems_of("{\n  \"workers\" 2\n}");
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_TRUE(problems[0].starts_with("line 2, column ")) << problems[0];
}

TEST(ConfigReader, AListenerThatOthersReachNeedsClients) {
  EXPECT_EQ(problems_of(R"({"listen": ["127.0.0.1:1", "*:8080"]})").size(), 1U);
  EXPECT_THAT(problems_of(R"({"listen": ["0.0.0.0:8080"]})"),
              ElementsAre("listen[0]: \"0.0.0.0:8080\": others than this machine could use the proxy; name those who "
                          "may in clients"));
  EXPECT_EQ(problems_of(R"({"listen": ["[::]:8080"]})").size(), 1U);
  EXPECT_EQ(problems_of(R"({"listen": ["192.0.2.1:8080"]})").size(), 1U);
  EXPECT_EQ(good(R"({"listen": ["*:8080"], "clients": ["10.0.0.0/8"]})").proxy.listen.at(0), "0.0.0.0:8080");
  good(R"({"listen": ["[::1]:8080", "127.9.9.9:1", "localhost:0"]})");
}

TEST(ConfigReader, AnAdminInterfaceThatOthersReachNeedsAToken) {
  EXPECT_THAT(problems_of(R"({"admin": {"listen": "0.0.0.0:9901"}})"),
              ElementsAre("admin.listen: \"0.0.0.0:9901\": others than this machine could change settings; set "
                          "admin.token_file"));
  good(R"({"admin": {"listen": "0.0.0.0:9901", "token_file": "/run/token"}})");
  good(R"({"admin": {"listen": "off"}})");
  EXPECT_EQ(problems_of(R"({"admin": {"listen": "127.0.0.1:8080"}})").size(), 1U);
}

TEST(ConfigReader, RulesBetweenKeys) {
  EXPECT_THAT(problems_of(R"({"retry": {"base_delay": "2m"}, "limits": {"head_bytes": "8KiB"}})"),
              ElementsAre("retry.base_delay: \"2m\": must not be longer than retry.max_backoff (1m)",
                          "limits.request_target: \"16KiB\": must not be larger than limits.head_bytes (8KiB)"));
  EXPECT_THAT(problems_of(R"({"providers": [{"name": "a", "hosts": ["h", "g"]}, {"name": "a", "hosts": ["g"]}]})"),
              ElementsAre("providers[1].name: \"a\": is already providers[0].name",
                          "providers[1].hosts[0]: \"g\": is already providers[0].hosts[1]"));
  // A place is that of the file, whatever else is wrong before it; what is wrong there claims nothing.
  EXPECT_THAT(problems_of(R"({"providers": [{"name": 1, "hosts": [2, 3, "g"]}, {"name": "a b", "hosts": ["h"]},
                              {"name": "c", "hosts": ["i", "g"]}]})"),
              ElementsAre("providers[0].name: 1: expected text", "providers[0].hosts[0]: 2: expected text",
                          "providers[0].hosts[1]: 3: expected text",
                          "providers[1].name: \"a b\": expected a name of 1 to 64 characters without @, /, quotes and "
                          "spaces",
                          "providers[2].hosts[1]: \"g\": is already providers[0].hosts[2]"));
}

TEST(ConfigSet, EveryKindOfKeyCanBeSet) {
  const Config config =
      good(R"({"retry": {"max_attempts": 2}, "providers": [{"name": "a", "hosts": ["a"]}]})",
           {set("retry.max_attempts", "9"), set("retry.max_delay", "5s"), set("egress.connect_ports", "443,8443"),
            set("egress.allow", "10.0.0.0/8, *.lab"), set("limits.head_bytes", "65536"), set("via", "5"),
            set("retry.budget.ratio", "0.5"), set("response_headers", "false"), set("providers[0].max_wait", "7s"),
            set("providers[0].limits", R"(["1/SECOND"])"), set("default_limits", R"({"max_queue": 5})"),
            set("retry.statuses", "503"), set("log_level", "error")});
  EXPECT_EQ(config.policy.retry.max_attempts, 9);
  EXPECT_EQ(config.policy.retry.max_delay, 5s);
  EXPECT_THAT(config.proxy.egress.connect_ports, ElementsAre(443, 8443));
  EXPECT_THAT(config.proxy.egress.allow, ElementsAre("10.0.0.0/8", "*.lab"));
  EXPECT_EQ(config.proxy.via, "5");
  EXPECT_FALSE(config.proxy.response_headers);
  EXPECT_EQ(config.policy.providers[0].limit.queue.max_wait, 7s);
  EXPECT_EQ(config.policy.providers[0].limit.limits.at(0).text(), "1/SECOND");
  EXPECT_EQ(config.policy.default_limits.queue.max_queue, 5);
  EXPECT_THAT(config.policy.retry.statuses, ElementsAre(503));
  EXPECT_EQ(config.log_level, LogLevel::error);
  EXPECT_TRUE(good("", {set("egress.connect_ports", "any")}).proxy.egress.connect_any_port);
}

TEST(ConfigSet, ProblemsNameTheFlagNotTheFile) {
  EXPECT_THAT(problems_of("", {set("retry.max_atempts", "9"), set("workers", "many"), set("providers[3].name", "x"),
                               set("retry.statuses", "503,1"), set("gates", "{}"), set("retry.max_delay", "30")}),
              ElementsAre("--set providers[3].name: there is no providers[3].name to set in the configuration file",
                          "--set gates: set each gate by itself, such as gates.contextual-retry=true",
                          "--set retry.max_atempts: unknown key (did you mean retry.max_attempts?)",
                          "--set retry.statuses[1]: 1: must be an integer from 400 to 599",
                          "--set retry.max_delay: \"30\": needs a unit, such as \"30s\"",
                          "--set workers: \"many\": expected an integer"));
}

TEST(ConfigSet, AppendingAddsToTheListOfTheFile) {
  Assignment allow{"--allow", "egress.allow", "10.0.0.0/8"};
  allow.append = true;
  Assignment wrong{"--allow", "egress.allow", "10.0.0.0/99"};
  wrong.append = true;
  EXPECT_THAT(good(R"({"egress": {"allow": ["a.example"]}})", {allow}).proxy.egress.allow,
              ElementsAre("a.example", "10.0.0.0/8"));
  const auto problems = problems_of("", {allow, wrong});
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_TRUE(problems[0].starts_with("--allow: \"10.0.0.0/99\": ")) << problems[0];
}

TEST(ConfigGates, EachLayerIsKeptApart) {
  Assignment environment{"BACKOFFD_ENABLE_CONTEXTUAL_RETRY", "gates.contextual-retry", true, GateLayer::environment};
  const auto loaded = read_settings(R"({"gates": {"contextual-retry": false}})",
                                    {set("gates.contextual-retry.percentage", "10"), environment});
  EXPECT_THAT(texts(loaded.problems), IsEmpty());
  const auto& gates = loaded.settings.gates;
  ASSERT_EQ(gates.size(), 3U);
  EXPECT_EQ(gates[0].layer, GateLayer::config);
  EXPECT_EQ(gates[0].setting.mode, GateMode::off);
  EXPECT_EQ(gates[1].layer, GateLayer::environment);
  EXPECT_EQ(gates[1].setting.mode, GateMode::on);
  EXPECT_EQ(gates[1].setting.percentage, 100);
  EXPECT_EQ(gates[2].layer, GateLayer::command_line);
  EXPECT_EQ(gates[2].setting.mode, GateMode::on);
  EXPECT_EQ(gates[2].setting.percentage, 10);
  EXPECT_EQ(loaded.settings.config.policy.contextual_retry.mode, GateMode::off);
}

TEST(ConfigGates, AKeyOfAGateThatNobodyTurnedOnIsAProblem) {
  EXPECT_THAT(problems_of("", {set("gates.provider-learning.percentage", "10")}),
              ElementsAre("gates.provider-learning.mode: missing"));
}

TEST(ConfigKeys, EveryRowCanBeUsedInAReference) {
  for (const KeyRow& row : key_rows()) {
    EXPECT_FALSE(row.meaning.empty()) << row.path;
    EXPECT_EQ(row.meaning.find('|'), std::string::npos) << row.path;
    EXPECT_FALSE(row.preset.empty()) << row.path;
    EXPECT_FALSE(row.type.empty()) << row.path;
  }
}

}  // namespace
}  // namespace backoffd::admin
