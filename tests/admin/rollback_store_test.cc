#include "admin/rollback_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "admin/file.h"

namespace backoffd::admin {
namespace {

using namespace std::chrono_literals;
using policy::Engine;
using policy::GateId;
using policy::GateLayer;
using policy::GateMode;
using policy::GuardAct;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr auto kGate = GateId::contextual_retry;

policy::GateSetting half() {
  policy::GateSetting setting;
  setting.mode = GateMode::on;
  setting.percentage = 50;
  setting.guard = policy::GuardMode::enforce;
  return setting;
}

class RollbackStoreTest : public testing::Test {
 protected:
  RollbackStoreTest() {
    char folder[] = "/tmp/backoffd-test-XXXXXX";
    folder_ = mkdtemp(folder);
    path_ = folder_ / "gates.json";
  }
  ~RollbackStoreTest() override { std::filesystem::remove_all(folder_); }

  // A process that starts with this setting.
  struct Life {
    Life(RollbackStoreTest& test, const policy::GateSetting& setting)
        : store(test.path_, [&test](const std::string& sentence) { test.told_.push_back(sentence); }) {
      engine.set_gate(kGate, GateLayer::config, setting);
      store.restore(engine, test.clocks_);
    }
    policy::GateStatus status() const { return engine.gates().front(); }

    Engine engine{policy::Config(), [](std::string_view host) { return std::string(host); }};
    RollbackStore store;
  };
  void roll_back_and_end() {
    Life life(*this, half());
    GuardAct act{.kind = GuardAct::Kind::rolled_back, .by = "guard", .why = "it harms", .comparison = {}};
    act.when = clocks_.now - 1h;
    act.comparison.evidence = {"figures", "it harms"};
    life.engine.restore_rollback(kGate, act, clocks_.now);
    life.store.save(life.engine, clocks_);
    clocks_ = {policy::MonoTime(5s), clocks_.wall + 1h};
  }

  std::filesystem::path folder_;
  std::string path_;
  std::vector<std::string> told_;
  Clocks clocks_{policy::MonoTime(1000h), policy::WallTime(1'800'000'000s)};
};

TEST_F(RollbackStoreTest, WithoutARollbackThereIsNoFile) {
  Life life(*this, half());
  life.store.save(life.engine, clocks_);
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(RollbackStoreTest, ARollbackHoldsOverARestartUntilAFlip) {
  roll_back_and_end();
  Life second(*this, half());
  EXPECT_TRUE(second.status().guard.rolled_back());
  EXPECT_EQ(second.status().gate.effective().mode, GateMode::off);
  const GuardAct act = second.status().acts.back();
  EXPECT_EQ(act.why, "it harms");
  EXPECT_EQ(act.when, clocks_.now - 2h);
  EXPECT_THAT(act.comparison.evidence, ElementsAre("figures", "it harms"));
  EXPECT_THAT(told_, ElementsAre(HasSubstr("stays off until it is flipped")));
  second.store.save(second.engine, clocks_);
  Life third(*this, half());
  EXPECT_TRUE(third.status().guard.rolled_back());
  third.engine.set_gate(kGate, GateLayer::admin, half());
  third.store.save(third.engine, clocks_);
  EXPECT_FALSE(Life(*this, half()).status().guard.rolled_back());
}

TEST_F(RollbackStoreTest, AGateThatIsConfiguredAnewBeginsAnew) {
  roll_back_and_end();
  policy::GateSetting other = half();
  other.percentage = 10;
  Life second(*this, other);
  EXPECT_FALSE(second.status().guard.rolled_back());
  EXPECT_THAT(told_, ElementsAre(HasSubstr("configured anew")));
  second.store.save(second.engine, clocks_);
  EXPECT_FALSE(Life(*this, half()).status().guard.rolled_back());
}

TEST_F(RollbackStoreTest, AFileThatIsNotUsableStopsNothing) {
  for (const char* text : {"", "{", "[]", R"({"version": 1})", R"({"version": "1", "rolled_back": {}})",
                           R"({"version": 1, "rolled_back": {"contextual-retry": {"configured": true}}})"}) {
    told_.clear();
    std::ofstream(path_) << text;
    EXPECT_FALSE(Life(*this, half()).status().guard.rolled_back());
    EXPECT_THAT(told_, ElementsAre(HasSubstr("is not usable"))) << text;
  }
}

TEST_F(RollbackStoreTest, AFileOfANewerVersionIsLeftAlone) {
  const std::string text = R"({"version": 2, "rolled_back": {}})";
  std::ofstream(path_) << text;
  Life life(*this, half());
  life.engine.restore_rollback(
      kGate, {.kind = GuardAct::Kind::rolled_back, .by = "guard", .why = "w", .comparison = {}}, clocks_.now);
  life.store.save(life.engine, clocks_);
  EXPECT_EQ(read_file(path_, 1000), text);
}

}  // namespace
}  // namespace backoffd::admin
