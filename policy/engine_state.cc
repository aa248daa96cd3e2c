#include "policy/engine_state.h"

#include <charconv>

#include "policy/hash.h"
#include "policy/text.h"

namespace backoffd::policy {

// --- keys and arms ---------------------------------------------------------------------------------------------------

KeyState& Engine::State::make_key(std::string_view provider, std::string_view host,
                                  const ProviderConfig* provider_config) {
  return keys.make(provider, host, provider_config, provider_config ? provider_config->limit : config.default_limits);
}

KeyState& Engine::State::key_of_host(std::string_view host) {
  if (KeyState* key = keys.find_host(host)) return *key;
  const ProviderConfig* provider = index.by_host(host);
  std::string label = provider ? provider->name : registrable_label(host);
  if (label.empty()) label = host;
  KeyState* key = keys.find(label, host);
  if (key == nullptr) key = &make_key(label, host, provider);
  keys.set_host(*key);
  return *key;
}

Result<KeyState*> Engine::State::key_of(const RequestFacts& request) {
  if (request.provider.empty()) return &key_of_host(request.host);
  const ProviderConfig* provider = index.by_name(request.provider);
  const bool well_formed = is_token(request.provider) && request.provider.size() <= 64;
  if (provider == nullptr && !(config.allow_request_override && well_formed))
    return Error{"Backoffd-Provider", "\"" + std::string(request.provider.substr(0, 64)) + "\": no such provider"};
  if (KeyState* key = keys.find(request.provider, request.host)) return key;
  return &make_key(request.provider, request.host, provider);
}

Engine::State::Drawn Engine::State::draw(GateId id, const KeyState& key, std::uint64_t number, std::string_view client,
                                         MonoTime now) {
  Assignment assignment{.trial = trial(id).number};
  const GateSetting& setting = gate(id).effective();
  if (setting.mode == GateMode::off) return {{}, assignment};
  std::array<char, 20> digits;
  const auto text_of = [&](std::uint64_t n) {
    return std::string_view(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), n).ptr);
  };
  std::string_view unit;
  switch (setting.unit) {
    case GateUnit::request:
      return {choose_arm(id, setting, key.provider, text_of(number)), assignment};
    case GateUnit::client:
      unit = client;
      break;
    case GateUnit::key:
      unit = key.text;
      break;
    case GateUnit::slice: {
      const auto slice = std::max(setting.slice, Duration(1));
      const auto turn = now.time_since_epoch() / slice;
      unit_scratch.assign(key.text).append("#").append(text_of(static_cast<std::uint64_t>(turn)));
      unit = unit_scratch;
      assignment.unit_ends = MonoTime(slice * (turn + 1));
      assignment.washout = now.time_since_epoch() % slice < setting.washout;
      break;
    }
  }
  assignment.unit = hash(unit);
  return {choose_arm(id, setting, key.provider, unit), assignment};
}

// --- evidence and turns ----------------------------------------------------------------------------------------------

bool Engine::State::watch(KeyState& key, const Plan& plan, const Outcome& outcome, Sent& sent, MonoTime now,
                          Random& random) {
  const bool throttled = outcome.kind == OutcomeKind::response && is_throttle_answer(outcome.status, outcome.hint);
  key.counters.hints += outcome.hint.empty() ? 0 : 1;
  key.counters.hints_ignored += static_cast<std::uint64_t>(outcome.hint.ignored);
  key.counters.throttle_answers += throttled ? 1 : 0;
  Learner* const learner = key.throttle.learner();
  if (plan.provider_learning.treated && learner != nullptr) {
    Random copy = random;  // what is only computed must not move what is done
    if (outcome.kind == OutcomeKind::response)
      learner->on_response(sent, outcome.status, outcome.hint, now, plan.provider_learning.shadow ? copy : random);
    else
      learner->on_lost(sent, now);
  }
  sent.number = 0;  // one answer is one piece of evidence; what comes of its body is none
  return throttled;
}

void Engine::State::advance(KeyState& key, MonoTime now, Grants& grants) {
  const Throttle::Ended ended = key.throttle.advance(now, grants);
  key.counters.queue_timeouts += static_cast<std::uint64_t>(ended.timeouts);
  key.counters.exhausted_answers += static_cast<std::uint64_t>(ended.exhausted);
  look_again(key, now);
}

}  // namespace backoffd::policy
