#include "policy/engine.h"

#include <memory>

#include "policy/engine_state.h"
#include "policy/gate_override.h"
#include "policy/hash.h"
#include "policy/method.h"
#include "policy/text.h"

namespace backoffd::policy {
namespace {

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
  state.begin_trials(now);
  auto found = state.key_of(request);
  if (!found) return found.error();
  KeyState& key = **found;
  state.keys.hold(key);

  Plan plan;
  plan.engine_.reset(this);
  plan.key_ = &key;
  plan.operation = operation ? *operation : operation_of(request, key.config);
  const auto arm = [&](GateId id) {
    const auto i = static_cast<std::size_t>(id);
    const State::Drawn drawn = state.draw(id, key, number, request.client, now);
    const Arm chosen = overrides[i] ? overridden_arm(*overrides[i]) : drawn.arm;
    if (chosen.assigned || chosen.overridden) plan.enrolment_.key = key.text;
    plan.enrolment_.arms[i] = chosen;
    plan.enrolment_.assignments[i] = drawn.assignment;
    return chosen;
  };
  plan.contextual_retry = arm(GateId::contextual_retry);
  // Nothing is learned from a tunnel, whose answers nobody sees; so it is not bound by what others learned either.
  if (!request.is_tunnel) plan.provider_learning = arm(GateId::provider_learning);
  plan.retry_policy = plan.contextual_retry.acts() ? RetryPolicy::contextual : RetryPolicy::standard;
  plan.counted = key.limit.count_head || request.method != "HEAD";
  plan.safe_method = is_safe(request.method);
  plan.idempotent = is_idempotent(request.method) || request.has_idempotency_key;
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
  other.enrolment_ = plan.enrolment_;
  other.attempts_ = plan.attempts_;
  // The learned state belongs to the key, so the other key's own arm holds where a key is what is drawn.
  constexpr auto kLearning = GateId::provider_learning;
  const GateUnit unit = state.gate(kLearning).effective().unit;
  other.provider_learning = plan.provider_learning;
  if (!plan.provider_learning.overridden && (unit == GateUnit::key || unit == GateUnit::slice)) {
    other.provider_learning = state.draw(kLearning, key, 0, {}, now).arm;
  }
  other.retry_policy = plan.retry_policy;
  other.counted = plan.counted || key.limit.count_head;
  other.safe_method = plan.safe_method;
  other.idempotent = plan.idempotent;
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
  if (plan.provider_learning.treated) state.learner(key);

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
  const bool throttled = state.watch(key, plan, outcome, plan.sent_, now, random);
  plan.attempts_.throttle_answers += throttled ? 1 : 0;
  const bool timeout = outcome.kind == OutcomeKind::connect_timeout || outcome.kind == OutcomeKind::head_timeout;
  plan.attempts_.timeouts += timeout ? 1 : 0;

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
    key.throttle.finish(plan.sent_.scope);
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

}  // namespace backoffd::policy
