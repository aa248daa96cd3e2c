// What a decision costs: one exchange's calls of the engine, without contention.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "policy/engine.h"

namespace backoffd::policy {
namespace {

struct Bench {
  explicit Bench(GateMode learning) : engine(config(), [](std::string_view) { return std::string("example"); }) {
    GateSetting setting;
    setting.mode = learning;
    setting.unit = GateUnit::slice;
    engine.set_gate(GateId::provider_learning, GateLayer::admin, setting);
    facts.method = "GET";
    facts.host = "api.example.org";
    facts.path = "/works/10.1000/182";
    facts.client = "127.0.0.1";
  }
  static Config config() {
    Config config;
    ProviderConfig provider;
    provider.name = "example";
    provider.hosts = {"api.example.org"};
    provider.limit.limits = {Rate::parse("50/SECOND").value(), Rate::parse("100000/HOUR").value()};
    provider.limit.max_concurrency = 64;
    config.providers = {provider};
    return config;
  }
  void step() { now += std::chrono::milliseconds(40); }

  Engine engine;
  RequestFacts facts;
  MonoTime now{std::chrono::seconds(1000)};
  Random random{1};
  Grants grants;
  Progress progress;
  Outcome outcome{.kind = OutcomeKind::response, .status = 200, .hint = {}};
};

void AdmitConcludeRelease(benchmark::State& state) {
  Bench bench(static_cast<GateMode>(state.range(0)));
  Plan plan = bench.engine.plan(bench.facts, 1, bench.now).value();
  bench.progress.attempts = 1;
  for (auto _ : state) {
    bench.step();
    benchmark::DoNotOptimize(bench.engine.admit(plan, {}, Engine::Turn::first, bench.now, kNever));
    benchmark::DoNotOptimize(bench.engine.conclude(plan, bench.progress, bench.outcome, bench.now, bench.random));
    bench.engine.release(plan, bench.now, bench.grants);
  }
}
BENCHMARK(AdmitConcludeRelease)->ArgName("learning")->Arg(0)->Arg(1)->Arg(2);

void WholeExchange(benchmark::State& state) {
  Bench bench(static_cast<GateMode>(state.range(0)));
  bench.progress.attempts = 1;
  std::uint64_t number = 0;
  for (auto _ : state) {
    bench.step();
    Plan plan = bench.engine.plan(bench.facts, ++number, bench.now).value();
    bench.engine.admit(plan, {}, Engine::Turn::first, bench.now, kNever);
    bench.engine.conclude(plan, bench.progress, bench.outcome, bench.now, bench.random);
    bench.engine.release(plan, bench.now, bench.grants);
  }
}
BENCHMARK(WholeExchange)->ArgName("learning")->Arg(0)->Arg(2);

// Joins and leaves a queue of that length.
void QueueAndLeave(benchmark::State& state) {
  Bench bench(GateMode::off);
  std::vector<Plan> waiting;
  for (std::int64_t i = 0; i < 64 + state.range(0); ++i) {
    waiting.push_back(bench.engine.plan(bench.facts, 1, bench.now).value());
    bench.engine.admit(waiting.back(), {}, Engine::Turn::first, bench.now, kNever);
  }
  Plan plan = bench.engine.plan(bench.facts, 1, bench.now).value();
  for (auto _ : state) {
    bench.engine.admit(plan, {}, Engine::Turn::first, bench.now, kNever);
    bench.engine.release(plan, bench.now, bench.grants);
  }
}
BENCHMARK(QueueAndLeave)->ArgName("waiting")->Arg(1)->Arg(1000);

}  // namespace
}  // namespace backoffd::policy
