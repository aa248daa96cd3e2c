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

// ... with the figures of its end counted for so many gates' experiments.
void FinishedExchange(benchmark::State& state) {
  Bench bench(GateMode::off);
  for (std::size_t i = 0; i < static_cast<std::size_t>(state.range(0)); ++i) {
    GateSetting setting = default_setting(static_cast<GateId>(i));
    setting.mode = GateMode::shadow;
    setting.percentage = 50;
    bench.engine.set_gate(static_cast<GateId>(i), GateLayer::admin, setting);
  }
  ExchangeFigures figures;
  figures.status = 200;
  figures.attempts = 1;
  const Plan plan = bench.engine.plan(bench.facts, 1, bench.now).value();
  for (auto _ : state) {
    bench.step();
    figures.to_end = figures.to_head = from_seconds(0.05 + 0.2 * bench.random.uniform());
    bench.engine.finished(plan, figures, bench.now);
  }
}
BENCHMARK(FinishedExchange)->ArgName("gates")->Arg(0)->Arg(1)->Arg(2);

// What a look of the guards takes, after a hundred thousand exchanges.
void Look(benchmark::State& state) {
  Bench bench(GateMode::off);
  GateSetting setting;
  setting.mode = GateMode::on;
  setting.percentage = 50;
  bench.engine.set_gate(GateId::contextual_retry, GateLayer::admin, setting);
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    bench.step();
    const Plan plan = bench.engine.plan(bench.facts, i, bench.now).value();
    ExchangeFigures figures;
    figures.status = i % 20 == 0 ? 503 : 200;
    figures.to_end = figures.to_head = from_seconds(0.001 * static_cast<double>(1 + i % 5000));
    bench.engine.finished(plan, figures, bench.now);
  }
  const auto resources = [](GateId, MonoTime) { return Resources(); };
  for (auto _ : state) benchmark::DoNotOptimize(bench.engine.look(resources, bench.now));
}
BENCHMARK(Look);

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
