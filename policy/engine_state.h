// What is behind the engine's mutex, for the files that implement it: engine.cc (the life of an exchange),
// engine_state.cc (keys, arms, evidence), engine_experiment.cc (figures, guards), engine_operator.cc (the operator's
// side). Nobody else includes this.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "policy/engine.h"
#include "policy/key_table.h"
#include "policy/provider.h"

namespace backoffd::policy {

// What the engine keeps of a gate's experiment behind its main mutex. The figures are behind their own.
struct GateTrial {
  static constexpr std::size_t kMostActs = 16;

  std::uint32_t number = 0;
  MonoTime began{};     // by a flip, whatever stage its ramp has come to
  bool flipped = true;  // since then: the next one begins when the time is known
  Guard guard;
  GateVerdict verdict = GateVerdict::insufficient;
  std::deque<GuardAct> acts;
  std::array<std::uint64_t, GuardAct::kKindNames.size()> counts{};

  void record(GuardAct act);
};

struct Engine::State {
  State(Config config_of, RegistrableLabel label)
      : config(std::move(config_of)),
        registrable_label(std::move(label)),
        index(config.providers),
        keys(config.retry.budget) {
    const auto configure = [&](GateId id, const GateSetting& setting) {
      if (setting != default_setting(id)) gate(id).set(GateLayer::config, setting);
    };
    configure(GateId::contextual_retry, config.contextual_retry);
    configure(GateId::provider_learning, config.provider_learning);
  }

  // --- constant after construction ---
  const Config config;
  const RegistrableLabel registrable_label;
  const ProviderIndex index;

  // --- behind the mutex ---
  std::mutex mutex;
  std::array<Gate, kGateNames.size()> gates = {Gate(GateId::contextual_retry), Gate(GateId::provider_learning)};
  std::array<GateTrial, kGateNames.size()> trials;
  Allowances allowances;
  KeyTable keys;
  DueList due;
  MonoTime latest{};         // of all threads: each reads the clock before it has the mutex, so calls come out of order
  std::string unit_scratch;  // text of a gate's unit; kept for its capacity

  // --- behind a mutex of their own, which is never held while the other one is waited for ---
  std::mutex figures_mutex;
  std::array<Experiment, kGateNames.size()> experiments = {Experiment(config.experiment),
                                                           Experiment(config.experiment)};

  // --- lock-free ---
  std::atomic<MonoTime::rep> next_due{kNever.time_since_epoch().count()};

  Gate& gate(GateId id) { return gates[static_cast<std::size_t>(id)]; }
  GateTrial& trial(GateId id) { return trials[static_cast<std::size_t>(id)]; }
  Experiment& experiment(GateId id) { return experiments[static_cast<std::size_t>(id)]; }
  MonoTime forward(MonoTime now) { return latest = std::max(latest, now); }

  Result<KeyState*> key_of(const RequestFacts& request);
  KeyState& make_key(std::string_view provider, std::string_view host, const ProviderConfig* provider_config);
  KeyState& key_of_host(std::string_view host);

  struct Drawn {
    Arm arm;
    Assignment assignment;
  };
  Drawn draw(GateId id, const KeyState& key, std::uint64_t number, std::string_view client, MonoTime now);
  Learner& learner(KeyState& key) {
    return key.throttle.learner(config.learning, config.retry.retry_after_cap, allowances);
  }
  // Returns whether it was a throttle answer.
  bool watch(KeyState& key, const Plan& plan, const Outcome& outcome, Sent& sent, MonoTime now, Random& random);

  void flipped(GateId id, GateLayer by);  // the operator's setting is new
  void begin_trials(MonoTime now);        // of gates that were flipped
  void begin_trial(GateId id, MonoTime now);

  void set_due(KeyState& key, MonoTime when) {
    due.set(key, when);
    next_due.store(due.first().time_since_epoch().count(), std::memory_order_release);
  }
  void look_again(KeyState& key, MonoTime now) { set_due(key, key.throttle.next_due(now)); }
  void advance(KeyState& key, MonoTime now, Grants& grants);
};

}  // namespace backoffd::policy
