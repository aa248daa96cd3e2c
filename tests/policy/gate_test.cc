#include "policy/gate.h"

#include <gtest/gtest.h>

#include "policy/hash.h"

namespace backoffd::policy {
namespace {

constexpr auto kRetryGate = GateId::contextual_retry;
constexpr auto kLearningGate = GateId::provider_learning;

GateSetting setting(GateMode mode, double percentage = 100, std::vector<std::string> providers = {}) {
  GateSetting s;
  s.mode = mode;
  s.percentage = percentage;
  s.providers = std::move(providers);
  return s;
}

std::string unit(int i) { return "unit " + std::to_string(i); }

TEST(Gate, NamesAreExact) {
  EXPECT_EQ(parse_gate("contextual-retry"), kRetryGate);
  EXPECT_EQ(parse_gate("provider-learning"), kLearningGate);
  EXPECT_FALSE(parse_gate("contextual_retry"));
  EXPECT_FALSE(parse_gate(""));
  EXPECT_EQ(parse_gate_mode("shadow"), GateMode::shadow);
  EXPECT_FALSE(parse_gate_mode("ON"));
  EXPECT_EQ(parse_gate_unit("slice"), GateUnit::slice);
  EXPECT_FALSE(parse_gate_unit("host"));
}

TEST(Gate, OffByDefault) {
  EXPECT_EQ(Gate(kRetryGate).effective().mode, GateMode::off);
  EXPECT_EQ(Gate(kLearningGate).effective().mode, GateMode::off);
  EXPECT_EQ(default_setting(kRetryGate).unit, GateUnit::request);
  EXPECT_EQ(default_setting(kLearningGate).unit, GateUnit::slice);
}

TEST(Gate, TheStrongestLayerWinsAsAWhole) {
  Gate gate(kRetryGate);
  EXPECT_EQ(gate.effective_layer(), GateLayer::builtin);
  gate.set(GateLayer::admin, setting(GateMode::on, 10));
  gate.set(GateLayer::config, setting(GateMode::shadow, 50, {"crossref"}));
  EXPECT_EQ(gate.effective_layer(), GateLayer::admin);
  EXPECT_EQ(gate.effective(), setting(GateMode::on, 10));
  gate.clear(GateLayer::admin);
  EXPECT_EQ(gate.effective_layer(), GateLayer::config);
  EXPECT_EQ(gate.effective(), setting(GateMode::shadow, 50, {"crossref"}));
  gate.set(GateLayer::environment, setting(GateMode::on));
  gate.set(GateLayer::command_line, setting(GateMode::off));
  EXPECT_EQ(gate.effective().mode, GateMode::off);
  EXPECT_EQ(gate.at(GateLayer::environment)->mode, GateMode::on);
  EXPECT_FALSE(gate.at(GateLayer::admin));
  for (const auto layer : {GateLayer::builtin, GateLayer::config, GateLayer::environment, GateLayer::command_line}) {
    gate.clear(layer);
  }
  EXPECT_EQ(gate.effective(), default_setting(kRetryGate));
}

TEST(Arm, ModesActAsTheySay) {
  EXPECT_FALSE(choose_arm(kRetryGate, setting(GateMode::off), "p", "u").treated);
  const Arm shadow = choose_arm(kRetryGate, setting(GateMode::shadow), "p", "u");
  EXPECT_TRUE(shadow.treated && shadow.shadow);
  EXPECT_FALSE(shadow.acts());
  EXPECT_TRUE(choose_arm(kRetryGate, setting(GateMode::on), "p", "u").acts());
}

TEST(Arm, OnlyTheNamedProviders) {
  const GateSetting s = setting(GateMode::on, 100, {"cross*", "arxiv"});
  EXPECT_TRUE(choose_arm(kRetryGate, s, "crossref", "u").treated);
  EXPECT_TRUE(choose_arm(kRetryGate, s, "arxiv", "u").treated);
  EXPECT_FALSE(choose_arm(kRetryGate, s, "openalex", "u").treated);
}

TEST(Arm, TheShareIsThePercentageAndGrowsOnlyByAdding) {
  constexpr int kUnits = 20'000;
  std::vector<bool> before(kUnits, false);
  for (const double percentage : {0.0, 0.1, 1.0, 10.0, 33.3, 50.0, 99.0, 100.0}) {
    int treated = 0;
    for (int i = 0; i < kUnits; ++i) {
      const bool now = choose_arm(kRetryGate, setting(GateMode::on, percentage), "p", unit(i)).treated;
      EXPECT_TRUE(now || !before[static_cast<std::size_t>(i)]) << unit(i) << " fell out at " << percentage;
      before[static_cast<std::size_t>(i)] = now;
      treated += now;
    }
    const bool all_or_none = percentage == 0 || percentage == 100;
    EXPECT_NEAR(100.0 * treated / kUnits, percentage, all_or_none ? 0 : 1.0);
  }
}

TEST(Arm, GatesDrawApart) {
  int both = 0;
  for (int i = 0; i < 20'000; ++i) {
    both += choose_arm(kRetryGate, setting(GateMode::on, 50), "p", unit(i)).treated &&
            choose_arm(kLearningGate, setting(GateMode::on, 50), "p", unit(i)).treated;
  }
  EXPECT_NEAR(both / 20'000.0, 0.25, 0.01);
}

// An upgrade must not move anybody to the other arm: these values are for ever.
TEST(Hash, IsTheSameInEveryBuild) {
  EXPECT_EQ(hash(""), 0xefd01f60ba992926u);
  EXPECT_EQ(hash("crossref@api.crossref.org"), 0x45341538457f53a3u);
  EXPECT_NE(hash("b", hash("a")), hash("ab"));
  EXPECT_NE(hash("b", hash("a")), hash("a", hash("b")));
}

}  // namespace
}  // namespace backoffd::policy
