// Gates and their experiments as the admin interface tells and takes them, without a socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "admin/config_reader.h"
#include "admin/gate_json.h"
#include "admin/gate_words.h"
#include "admin/gates_route.h"
#include "admin/process_usage.h"
#include "admin/resource_watch.h"
#include "proxy/net/loop.h"

namespace backoffd::admin {
namespace {

using namespace std::chrono_literals;
using policy::GateId;
using policy::GateMode;
using testing::Contains;
using testing::HasSubstr;

class GatesTest : public testing::Test {
 protected:
  GatesTest() {
    add_gate_routes(
        router_, engine_, [] {}, [this](GateId) { return resources_; });
    look(proxy::Loop::now());  // as a service does when it starts
  }
  void look(policy::MonoTime now) {
    engine_.look([](GateId, policy::MonoTime) { return policy::Resources(); }, now);
  }
  static policy::Config config() {
    policy::Config config;
    config.experiment.settle = 0s;
    return config;
  }

  json::Value call(const std::string& method, const std::string& path, const std::string& body, int status) {
    Request request;
    request.method = method;
    request.path = path;
    request.body = body;
    const Response response = router_.dispatch(request);
    EXPECT_EQ(response.status, status) << response.body;
    return json::parse(response.body, json::Dialect::strict)->root;
  }
  json::Value get(const std::string& path) { return call("GET", path, "", 200); }
  json::Value post(const std::string& body, int status = 200) {
    return call("POST", "/gates/contextual-retry", body, status);
  }
  // What stands at a path of members.
  static const json::Value& at(const json::Value& root, std::initializer_list<std::string_view> path) {
    static const json::Value none;
    const json::Value* value = &root;
    for (const std::string_view name : path) {
      if (value = value->find(name); value == nullptr) {
        ADD_FAILURE() << "no " << name;
        return none;
      }
    }
    return *value;
  }
  static std::string text(const json::Value& value) { return value.string() ? *value.string() : "(no text)"; }

  // Requests of which the treated ones fail, and a look.
  void harm() {
    for (std::uint64_t i = 0; i < 2000; ++i) {
      policy::RequestFacts facts;
      facts.method = "GET";
      facts.host = i % 2 == 0 ? "a.example" : "b.example";
      const policy::MonoTime now = proxy::Loop::now();
      const policy::Plan plan = engine_.plan(facts, i, now).value();
      policy::ExchangeFigures figures;
      figures.status = plan.contextual_retry.treated ? 429 : 200;
      figures.attempts = 1;
      engine_.finished(plan, figures, now);
    }
    look(proxy::Loop::now());
  }

  policy::Engine engine_{config(), [](std::string_view host) { return std::string(host); }};
  policy::Resources resources_;
  Router router_;
};

TEST_F(GatesTest, AComparisonWithoutAnExperimentSaysWhy) {
  const json::Value answer = get("/gates/contextual-retry/comparison");
  EXPECT_EQ(text(at(answer, {"verdict"})), "insufficient");
  EXPECT_EQ(text(at(answer, {"evidence"}).array()->at(0)), "the gate is off");
  EXPECT_TRUE(at(answer, {"effects"}).object()->empty());
  call("GET", "/gates/other/comparison", "", 404);
}

TEST_F(GatesTest, AComparisonShowsBothArmsEffectsAndKeys) {
  post(R"({"mode": "on", "percentage": 50})");
  resources_.memory_growth = 0.5;
  harm();
  const json::Value answer = get("/gates/contextual-retry/comparison");
  EXPECT_EQ(text(at(answer, {"gate"})), "contextual-retry");
  EXPECT_EQ(text(at(answer, {"verdict"})), "rollback");
  EXPECT_EQ(at(answer, {"setting", "percentage"}).number(), 50);
  EXPECT_EQ(at(answer, {"effects", "success_rate", "control"}).number(), 1);
  EXPECT_EQ(at(answer, {"effects", "success_rate", "treatment"}).number(), 0);
  EXPECT_LT(at(answer, {"effects", "success_rate", "high"}).number(), 0);
  EXPECT_THAT(text(at(answer, {"effects", "success_rate", "test"})), HasSubstr("Lindon"));
  const auto exchanges = [&](std::string_view side) { return at(answer, {"arms", side, "exchanges"}).number(); };
  EXPECT_EQ(exchanges("control") + exchanges("treatment"), 2000);
  EXPECT_EQ(at(answer, {"arms", "treatment", "429_given"}).number(), exchanges("treatment"));
  for (const char* window : {"5m", "1h", "since_flip"}) {
    EXPECT_GT(at(answer, {"keys", "a.example@a.example", window, "control", "exchanges"}).number(), 0) << window;
  }
}

TEST_F(GatesTest, AGateTellsWhatItsGuardDid) {
  post(R"({"mode": "on", "percentage": 50, "guard": "enforce"})");
  harm();
  const json::Value gate = get("/gates/contextual-retry");
  EXPECT_EQ(text(at(gate, {"effective", "mode"})), "off");
  EXPECT_EQ(text(at(gate, {"layer"})), "guard");
  EXPECT_EQ(text(at(gate, {"layers", "admin", "mode"})), "on");
  EXPECT_TRUE(*at(gate, {"guard", "rolled_back"}).boolean());
  const json::Array& acts = *at(gate, {"guard", "acts"}).array();
  ASSERT_EQ(acts.size(), 2u);
  EXPECT_EQ(text(at(acts[0], {"act"})), "flipped");
  EXPECT_EQ(text(at(acts[0], {"by"})), "admin");
  EXPECT_EQ(text(at(acts[1], {"act"})), "rolled_back");
  EXPECT_EQ(text(at(acts[1], {"by"})), "guard");
  EXPECT_THAT(text(at(acts[1], {"why"})), HasSubstr("success fell"));
  EXPECT_THAT(text(at(acts[1], {"at"})), HasSubstr("T"));
  EXPECT_EQ(at(acts[1], {"comparison", "effects", "success_rate", "treatment"}).number(), 0);
}

TEST_F(GatesTest, ARampNeedsNoMode) {
  const json::Value gate = post(R"({"ramp": [1, 10, 50, 100], "step": "1h", "guard": "enforce"})");
  EXPECT_EQ(text(at(gate, {"effective", "mode"})), "on");
  EXPECT_EQ(at(gate, {"effective", "percentage"}).number(), 1);
  EXPECT_EQ(text(at(gate, {"effective", "guard"})), "enforce");
  EXPECT_EQ(at(gate, {"effective", "ramp"}).array()->size(), 4u);
  EXPECT_EQ(text(at(gate, {"guard", "next_stage_at"})).size(), 20u);
  EXPECT_TRUE(at(gate, {"guard", "held_by"}).is_null());
}

TEST_F(GatesTest, ARampThatWaitsSaysWhyAndHasNoNextTimeInThePast) {
  post(R"({"ramp": [10, 50], "step": "1s"})");
  const policy::MonoTime now = proxy::Loop::now();
  const auto shown = [&](policy::Duration later) {
    return show_gate(engine_.gates().front(), {now + later, proxy::Loop::wall_now() + later});
  };
  look(now + 500ms);
  EXPECT_TRUE(at(shown(0s), {"guard", "next_stage_at"}).string());
  look(now + 5s);
  EXPECT_TRUE(at(shown(5s), {"guard", "next_stage_at"}).is_null());
  EXPECT_EQ(text(at(shown(5s), {"guard", "held_by"})), "an arm has too few exchanges to tell");
  EXPECT_THAT(gate_in_words("contextual-retry", shown(5s), Terminal()),
              HasSubstr("held: an arm has too few exchanges to tell"));
}

TEST_F(GatesTest, AGateThatTreatsEverythingHasABlindGuard) {
  const json::Value gate = post(R"({"mode": "on", "guard": "enforce"})");
  EXPECT_TRUE(*at(gate, {"guard", "blind"}).boolean());
  EXPECT_THAT(gate_in_words("contextual-retry", gate, Terminal()), HasSubstr("no control to compare with"));
  look(proxy::Loop::now());
  EXPECT_THAT(text(at(get("/gates/contextual-retry/comparison"), {"evidence"}).array()->at(0)),
              HasSubstr("there is no control arm to compare with"));
  EXPECT_FALSE(*at(post(R"({"mode": "on", "percentage": 99})"), {"guard", "blind"}).boolean());
}

TEST_F(GatesTest, ARampThatDoesNotGoUpIsRefused) {
  for (const char* body : {R"({"ramp": [10, 1]})", R"({"ramp": [1, 1]})", R"({"ramp": [101]})", R"({"ramp": 5})",
                           R"({"ramp": [1], "step": "0s"})", R"({"mode": "on", "guard": "perhaps"})"}) {
    EXPECT_EQ(text(at(post(body, 400), {"error", "code"})), "bad_setting") << body;
  }
}

TEST_F(GatesTest, AShareAndARampExcludeEachOther) {
  EXPECT_EQ(text(at(post(R"({"percentage": 20, "ramp": [1, 10]})", 400), {"error", "message"})),
            "percentage: 20: excludes ramp, which goes through percentages of its own");
  post(R"({"mode": "on", "percentage": 20, "ramp": []})");
  const json::Value gate = post(R"({"ramp": [1, 10]})");
  EXPECT_EQ(at(gate, {"effective", "percentage"}).number(), 1);
  EXPECT_EQ(at(gate, {"layers", "guard", "percentage"}).number(), 1);
  const json::Value& said = at(gate, {"layers", "admin"});
  EXPECT_EQ(said.find("percentage"), nullptr);
  EXPECT_EQ(setting_in_words(said), "on for a ramp of 1 %, 10 % of requests");
  post(json::write(said));  // what is shown of a layer can be said again
}

TEST(GateKeys, GuardRampAndThresholdsAreRead) {
  const Loaded loaded = read_settings(R"({"gates": {
      "contextual-retry": {"mode": "on", "guard": "enforce", "ramp": [5, 50], "step": "30m"},
      "thresholds": {"success_drop": 0.02, "latency_rise": 0.5, "alpha": 0.001, "min_exchanges": 50, "settle": "5s"},
      "webhook": "http://127.0.0.1:9/hook"}})",
                                      {});
  ASSERT_TRUE(loaded.problems.empty()) << loaded.problems[0].text();
  const policy::Config& read = loaded.settings.config.policy;
  EXPECT_EQ(read.contextual_retry.guard, policy::GuardMode::enforce);
  EXPECT_EQ(read.contextual_retry.ramp, (std::vector<double>{5, 50}));
  EXPECT_EQ(read.contextual_retry.step, 30min);
  EXPECT_EQ(read.experiment.success_drop, 0.02);
  EXPECT_EQ(read.experiment.latency_rise, 0.5);
  EXPECT_EQ(read.experiment.alpha, 0.001);
  EXPECT_EQ(read.experiment.min_exchanges, 50);
  EXPECT_EQ(read.experiment.settle, 5s);
  EXPECT_EQ(loaded.settings.config.admin.webhook, "http://127.0.0.1:9/hook");
}

TEST(GateKeys, WhatCannotBeIsTold) {
  for (const char* gates :
       {R"("webhook": "ftp://a.example/")", R"("webhook": "https://u@a.example/")",
        R"("webhook": "http://a.example:0x/")", R"("webhook": "http://a b/")", R"("thresholds": {"alpha": 0})",
        R"("thresholds": {"alpha": 2})", R"("thresholds": {"sucess_drop": 0.1})"}) {
    EXPECT_EQ(read_settings(std::string("{\"gates\": {") + gates + "}}", {}).problems.size(), 1u) << gates;
  }
  for (const char* url :
       {"", "http://a.example", "http://a.example/x?y=z", "http://[::1]:8080/hook", "https://a.example/hook"}) {
    EXPECT_TRUE(read_settings(std::string(R"({"gates": {"webhook": ")") + url + "\"}}", {}).problems.empty()) << url;
  }
}

// --- memory and CPU ---

// Uses CPU time, so many seconds of the thread's own.
void work(double seconds) {
  const auto used = [] { return cpu_seconds() - cpu_seconds_of_others(); };
  for (const double until = used() + seconds; used() < until;) continue;
}

TEST(ProcessUsage, WhatTheCallerUsesItselfIsNotOfTheOthers) {
  const double begun = cpu_seconds_of_others();
  work(0.1);
  const double after_own = cpu_seconds_of_others();
  std::thread(work, 0.1).join();
  EXPECT_LT(after_own - begun, 0.05);
  EXPECT_GE(cpu_seconds_of_others() - after_own, 0.1);
}

TEST(ResourceWatch, ComparesWithWhatWasBeforeTheFlip) {
  ResourceWatch watch;
  policy::MonoTime now{100h};
  double cpu = 0;
  std::uint64_t exchanges = 0;
  const auto pass = [&](int minutes, double cpu_each, double memory) {
    for (int i = 0; i < minutes * 60; ++i) {
      now += 1s;
      exchanges += 10;
      cpu += 10 * cpu_each;
      watch.add({now, memory, cpu, exchanges});
    }
  };
  watch.began(GateId::contextual_retry, now);
  EXPECT_EQ(watch.resources(GateId::contextual_retry).cpu_rise, 0);
  pass(90, 0.001, 1e7);
  watch.began(GateId::provider_learning, now);
  pass(1, 0.002, 1e7);
  EXPECT_EQ(watch.resources(GateId::provider_learning).cpu_rise, 0) << "too few to tell";
  pass(30, 0.0011, 1.3e7);
  const policy::Resources of = watch.resources(GateId::provider_learning);
  EXPECT_NEAR(of.memory_growth, 0.3, 1e-9);
  EXPECT_NEAR(of.cpu_rise, (60 * 0.002 + 1800 * 0.0011) / 1860 / 0.001 - 1, 1e-6);
  // A gate that was on from the start has no before.
  EXPECT_EQ(watch.resources(GateId::contextual_retry).cpu_rise, 0);
  EXPECT_EQ(watch.resources(GateId::contextual_retry).memory_growth, 0);
}

}  // namespace
}  // namespace backoffd::admin
