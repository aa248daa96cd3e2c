#include "policy/engine_state.h"

#include <cstdint>
#include <functional>
#include <utility>

namespace backoffd::policy {
namespace {

// Keys whose status is written while exchanges wait.
constexpr std::size_t kShownAtOnce = 32;

// How much a key matters to a person.
struct Rank {
  bool held_back = false;
  bool busy = false;
  std::uint64_t requests = 0;
  const KeyState* key = nullptr;

  static Rank of(const KeyState& key, Engine::Foremost which, MonoTime now) {
    if (which == Engine::Foremost::busiest) return {false, false, key.counters.requests, &key};
    const Learner* const learner = key.throttle.learner();
    const LearnerState state = learner ? learner->state(now) : LearnerState::unknown;
    return {state != LearnerState::unknown && state != LearnerState::normal,
            key.throttle.in_flight() + key.throttle.queued() > 0, key.counters.requests, &key};
  }
  friend bool operator>(const Rank& a, const Rank& b) {
    if (a.held_back != b.held_back) return a.held_back;
    if (a.busy != b.busy) return a.busy;
    return a.requests > b.requests;
  }
};

// Of what was computed in shadow only the provider's own part has happened: its answers.
LearnerStatus done_in_shadow(const LearnerStatus& computed) {
  LearnerStatus done;
  done.state = computed.state == LearnerState::unknown ? LearnerState::unknown : LearnerState::normal;
  done.consecutive_429s = computed.consecutive_429s;
  done.recovery_time_estimate = computed.recovery_time_estimate;
  return done;
}

// `acts`: learning is no shadow.
KeyStatus show(const KeyState& key, bool acts, MonoTime now) {
  KeyStatus one;
  one.key = key.text;
  one.configured_limit = one.effective_limit = key.throttle.configured_rate();
  one.max_concurrency = key.limit.max_concurrency;
  if (const Learner* const learner = key.throttle.learner()) {
    one.learner = learner->status(now);
    if (!acts) one.shadow = std::exchange(one.learner, done_in_shadow(one.learner));
    if (one.learner.effective_rate > 0) one.effective_limit = one.learner.effective_rate;
    if (const int found = one.learner.concurrency; found > 0)
      one.max_concurrency = one.max_concurrency > 0 ? std::min(one.max_concurrency, found) : found;
  }
  one.in_flight = key.throttle.in_flight();
  one.queued = key.throttle.queued();
  one.requests = key.counters.requests;
  one.retries = key.counters.retries;
  one.throttle_answers = key.counters.throttle_answers;
  one.hints = key.counters.hints;
  one.hints_ignored = key.counters.hints_ignored;
  one.queue_timeouts = key.counters.queue_timeouts;
  one.queue_fulls = key.counters.queue_fulls;
  one.exhausted_answers = key.counters.exhausted_answers;
  return one;
}

}  // namespace

void Engine::set_gate(GateId id, GateLayer layer, GateSetting setting) {
  const std::lock_guard lock(state_->mutex);
  state_->gate(id).set(layer, std::move(setting));
  state_->flipped(id, layer);
}

void Engine::clear_gate(GateId id, GateLayer layer) {
  const std::lock_guard lock(state_->mutex);
  state_->gate(id).clear(layer);
  state_->flipped(id, layer);
}

std::vector<GateStatus> Engine::gates() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<GateStatus> all;
  for (std::size_t i = 0; i < kGateNames.size(); ++i) {
    const GateTrial& trial = state_->trials[i];
    all.push_back({static_cast<GateId>(i),
                   state_->gates[i],
                   trial.guard,
                   trial.verdict,
                   {trial.acts.begin(), trial.acts.end()},
                   trial.counts});
  }
  return all;
}

std::vector<KeyStatus> Engine::status(MonoTime now) const { return status(now, SIZE_MAX); }

std::vector<KeyStatus> Engine::status(MonoTime now, std::size_t most, Foremost which) const {
  State& state = *state_;
  std::vector<ProviderKey> chosen;
  {
    const std::lock_guard lock(state.mutex);
    now = state.forward(now);
    std::vector<Rank> ranks;
    ranks.reserve(state.keys.size());
    state.keys.each([&](const KeyState& key) { ranks.push_back(Rank::of(key, which, now)); });
    if (ranks.size() > most) {
      std::nth_element(ranks.begin(), ranks.begin() + static_cast<std::ptrdiff_t>(most), ranks.end(), std::greater());
      ranks.resize(most);
    }
    chosen.reserve(ranks.size());
    for (const Rank& rank : ranks) chosen.push_back({std::string(rank.key->provider), std::string(rank.key->host)});
  }
  std::vector<KeyStatus> all;
  all.reserve(chosen.size());
  for (std::size_t i = 0; i < chosen.size();) {
    const std::size_t end = std::min(i + kShownAtOnce, chosen.size());
    const std::lock_guard lock(state.mutex);
    const bool acts = state.gate(GateId::provider_learning).effective().mode != GateMode::shadow;
    for (; i < end; ++i) {
      const KeyState* const key = state.keys.find(chosen[i].provider, chosen[i].host);
      if (key != nullptr) all.push_back(show(*key, acts, now));  // null: it has just gone
    }
  }
  std::sort(all.begin(), all.end(), [](const KeyStatus& a, const KeyStatus& b) { return a.key < b.key; });
  return all;
}

std::size_t Engine::key_count() const {
  const std::lock_guard lock(state_->mutex);
  return state_->keys.size();
}

bool Engine::reset(std::string_view text, MonoTime now) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  now = state.forward(now);
  const auto name = ProviderKey::parse(text);
  KeyState* const key = name ? state.keys.find(name->provider, name->host) : nullptr;
  if (key == nullptr) return false;
  state.keys.retire(key->throttle.learner());
  key->throttle.forget_learned();
  state.look_again(*key, now);
  return true;
}

std::vector<LearnedKey> Engine::snapshot(MonoTime now) const {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  now = state.forward(now);
  std::vector<LearnedKey> all;
  state.keys.each([&](const KeyState& key) {
    const Learner* const learner = key.throttle.learner();
    if (learner == nullptr) return;
    if (auto learned = learner->learned(now)) {
      learned->key = key.text;
      all.push_back(std::move(*learned));
    }
  });
  std::sort(all.begin(), all.end(), [](const LearnedKey& a, const LearnedKey& b) { return a.key < b.key; });
  return all;
}

void Engine::restore(const std::vector<LearnedKey>& learned, Duration age, MonoTime now) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  now = state.forward(now);
  for (const LearnedKey& one : learned) {
    const auto name = ProviderKey::parse(one.key);
    if (!name) continue;
    KeyState* key = state.keys.find(name->provider, name->host);
    if (key == nullptr) key = &state.make_key(name->provider, name->host, state.index.by_name(name->provider));
    if (key->throttle.learner() == nullptr) state.learner(*key).restore(one, age, now);
  }
}

std::uint64_t Engine::learned_version() const {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  std::uint64_t version = state.keys.retired_version();
  state.keys.each([&](const KeyState& key) {
    if (const Learner* const learner = key.throttle.learner()) version += learner->version();
  });
  return version;
}

const Config& Engine::config() const { return state_->config; }

}  // namespace backoffd::policy
