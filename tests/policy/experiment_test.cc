// The promise, by experiment: harm is taken back soon, chance is not taken for harm, a treatment that helps stays. All
// seeded and in virtual time, and looked at far more often than any operator would.
#include "policy/experiment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <deque>
#include <functional>
#include <map>
#include <numbers>
#include <optional>
#include <string>
#include <vector>

#include "policy/guard.h"
#include "policy/hash.h"
#include "policy/random.h"

namespace backoffd::policy {
namespace {

using namespace std::chrono_literals;

// How requests fare on one arm.
struct World {
  double failure = 0.05;
  double throttled = 0.0;
  double latency = 0.2;  // seconds, median
  double spread = 0.8;   // of its logarithm
};

GateSetting setting_of(double percentage, GateUnit unit = GateUnit::request) {
  GateSetting setting;
  setting.mode = GateMode::on;
  setting.percentage = percentage;
  setting.unit = unit;
  setting.guard = GuardMode::enforce;
  return setting;
}

ExperimentConfig at_once() {
  ExperimentConfig config;
  config.settle = 0s;
  return config;
}

// Two logarithms and a cosine a piece are too much for millions: a table of normal quantiles, drawn from evenly.
double normal(std::uint64_t draw) {
  static const std::array<double, 4096> table = [] {
    std::array<double, 4096> values;
    Random seeded(7);
    for (double& value : values) {
      value = std::sqrt(-2 * std::log(1 - seeded.uniform())) * std::cos(2 * std::numbers::pi * seeded.uniform());
    }
    return values;
  }();
  return table[draw >> 52];
}

// One gate in virtual time, fed with random exchanges and looked at by its guard.
class Trial {
 public:
  Trial(const GateSetting& setting, std::uint64_t seed, const ExperimentConfig& config = at_once())
      : config_(config), experiment_(config_), random_(seed) {
    guard_.restart(setting, now_);
    experiment_.restart(1, setting, config_.alpha, now_);
  }

  // One exchange, on the arm that its own number gives it.
  void request(const World& control, const World& treatment) {
    now_ += 10ms;
    Arm arm;
    arm.assigned = true;
    arm.treated = random_.uniform() * 100 < experiment_.setting().percentage;
    finish(arm, arm.treated ? treatment : control, {.trial = 1}, "p@a.example", 1);
  }

  void finish(const Arm& arm, const World& world, const Assignment& assignment, std::string_view key,
              std::uint64_t key_hash) {
    ExchangeFigures exchange;
    exchange.status = random_.uniform() < world.failure ? 503 : 200;
    exchange.attempts = 1;
    exchange.to_end = from_seconds(world.latency * std::exp(world.spread * normal(random_.next())));
    exchange.to_head = exchange.to_end;
    AttemptFigures attempts;
    attempts.throttle_answers = random_.uniform() < world.throttled ? 1 : 0;
    experiment_.finished(assignment, arm, key, key_hash, exchange, attempts, now_);
  }

  Comparison look() {
    Comparison comparison = compare(experiment_.evidence(now_), config_, {});
    guard_.look(comparison, now_);
    return comparison;
  }

  // The number of exchanges after which it was rolled back; `most`: it was not.
  int until_rollback(const World& control, const World& treatment, int most, int every) {
    for (int i = 1; i <= most; ++i) {
      request(control, treatment);
      if (i % every == 0) look();
      if (guard_.rolled_back()) return i;
    }
    return most;
  }

  bool rolled_back() const { return guard_.rolled_back(); }
  Experiment& experiment() { return experiment_; }
  Random& random() { return random_; }
  MonoTime& now() { return now_; }

 private:
  const ExperimentConfig config_;
  Experiment experiment_;
  Guard guard_;
  Random random_;
  MonoTime now_{1000h};
};

// Runs of a proof, and how they ended; at its own end it says what came out.
class Tally {
 public:
  explicit Tally(const char* what = "exchanges") : what_(what) {}
  ~Tally() {
    std::sort(after_.begin(), after_.end());
    std::printf("%zu of %d runs rolled back", after_.size(), runs_);
    if (!after_.empty()) {
      std::printf(", half of them within %d %s, the last after %d", after_[after_.size() / 2], what_, after_.back());
    }
    std::printf("\n");
  }
  void add(int after, bool rolled_back) {
    ++runs_;
    if (rolled_back) after_.push_back(after);
  }
  int rolled_back() const { return static_cast<int>(after_.size()); }

 private:
  const char* what_;
  int runs_ = 0;
  std::vector<int> after_;
};

// How many of `runs` were rolled back within `most` exchanges.
int rollbacks(int runs, int most, int every, double percentage, const World& control, const World& treatment) {
  Tally tally;
  for (int run = 0; run < runs; ++run) {
    Trial trial(setting_of(percentage), 1000 + static_cast<std::uint64_t>(run));
    const int after = trial.until_rollback(control, treatment, most, every);
    tally.add(after, trial.rolled_back());
  }
  return tally.rolled_back();
}

// --- harm is taken back ---

TEST(Proof, TwoPointsOfSuccessAreTakenBackWithin25000Exchanges) {
  EXPECT_GE(rollbacks(100, 25'000, 100, 50, {.failure = 0.05}, {.failure = 0.07}), 95);
}
TEST(Proof, TwoPointsOfSuccessAreTakenBackSoonerWhereFailuresAreRare) {
  EXPECT_GE(rollbacks(100, 7'000, 100, 50, {.failure = 0.01}, {.failure = 0.03}), 95);
}
TEST(Proof, TwoPointsOfSuccessAreTakenBackOnATenthOfTheTraffic) {
  EXPECT_GE(rollbacks(40, 80'000, 100, 10, {.failure = 0.05}, {.failure = 0.07}), 38);
}
TEST(Proof, ATreatmentThatFailsAltogetherIsTakenBackAtOnce) {
  EXPECT_EQ(rollbacks(100, 500, 10, 50, {.failure = 0.01}, {.failure = 1}), 100);
}
TEST(Proof, AFifthMoreLatencyIsTakenBackWithin15000Exchanges) {
  EXPECT_GE(rollbacks(100, 15'000, 100, 50, {.latency = 0.20}, {.latency = 0.24}), 95);
}

// A request a second is too few to tell 2 points within the hour of a stage: then a ramp waits, and never comes to
// where there is nothing left to compare with.
TEST(Proof, ARampAtLowTrafficNeverLosesItsControlToAHarm) {
  int rolled_back = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const ExperimentConfig config = at_once();
    GateSetting setting = setting_of(100);
    setting.ramp = {1, 10, 50, 100};
    Experiment experiment(config);
    Guard guard;
    Random random(seed + 7);
    MonoTime now{1000h};
    std::uint32_t trial = 0;
    const auto begin = [&] { experiment.restart(++trial, *guard.overlay(), config.alpha * guard.alpha_share(), now); };
    guard.restart(setting, now);
    begin();
    for (int second = 0; second < 48 * 3600 && !guard.rolled_back(); ++second) {
      now += 1s;
      const Arm arm{.assigned = true, .treated = random.uniform() * 100 < experiment.setting().percentage};
      ExchangeFigures exchange;
      exchange.status = random.uniform() < (arm.treated ? 0.07 : 0.05) ? 503 : 200;
      exchange.to_end = 200ms;
      experiment.finished({.trial = trial}, arm, "k", 1, exchange, {}, now);
      if (second % 60 == 0 && guard.look(compare(experiment.evidence(now), config, {}), now)) begin();
    }
    EXPECT_LT(guard.overlay()->percentage, 100) << seed;
    rolled_back += guard.rolled_back() ? 1 : 0;
  }
  EXPECT_GE(rolled_back, 19);
}

// --- chance is not taken for harm ---

TEST(Proof, AAgainstAIsNotRolledBackInAMillionExchanges) {
  EXPECT_EQ(rollbacks(8, 1'000'000, 500, 50, {}, {}), 0);
  EXPECT_EQ(rollbacks(2, 1'000'000, 500, 1, {}, {}), 0);
}

// The same without the bookkeeping, so that there can be runs enough for one percent to be told: of 100 one may be
// rolled back.
TEST(Proof, AAgainstAIsRolledBackInOnePercentOfRunsAtMost) {
  const ExperimentConfig config;
  int count = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Random random(seed);
    Evidence evidence;
    evidence.mode = GateMode::on;
    evidence.share = seed % 2 == 0 ? 0.5 : 0.1;
    evidence.alpha = config.alpha;
    const double failure = 0.002 * static_cast<double>(1 + seed % 30);
    bool rolled_back = false;
    for (int look = 0; look < 1000 && !rolled_back; ++look) {
      for (int i = 0; i < 1000; ++i) {
        const std::uint64_t draw = random.next();  // a third of its bits for each of the three
        const bool treated = static_cast<double>(draw & 0xfffff) < evidence.share * 0x1p20;
        ArmCounts& arm = evidence.counts[treated ? 1 : 0];
        ++arm.exchanges;
        arm.failures += static_cast<double>(draw >> 20 & 0xfffff) < failure * 0x1p20 ? 1 : 0;
        evidence.latency.add(treated, evidence.share, normal(draw));
      }
      rolled_back = compare(evidence, config, {}).verdict == GateVerdict::rollback;
    }
    count += rolled_back ? 1 : 0;
  }
  EXPECT_LE(count, 1);
}

// Requests fail in bursts, all at once and on both arms: no reason to blame one.
TEST(Proof, OutagesOfTheProviderAreNotHeldAgainstTheGate) {
  int count = 0;
  for (std::uint64_t seed = 0; seed < 25; ++seed) {
    Trial trial(setting_of(50), seed);
    for (int i = 1; i <= 100'000; ++i) {
      const bool outage = hash(std::to_string(i / 500), seed) % 20 == 0;
      const World world{.failure = outage ? 0.9 : 0.01, .latency = outage ? 30.0 : 0.2};
      trial.request(world, world);
      if (i % 100 == 0) trial.look();
    }
    count += trial.rolled_back() ? 1 : 0;
  }
  EXPECT_EQ(count, 0);
}

// --- what helps stays ---

TEST(Proof, ATreatmentThatHelpsIsNeverRolledBackAndIsKept) {
  EXPECT_EQ(rollbacks(25, 50'000, 100, 50, {.failure = 0.07}, {.failure = 0.05}), 0);
  EXPECT_EQ(rollbacks(25, 50'000, 100, 50, {.latency = 0.24}, {.latency = 0.20}), 0);
  Trial trial(setting_of(50), 3);
  trial.until_rollback({.failure = 0.05, .throttled = 0.1, .latency = 0.24}, {.failure = 0.03, .throttled = 0.05},
                       100'000, 1000);
  EXPECT_EQ(trial.look().verdict, GateVerdict::keep);
}

// --- the arm that fails faster ---

// Treatment fails at once what control fails after a minute of retries: that is no harm to success.
TEST(Proof, FailingFasterIsNotFailingMoreOften) {
  struct Pending {
    MonoTime ends;
    bool treated;
    MonoTime began;
    int status;
  };
  for (const bool settling : {true, false}) {
    ExperimentConfig config;
    config.settle = settling ? Duration(2min) : Duration(0s);
    Experiment experiment(config);
    MonoTime now{1000h};
    GateSetting setting = setting_of(50);
    experiment.restart(1, setting, config.alpha, now);
    Random random(6);
    std::deque<Pending> late;  // one delay for all, so in the order of their ends
    const auto finish = [&](bool treated, int status, Duration took) {
      ExchangeFigures exchange;
      exchange.status = status;
      exchange.to_end = took;
      experiment.finished({.trial = 1}, {.assigned = true, .treated = treated}, "p@a.example", 1, exchange, {}, now);
    };
    bool success_blamed = false;
    for (int i = 0; i < 60'000; ++i) {  // ten minutes
      now += 10ms;
      const bool treated = random.uniform() < 0.5;
      const bool fails = random.uniform() < 0.3;
      if (fails && !treated) {
        late.push_back({now + 60s, treated, now, 503});
      } else {
        finish(treated, fails ? 503 : 200, 100ms);
      }
      for (; !late.empty() && late.front().ends <= now; late.pop_front()) {
        finish(false, late.front().status, 60s);
      }
      if (i % 100 != 0) continue;
      const Comparison comparison = compare(experiment.evidence(now), config, {});
      if (!comparison.effects.empty()) success_blamed |= comparison.effects[0].interval.below(0);
    }
    EXPECT_EQ(success_blamed, !settling);
  }
}

// --- slices ---

// Some keys in slices of ten minutes, each of which draws its arm, with what the slice before does to it.
class Switchback {
 public:
  static constexpr Duration kSlice = 10min;
  explicit Switchback(std::uint64_t seed, Duration washout, double percentage = 50) : seed_(seed) {
    setting_ = setting_of(percentage, GateUnit::slice);
    setting_.slice = kSlice;
    setting_.washout = washout;
    trial_.emplace(setting_, seed, at_once());
  }

  // `failure_of(key, treated, treated_before, since)`: in a slice and so long after it began.
  using FailureOf = std::function<double(int key, bool treated, bool treated_before, Duration since)>;
  // The number of slices (of one key) after which it was rolled back; `slices`: it was not.
  int run(int slices, int keys, const FailureOf& failure_of) {
    for (int slice = 1; slice <= slices; ++slice) {
      for (Duration since = 0s; since < kSlice; since += 15s) {
        trial_->now() = MonoTime(kSlice * (slice + 6000)) + since;
        for (int key = 0; key < keys; ++key) {
          const bool treated = treats(key, slice);
          const World world{.failure = failure_of(key, treated, treats(key, slice - 1), since), .latency = 1.0 + key};
          const std::string text = "p@" + std::to_string(key);
          const auto key_hash = hash(text);
          trial_->finish({.assigned = true, .treated = treated}, world,
                         {.trial = 1,
                          .washout = since < setting_.washout,
                          .unit = hash(std::to_string(slice), key_hash),
                          .unit_ends = MonoTime(kSlice * (slice + 6001))},
                         text, key_hash);
        }
      }
      last_ = trial_->look();
      if (trial_->rolled_back()) return slice;
    }
    return slices;
  }
  bool rolled_back() const { return trial_->rolled_back(); }
  const Comparison& last() const { return last_; }

 private:
  bool treats(int key, int slice) const {
    return choose_arm(GateId::provider_learning, setting_, "p",
                      std::to_string(seed_) + "p@" + std::to_string(key) + "#" + std::to_string(slice))
        .treated;
  }

  std::uint64_t seed_;
  GateSetting setting_;
  std::optional<Trial> trial_;
  Comparison last_;
};

double base_of(int key) { return 0.02 + 0.02 * key; }

int rollbacks_of_slices(int slices, int keys, double harm) {
  Tally tally("slices of each key");
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Switchback trial(seed, 1min);
    const int after = trial.run(
        slices, keys, [&](int key, bool treated, bool, Duration) { return base_of(key) + (treated ? harm : 0); });
    tally.add(after, trial.rolled_back());
  }
  return tally.rolled_back();
}

TEST(ProofOfSlices, TenPointsOfSuccessAreTakenBackWithin300SlicesOfFourKeys) {
  EXPECT_GE(rollbacks_of_slices(75, 4, 0.10), 38);
}
TEST(ProofOfSlices, TwoPointsOfSuccessAreTakenBackWithin1000SlicesOfFourKeys) {
  EXPECT_GE(rollbacks_of_slices(250, 4, 0.02), 38);
}

// Keys that differ, hours that differ, and slices in which a provider is down: units that are anything but alike.
TEST(ProofOfSlices, AAgainstAIsNotRolledBack) {
  for (const double percentage : {50.0, 20.0}) {
    int count = 0;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      Switchback trial(seed, 1min, percentage);
      int slice = 0;
      trial.run(400, 4, [&](int key, bool, bool, Duration since) {
        if (since == 0s && key == 0) ++slice;
        if (hash(std::to_string(slice * 10 + key), seed) % 25 == 0) return 1.0;
        return base_of(key) * (1.5 + std::sin(slice / 23.0));
      });
      count += trial.rolled_back() ? 1 : 0;
    }
    EXPECT_EQ(count, 0) << percentage;
  }
}

// In a fifth of the slices downloads take longer than a slice waits for them: what comes of one after it was compared
// is no further unit, or the arm that happened to have more such slices would seem sure to be slower.
TEST(ProofOfSlices, DownloadsThatOutlastTheirSliceDoNotCountItTwice) {
  struct Download {
    int key;
    std::int64_t slice;
    MonoTime began;
  };
  constexpr int kKeys = 4;
  constexpr int kSlices = 150;
  const ExperimentConfig config;
  int count = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const GateSetting setting = setting_of(50, GateUnit::slice);
    const MonoTime flip{60'000min};
    Experiment experiment(config);
    experiment.restart(1, setting, config.alpha, flip);
    Random random(seed + 1);
    std::multimap<MonoTime, Download> under_way;  // by their end
    bool rolled_back = false;
    Evidence evidence;
    for (MonoTime now = flip; now < flip + kSlices * 10min && !rolled_back; now += 30s) {
      const std::int64_t slice = now.time_since_epoch() / 10min;
      for (int key = 0; key < kKeys; ++key) {
        const bool slow = hash(std::to_string(slice * kKeys + key), seed) % 5 == 0;
        const double takes = (slow ? 720 : 5) * std::exp(0.3 * normal(random.next()));
        under_way.emplace(now + from_seconds(takes), Download{key, slice, now});
      }
      for (; !under_way.empty() && under_way.begin()->first <= now; under_way.erase(under_way.begin())) {
        const auto& [ends, download] = *under_way.begin();
        const std::string key = "p@" + std::to_string(download.key);
        const std::string unit = key + "#" + std::to_string(download.slice);
        const Arm arm = choose_arm(GateId::provider_learning, setting, "p", std::to_string(seed) + unit);
        ExchangeFigures exchange;
        exchange.status = 200;
        exchange.to_end = ends - download.began;
        experiment.finished({.trial = 1,
                             .washout = download.began.time_since_epoch() % 10min < 1min,
                             .unit = hash(unit),
                             .unit_ends = MonoTime(10min * (download.slice + 1))},
                            arm, key, hash(key), exchange, {}, ends);
      }
      evidence = experiment.evidence(now);
      rolled_back = compare(evidence, config, {}).verdict == GateVerdict::rollback;
    }
    count += rolled_back ? 1 : 0;
    EXPECT_LE(evidence.slices.units[0] + evidence.slices.units[1], std::uint64_t{kKeys} * kSlices);
    EXPECT_TRUE(rolled_back || experiment.late() > 0);
  }
  EXPECT_LE(count, 1);
}

// Treatment costs its own slice nothing, but leaves the provider angry: the first two minutes of the next slice fail,
// whichever arm that is on. And it helps at once by 10 points. Only the second is the treatment's effect on its slice.
TEST(ProofOfSlices, CarryOverIsWashedOut) {
  const auto failure_of = [](int, bool treated, bool treated_before, Duration since) {
    const bool angry = since < 2min && treated_before != treated;
    return angry ? (treated ? 0.1 : 0.9) : treated ? 0.2 : 0.3;
  };
  const auto estimate = [&](Duration washout) {
    Switchback trial(11, washout);
    trial.run(1500, 4, failure_of);
    return trial.last().effects.at(0);
  };
  const Effect washed = estimate(2min);
  EXPECT_NEAR(washed.difference, 0.10, 0.01);
  EXPECT_TRUE(washed.interval.low < 0.10 && washed.interval.high > 0.10);
  EXPECT_GT(estimate(0s).difference, 0.13);
}

// --- clients ---

// Clients of which a few send most of the requests, and which differ in how they fare: each stays on its arm. With
// `wanders` each fares anew at times, as the clients do that come and go.
class Clients {
 public:
  Clients(std::uint64_t seed, int count, double percentage) : trial_(setting_of(percentage, GateUnit::client), seed) {
    for (int i = 0; i < count; ++i) {
      all_.push_back({.busy = std::pow(1 - trial_.random().uniform(), -1 / 1.1), .id = trial_.random().next()});
      all_.back().treated = trial_.random().uniform() * 100 < percentage;
      total_ += all_.back().busy;
      all_.back().until = total_;
    }
    fare_anew();
  }

  // The number of exchanges after which it was rolled back; `most`: it was not.
  int run(int most, double harm, double slower = 0, bool wanders = false) {
    for (int i = 1; i <= most; ++i) {
      if (wanders && i % (most / 40) == 0) fare_anew();
      const double point = trial_.random().uniform() * total_;
      const Client& client =
          *std::lower_bound(all_.begin(), all_.end(), point, [](const Client& c, double p) { return c.until < p; });
      World world = client.world;
      if (client.treated) world.failure += harm;
      if (client.treated) world.latency *= 1 + slower;
      trial_.now() += 10ms;
      trial_.finish({.assigned = true, .treated = client.treated}, world, {.trial = 1, .unit = client.id},
                    "p@a.example", 1);
      if (i % 100 != 0) continue;
      last_ = trial_.look();
      observed_ |= last_.verdict == GateVerdict::observe;
      if (trial_.rolled_back()) return i;
    }
    return most;
  }
  bool rolled_back() const { return trial_.rolled_back(); }
  bool observed() const { return observed_; }

 private:
  struct Client {
    double busy;
    std::uint64_t id;
    bool treated = false;
    double until = 0;
    World world{};
  };
  void fare_anew() {
    for (Client& client : all_) {
      client.world.failure = std::min(0.9, 0.05 * std::exp(0.5 * normal(trial_.random().next()) - 0.125));
      client.world.latency = 0.2 * std::exp(0.7 * normal(trial_.random().next()));
    }
  }

  Trial trial_;
  std::vector<Client> all_;
  double total_ = 0;
  Comparison last_;
  bool observed_ = false;
};

TEST(ProofOfClients, TwoPointsOfSuccessOfAThousandClientsAreTakenBackWithin250000Exchanges) {
  Tally tally;
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    Clients trial(seed, 1000, 50);
    const int after = trial.run(250'000, 0.02);
    tally.add(after, trial.rolled_back());
  }
  EXPECT_GE(tally.rolled_back(), 38);
}

TEST(ProofOfClients, AAgainstAIsRolledBackInOnePercentOfRunsAtMost) {
  Tally tally;
  int observed = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Clients trial(seed, 50 + 50 * static_cast<int>(seed % 8), seed % 2 == 0 ? 50 : 20);
    const int after = trial.run(20'000, 0, 0, seed % 3 == 0);
    tally.add(after, trial.rolled_back());
    observed += trial.observed() ? 1 : 0;
  }
  EXPECT_LE(tally.rolled_back(), 2);
  EXPECT_LE(observed, 2) << "nor is a hand raised";
}

TEST(ProofOfClients, ATreatmentThatHelpsIsNeverRolledBack) {
  Tally tally;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Clients trial(seed, 500, 50);
    const int after = trial.run(50'000, -0.02, -0.1);
    tally.add(after, trial.rolled_back());
  }
  EXPECT_EQ(tally.rolled_back(), 0);
}

// --- what is no part of it ---

TEST(Experiment, OnlyAssignedExchangesOfThisFlipAreCompared) {
  const ExperimentConfig config = at_once();
  Experiment experiment(config);
  const MonoTime now{1000h};
  experiment.restart(2, setting_of(50), 0.01, now);
  ExchangeFigures exchange;
  exchange.status = 200;
  const Arm treated{.assigned = true, .treated = true};
  experiment.finished({.trial = 1}, treated, "k", 1, exchange, {}, now);
  experiment.finished({.trial = 2}, {}, "k", 1, exchange, {}, now);
  experiment.finished({.trial = 2}, {.treated = true, .overridden = true}, "k", 1, exchange, {}, now);
  EXPECT_EQ(experiment.since_flip()[1].exchanges, 0u);
  EXPECT_EQ(experiment.overridden(), 1u);
  experiment.finished({.trial = 2}, treated, "k", 1, exchange, {}, now);
  EXPECT_EQ(experiment.since_flip()[1].exchanges, 1u);
  EXPECT_EQ(experiment.evidence(now).counts[1].exchanges, 1u);
  experiment.restart(3, setting_of(50), 0.01, now);
  EXPECT_EQ(experiment.since_flip()[1].exchanges, 0u);
  EXPECT_EQ(experiment.evidence(now).counts[1].exchanges, 0u);
}

TEST(Experiment, WhatIsInTheWashoutIsCountedApart) {
  const ExperimentConfig config = at_once();
  Experiment experiment(config);
  const MonoTime flip{1000h};
  GateSetting setting = setting_of(50, GateUnit::slice);
  setting.washout = 1min;
  experiment.restart(1, setting, 0.01, flip);
  ExchangeFigures exchange;
  exchange.status = 200;
  const Arm treated{.assigned = true, .treated = true};
  experiment.finished({.trial = 1, .washout = true}, treated, "k", 1, exchange, {}, flip + 5min);
  experiment.finished({.trial = 1}, treated, "k", 1, exchange, {}, flip + 59s);  // after the flip itself
  EXPECT_EQ(experiment.washed_out(), 2u);
  EXPECT_EQ(experiment.since_flip()[1].exchanges, 0u);
  experiment.finished({.trial = 1}, treated, "k", 1, exchange, {}, flip + 5min);
  EXPECT_EQ(experiment.since_flip()[1].exchanges, 1u);
}

// Clients keep their arm: a thousand requests of one are one unit.
TEST(Experiment, UnitsThatStayAreComparedAsUnits) {
  const ExperimentConfig config = at_once();
  Random random(5);
  const MonoTime now{1000h};
  std::string told;
  const auto verdict_of = [&](int clients, double harm) {
    Experiment experiment(config);
    experiment.restart(1, setting_of(50, GateUnit::client), 0.01, now);
    for (int client = 0; client < clients; ++client) {
      const Arm arm{.assigned = true, .treated = client % 2 == 0};
      const double failure = 0.1 * random.uniform() + (arm.treated ? harm : 0);
      for (int i = 0; i < 100; ++i) {
        ExchangeFigures exchange;
        exchange.status = random.uniform() < failure ? 503 : 200;
        experiment.finished({.trial = 1, .unit = static_cast<std::uint64_t>(client + 1)}, arm, "k", 1, exchange, {},
                            now);
      }
    }
    const Comparison comparison = compare(experiment.evidence(now), config, {});
    told = comparison.evidence.front();
    EXPECT_EQ(comparison.effects.empty(), clients < 20) << "nothing is said before a look";
    return comparison.verdict;
  };
  EXPECT_EQ(verdict_of(4, 0.5), GateVerdict::insufficient);
  EXPECT_EQ(told, "not looked at yet: 4 units, of 20 for a first look");
  EXPECT_EQ(verdict_of(200, 0.2), GateVerdict::rollback);
  EXPECT_EQ(told, "look 1, at 20000 exchanges; the next one at 30001");
  EXPECT_NE(verdict_of(200, 0), GateVerdict::rollback);
}

}  // namespace
}  // namespace backoffd::policy
