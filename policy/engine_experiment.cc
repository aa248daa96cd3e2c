// The engine's part in the experiments: what flips and guards mean for them, and the way of figures in and out.
#include <functional>

#include "policy/engine_state.h"

namespace backoffd::policy {

// --- trials, behind the main mutex -----------------------------------------------------------------------------------

void GateTrial::record(GuardAct act) {
  ++counts[static_cast<std::size_t>(act.kind)];
  acts.push_back(std::move(act));
  if (acts.size() > kMostActs) acts.pop_front();
}

void Engine::State::flipped(GateId id, GateLayer by) {
  GateTrial& of = trial(id);
  of.flipped = true;
  gate(id).clear(GateLayer::guard);
  of.guard.restart(gate(id).effective(), latest);
  if (auto overlay = of.guard.overlay()) gate(id).set(GateLayer::guard, std::move(*overlay));
  if (by != GateLayer::admin) return;  // start-up is no act
  const GateSetting& now = gate(id).effective();
  of.record({.kind = GuardAct::Kind::flipped,
             .by = name(by),
             .why = std::string(name(now.mode)),
             .percentage = now.mode == GateMode::off ? 0 : now.percentage,
             .when = latest,
             .comparison = {}});
}

void Engine::State::begin_trials(MonoTime now) {
  for (std::size_t i = 0; i < trials.size(); ++i) {
    if (!trials[i].flipped) continue;
    trials[i].flipped = false;
    trials[i].began = now;
    const auto id = static_cast<GateId>(i);
    gate(id).clear(GateLayer::guard);
    trials[i].guard.restart(gate(id).effective(), now);
    if (!trials[i].acts.empty() && trials[i].acts.back().kind == GuardAct::Kind::flipped)
      trials[i].acts.back().when = now;
    begin_trial(id, now);
  }
}

void Engine::State::begin_trial(GateId id, MonoTime now) {
  GateTrial& of = trial(id);
  if (auto overlay = of.guard.overlay()) gate(id).set(GateLayer::guard, std::move(*overlay));
  of.verdict = GateVerdict::insufficient;
  ++of.number;
  const std::lock_guard lock(figures_mutex);
  experiment(id).restart(of.number, gate(id).effective(), config.experiment.alpha * of.guard.alpha_share(), now);
}

void Engine::restore_rollback(GateId id, GuardAct act, MonoTime now) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  now = state.forward(now);
  state.begin_trials(now);
  state.trial(id).guard.restore_rollback();
  state.begin_trial(id, now);
  state.trial(id).record(std::move(act));
}

// --- figures ---------------------------------------------------------------------------------------------------------

void Engine::finished(const Plan& plan, const ExchangeFigures& figures, MonoTime now) {
  const Enrolment& enrolled = plan.enrolment_;
  if (enrolled.key.empty()) return;
  const std::uint64_t key_hash = std::hash<std::string_view>{}(enrolled.key);
  const std::lock_guard lock(state_->figures_mutex);
  for (std::size_t i = 0; i < enrolled.arms.size(); ++i) {
    state_->experiments[i].finished(enrolled.assignments[i], enrolled.arms[i], enrolled.key, key_hash, figures,
                                    plan.attempts_, now);
  }
}

TrialStatus Engine::trial(GateId id, const Resources& resources, MonoTime now) const {
  TrialStatus status;
  Evidence evidence;
  {
    const std::lock_guard lock(state_->figures_mutex);
    Experiment& experiment = state_->experiment(id);
    status.setting = experiment.setting();
    status.began = experiment.began();
    status.overridden = experiment.overridden();
    status.washed_out = experiment.washed_out();
    status.late = experiment.late();
    evidence = experiment.evidence(now);
  }
  status.comparison = compare(evidence, state_->config.experiment, resources);
  status.since_flip = std::move(evidence.since_flip);
  return status;
}

std::vector<KeyArms> Engine::arm_figures(GateId id, FigureWindow window, MonoTime now) const {
  FiguresTable& table = state_->experiment(id).figures();
  std::vector<std::string> keys;
  {
    const std::lock_guard lock(state_->figures_mutex);
    keys = table.keys();
  }
  std::vector<KeyArms> all;
  for (std::string& key : keys) {
    KeyArms one{std::move(key), {}};
    const std::lock_guard lock(state_->figures_mutex);  // for each by itself: exchanges end in between
    table.collect(one.key, window, now, one.arms);
    all.push_back(std::move(one));
  }
  return all;
}

std::vector<std::pair<GateId, GuardAct>> Engine::look(const ResourcesOf& resources, MonoTime now) {
  State& state = *state_;
  std::vector<std::pair<GateId, GuardAct>> done;
  for (std::size_t i = 0; i < kGateNames.size(); ++i) {
    const auto id = static_cast<GateId>(i);
    GateTrial& of = state.trials[i];
    std::uint32_t number = 0;
    MonoTime began{};
    {
      const std::lock_guard lock(state.mutex);
      now = state.forward(now);
      state.begin_trials(now);
      if (state.gates[i].effective().mode == GateMode::off) continue;
      number = of.number;
      began = of.began;
    }
    const Comparison comparison = trial(id, resources(id, began), now).comparison;
    const std::lock_guard lock(state.mutex);
    if (of.flipped || of.number != number) continue;  // it speaks of what is over
    of.verdict = comparison.verdict;
    auto act = of.guard.look(comparison, now);
    if (!act) continue;
    if (act->kind == GuardAct::Kind::rolled_back || act->kind == GuardAct::Kind::raised) state.begin_trial(id, now);
    of.record(*act);
    done.emplace_back(id, std::move(*act));
  }
  return done;
}

}  // namespace backoffd::policy
