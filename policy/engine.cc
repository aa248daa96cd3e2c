#include "policy/engine.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <utility>

#include "policy/budget.h"
#include "policy/gate_override.h"
#include "policy/hash.h"
#include "policy/key_table.h"
#include "policy/provider.h"
#include "policy/text.h"

namespace backoffd::policy {
namespace {

constexpr std::array<std::string_view, 4> kSafeMethods = {"GET", "HEAD", "OPTIONS", "TRACE"};

bool is_safe(std::string_view method) {
  return std::find(kSafeMethods.begin(), kSafeMethods.end(), method) != kSafeMethods.end();
}

// Method and first path segment: the narrowest class of requests that limits are commonly kept for.
std::uint64_t class_of(const RequestFacts& request) {
  std::string_view segment = request.path.substr(0, request.path.find('/', 1));
  return hash(segment, hash(request.method));
}

Operation operation_of(const RequestFacts& request, const ProviderConfig* provider) {
  const auto matches = [](const std::string& glob, std::string_view text) {
    return glob.empty() || glob_match(glob, text);
  };
  if (provider != nullptr)
    for (const OperationRule& rule : provider->operations)
      if (matches(rule.host, request.host) && matches(rule.method, request.method) && matches(rule.path, request.path))
        return rule.operation;
  return infer_operation(request);
}

}  // namespace

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
  KeyTable keys;
  DueList due;
  MonoTime latest{};         // of all threads: each reads the clock before it has the mutex, so calls come out of order
  std::string unit_scratch;  // text of a gate's unit; kept for its capacity

  // --- lock-free ---
  std::atomic<MonoTime::rep> next_due{kNever.time_since_epoch().count()};

  Gate& gate(GateId id) { return gates[static_cast<std::size_t>(id)]; }
  MonoTime forward(MonoTime now) { return latest = std::max(latest, now); }

  Result<KeyState*> key_of(const RequestFacts& request);
  KeyState& make_key(std::string_view provider, std::string_view host, const ProviderConfig* provider_config);
  KeyState& key_of_host(std::string_view host);

  Arm arm(GateId id, const KeyState& key, std::uint64_t number, std::string_view client, MonoTime now);
  bool in_washout(MonoTime now);
  Learner* learner(const Plan& plan, KeyState& key);
  void watch(KeyState& key, const Plan& plan, const Outcome& outcome, Sent& sent, MonoTime now, Random& random);

  void set_due(KeyState& key, MonoTime when) {
    due.set(key, when);
    next_due.store(due.first().time_since_epoch().count(), std::memory_order_release);
  }
  void look_again(KeyState& key, MonoTime now) { set_due(key, key.throttle.next_due(now)); }
  void advance(KeyState& key, MonoTime now, Grants& grants);
};

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
  if (KeyState* key = keys.find(request.provider, request.host))
    if (key->config != nullptr || config.allow_request_override) return key;
  const ProviderConfig* provider = index.by_name(request.provider);
  const bool well_formed = is_token(request.provider) && request.provider.size() <= 64;
  if (provider == nullptr && !(config.allow_request_override && well_formed))
    return Error{"Backoffd-Provider", "\"" + std::string(request.provider.substr(0, 64)) + "\": no such provider"};
  return &make_key(request.provider, request.host, provider);
}

Arm Engine::State::arm(GateId id, const KeyState& key, std::uint64_t number, std::string_view client, MonoTime now) {
  const GateSetting& setting = gate(id).effective();
  if (setting.mode == GateMode::off) return {};
  std::array<char, 20> digits;
  const auto text_of = [&](std::uint64_t n) {
    return std::string_view(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), n).ptr);
  };
  switch (setting.unit) {
    case GateUnit::request:
      return choose_arm(id, setting, key.provider, text_of(number));
    case GateUnit::client:
      return choose_arm(id, setting, key.provider, client);
    case GateUnit::key:
      return choose_arm(id, setting, key.provider, key.text);
    case GateUnit::slice:
      break;
  }
  const auto slice = std::max(setting.slice, Duration(1));
  unit_scratch.assign(key.text).append("#").append(text_of(static_cast<std::uint64_t>(now.time_since_epoch() / slice)));
  return choose_arm(id, setting, key.provider, unit_scratch);
}

bool Engine::State::in_washout(MonoTime now) {
  const GateSetting& setting = gate(GateId::provider_learning).effective();
  if (setting.mode == GateMode::off || setting.unit != GateUnit::slice) return false;
  return now.time_since_epoch() % std::max(setting.slice, Duration(1)) < setting.washout;
}

// --- evidence and turns ----------------------------------------------------------------------------------------------

Learner* Engine::State::learner(const Plan& plan, KeyState& key) {
  if (!plan.provider_learning.treated) return nullptr;
  return &key.throttle.learner(config.learning, config.retry.retry_after_cap);
}

void Engine::State::watch(KeyState& key, const Plan& plan, const Outcome& outcome, Sent& sent, MonoTime now,
                          Random& random) {
  if (outcome.kind == OutcomeKind::response) {
    key.counters.hints_ignored += static_cast<std::uint64_t>(outcome.hint.ignored);
    if (is_throttle_answer(outcome.status, outcome.hint)) ++key.counters.throttle_answers;
  }
  Learner* const learner = key.throttle.learner();
  if (plan.provider_learning.treated && learner != nullptr) {
    Random copy = random;  // what is only computed must not move what is done
    if (outcome.kind == OutcomeKind::response)
      learner->on_response(sent, outcome.status, outcome.hint, now, plan.provider_learning.shadow ? copy : random);
    else
      learner->on_lost(sent, now);
  }
  sent = {};  // one answer is one piece of evidence; what comes of its body is none
}

void Engine::State::advance(KeyState& key, MonoTime now, Grants& grants) {
  const Throttle::Ended ended = key.throttle.advance(now, grants);
  key.counters.queue_timeouts += static_cast<std::uint64_t>(ended.timeouts);
  key.counters.exhausted_answers += static_cast<std::uint64_t>(ended.exhausted);
  look_again(key, now);
}

// --- plans -----------------------------------------------------------------------------------------------------------

Plan& Plan::operator=(Plan&& other) noexcept {
  if (this == &other) return *this;
  std::destroy_at(this);
  return *std::construct_at(this, std::move(other));
}

Plan::~Plan() {
  if (!engine_) return;
  Engine::State& state = *engine_->state_;
  const std::lock_guard lock(state.mutex);
  engine_->give_back(*this, state.latest);
  // What became free here is handed out by the next call of advance(), which is due now.
  if (key_->throttle.queued() > 0) state.look_again(*key_, state.latest);
  state.keys.let_go(*key_);
}

std::string_view Plan::key() const { return key_ ? std::string_view(key_->text) : std::string_view(); }
std::string_view Plan::provider() const { return key_ ? key_->provider : std::string_view(); }

std::string_view Plan::next_alternate() const {
  if (!safe_method || alternates_ == nullptr || alternate_ >= alternates_->size()) return {};
  return (*alternates_)[alternate_];
}

Engine::Engine(Config config, RegistrableLabel registrable_label)
    : state_(std::make_unique<State>(std::move(config), std::move(registrable_label))) {}

Engine::~Engine() = default;

Result<Plan> Engine::plan(const RequestFacts& request, std::uint64_t number, MonoTime now) {
  State& state = *state_;
  std::optional<Operation> operation;
  if (!request.operation.empty()) {
    operation = parse_operation(request.operation);
    if (!operation)
      return Error{"Backoffd-Operation", "\"" + std::string(request.operation.substr(0, 64)) + "\": no such operation"};
  }
  GateOverride overrides;
  if (!request.gates.empty() && state.config.allow_request_override) {
    auto parsed = parse_gate_override(request.gates);
    if (!parsed) return parsed.error();
    overrides = *parsed;
  }

  const std::lock_guard lock(state.mutex);
  now = state.forward(now);
  auto found = state.key_of(request);
  if (!found) return found.error();
  KeyState& key = **found;
  state.keys.hold(key);

  Plan plan;
  plan.engine_.reset(this);
  plan.key_ = &key;
  plan.operation = operation ? *operation : operation_of(request, key.config);
  const auto arm = [&](GateId id) {
    const auto mode = overrides[static_cast<std::size_t>(id)];
    return mode ? overridden_arm(*mode) : state.arm(id, key, number, request.client, now);
  };
  plan.contextual_retry = arm(GateId::contextual_retry);
  // Nothing is learned from a tunnel, whose answers nobody sees; so it is not bound by what others learned either.
  if (!request.is_tunnel) plan.provider_learning = arm(GateId::provider_learning);
  plan.in_washout = !request.is_tunnel && state.in_washout(now);
  plan.retry_policy = plan.contextual_retry.acts() ? RetryPolicy::contextual : RetryPolicy::standard;
  plan.counted = key.limit.count_head || request.method != "HEAD";
  plan.safe_method = is_safe(request.method);
  plan.role_ = key.throttle.role_of(plan.operation);
  plan.alternates_ = key.config ? &key.config->alternates : nullptr;
  plan.request_class_ = class_of(request);
  plan.client_ = hash(request.client);
  return plan;
}

Plan Engine::plan_alternate(const Plan& plan, MonoTime now) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  now = state.forward(now);
  KeyState& key = state.key_of_host(plan.next_alternate());
  state.keys.hold(key);

  Plan other;
  other.engine_.reset(this);
  other.key_ = &key;
  other.operation = plan.operation;
  other.contextual_retry = plan.contextual_retry;
  // The learned state belongs to the key, so the other key's own arm holds, unless the request chose for itself.
  other.provider_learning = plan.provider_learning.overridden
                                ? plan.provider_learning
                                : state.arm(GateId::provider_learning, key, plan.client_, {}, now);
  other.in_washout = state.in_washout(now);
  other.retry_policy = plan.retry_policy;
  other.counted = plan.counted || key.limit.count_head;
  other.safe_method = plan.safe_method;
  other.role_ = key.throttle.role_of(plan.operation);
  other.alternates_ = plan.alternates_;
  other.alternate_ = plan.alternate_ + 1;
  other.request_class_ = plan.request_class_;
  other.client_ = plan.client_;
  return other;
}

// --- one exchange ----------------------------------------------------------------------------------------------------

Admission Engine::admit(Plan& plan, Ticket ticket, Turn turn, MonoTime now, MonoTime deadline) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  now = state.forward(now);
  KeyState& key = *plan.key_;
  const bool retry = turn == Turn::retry;
  if (!retry) key.shared->budget.count_request(now);
  state.learner(plan, key);

  const QueueConfig& queue = key.limit.queue;
  const auto own = queue.max_wait_of.find(plan.operation);
  Throttle::Patience patience{.until = now + (own == queue.max_wait_of.end() ? queue.max_wait : own->second)};
  if (retry) {
    patience.futile = deadline;
    if (deadline < patience.until) {
      patience.until = deadline;
      patience.late = Reason::deadline;
    }
  }
  const Throttle::Answer answer = key.throttle.ask({.role = plan.role_,
                                                    .counted = plan.counted,
                                                    .bound = plan.provider_learning.acts(),
                                                    .watched = plan.provider_learning.treated,
                                                    .client = plan.client_,
                                                    .request_class = plan.request_class_},
                                                   ticket, retry, patience, now);
  switch (answer.admission.kind) {
    case Admission::Kind::granted:
      plan.place_ = Plan::Place::granted;
      plan.sent_ = answer.sent;
      ++key.counters.requests;
      break;
    case Admission::Kind::queued:
      plan.place_ = Plan::Place::queued;
      plan.waiter_ = answer.place;
      break;
    case Admission::Kind::refused:
      if (answer.admission.reason == Reason::queue_full) ++key.counters.queue_fulls;
      if (answer.admission.reason == Reason::exhausted) ++key.counters.exhausted_answers;
      break;
  }
  key.counters.retries += retry && answer.admission.kind != Admission::Kind::refused ? 1 : 0;
  if (key.throttle.queued() > 0) state.look_again(key, now);
  return answer.admission;
}

void Engine::accept(Plan& plan, const Grant& grant) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  if (plan.place_ != Plan::Place::queued) return;
  plan.place_ = Plan::Place::outside;
  const std::optional<Sent> sent = plan.key_->throttle.collect(plan.waiter_);
  if (!sent || grant.admission.kind != Admission::Kind::granted) return;
  plan.place_ = Plan::Place::granted;
  plan.sent_ = *sent;
  ++plan.key_->counters.requests;
}

Conclusion Engine::conclude(Plan& plan, const Progress& progress, const Outcome& outcome, MonoTime now,
                            Random& random) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  now = state.forward(now);
  KeyState& key = *plan.key_;
  state.watch(key, plan, outcome, plan.sent_, now, random);

  Conclusion conclusion;
  conclusion.hint = outcome.hint;
  const RetryConfig& retry = state.config.retry;
  const bool budget = key.shared->budget.allows(now);
  if (plan.contextual_retry.treated && plan.contextual_retry.shadow) {
    Random same = random;
    conclusion.shadow = judge(RetryPolicy::contextual, retry, plan.operation, progress, outcome, budget, now, same);
  }
  conclusion.verdict = judge(plan.retry_policy, retry, plan.operation, progress, outcome, budget, now, random);
  if (conclusion.verdict.action == Action::retry) key.shared->budget.spend(now);

  const Reason reason = conclusion.verdict.reason;
  const Learner* const learner = key.throttle.learner();
  if ((reason == Reason::defer || reason == Reason::failover) && !outcome.hint.retry_after && learner != nullptr &&
      plan.provider_learning.acts())
    conclusion.retry_after = learner->recovery_estimate(now);
  if (key.throttle.queued() > 0) state.look_again(key, now);
  return conclusion;
}

void Engine::give_back(Plan& plan, MonoTime now) {
  KeyState& key = *plan.key_;
  if (plan.place_ == Plan::Place::queued) key.throttle.leave(plan.waiter_, now);
  if (plan.place_ == Plan::Place::granted) {
    if (Learner* const learner = key.throttle.learner()) learner->on_lost(plan.sent_, now);
    key.throttle.finish();
  }
  plan.place_ = Plan::Place::outside;
  plan.sent_ = {};
  if (key.throttle.queued() == 0) state_->set_due(key, kNever);
}

void Engine::release(Plan& plan, MonoTime now, Grants& grants) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  now = state.forward(now);
  give_back(plan, now);
  if (plan.key_->throttle.queued() > 0) state.advance(*plan.key_, now, grants);
}

MonoTime Engine::advance(MonoTime now, Grants& grants) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  now = state.forward(now);
  while (state.due.first() <= now) {
    KeyState& key = state.due.front();
    state.advance(key, now, grants);
    // Nothing is due any more by construction; if it were so all the same, it would not be worth a busy loop.
    if (state.due.first() <= now && &state.due.front() == &key) state.set_due(key, now + std::chrono::milliseconds(1));
  }
  return state.due.first();
}

MonoTime Engine::next_due() const { return MonoTime(Duration(state_->next_due.load(std::memory_order_acquire))); }

// --- the operator's side ---------------------------------------------------------------------------------------------

void Engine::set_gate(GateId id, GateLayer layer, GateSetting setting) {
  const std::lock_guard lock(state_->mutex);
  state_->gate(id).set(layer, std::move(setting));
}

void Engine::clear_gate(GateId id, GateLayer layer) {
  const std::lock_guard lock(state_->mutex);
  state_->gate(id).clear(layer);
}

std::vector<GateStatus> Engine::gates() const {
  const std::lock_guard lock(state_->mutex);
  return {{GateId::contextual_retry, state_->gate(GateId::contextual_retry)},
          {GateId::provider_learning, state_->gate(GateId::provider_learning)}};
}

std::vector<KeyStatus> Engine::status(MonoTime now) const {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  now = state.forward(now);
  std::vector<KeyStatus> all;
  all.reserve(state.keys.size());
  state.keys.each([&](const KeyState& key) {
    KeyStatus one;
    one.key = key.text;
    one.configured_limit = one.effective_limit = key.throttle.configured_rate();
    one.max_concurrency = key.limit.max_concurrency;
    if (const Learner* const learner = key.throttle.learner()) {
      one.learner = learner->status(now);
      if (const double rate = learner->effective_rate(now); rate > 0) one.effective_limit = rate;
      const int found = learner->concurrency();
      if (found > 0) one.max_concurrency = one.max_concurrency > 0 ? std::min(one.max_concurrency, found) : found;
    }
    one.in_flight = key.throttle.in_flight();
    one.queued = key.throttle.queued();
    one.requests = key.counters.requests;
    one.retries = key.counters.retries;
    one.throttle_answers = key.counters.throttle_answers;
    one.hints_ignored = key.counters.hints_ignored;
    one.queue_timeouts = key.counters.queue_timeouts;
    one.queue_fulls = key.counters.queue_fulls;
    one.exhausted_answers = key.counters.exhausted_answers;
    all.push_back(std::move(one));
  });
  std::sort(all.begin(), all.end(), [](const KeyStatus& a, const KeyStatus& b) { return a.key < b.key; });
  return all;
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
    key->throttle.learner(state.config.learning, state.config.retry.retry_after_cap).restore(one, age, now);
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
