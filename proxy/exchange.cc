// The way of an exchange up to its answer: plan, queue, attempts, decisions. What the client gets is in
// exchange_answer.cc.
#include "proxy/exchange.h"

#include <array>

#include "policy/text.h"
#include "proxy/pacer.h"
#include "proxy/response_facts.h"
#include "proxy/worker.h"

namespace backoffd::proxy {

namespace {

// How much longer than its wait a retry lets the answer before it come in: it may yet be the last one there is.
constexpr Duration kKeptTime = std::chrono::seconds(1);

using policy::Outcome;
using policy::OutcomeKind;
using policy::Reason;
using Turn = policy::Engine::Turn;

// RFC 9110 9.2.2
bool is_idempotent(std::string_view method) {
  constexpr std::array<std::string_view, 6> kMethods = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
  return std::find(kMethods.begin(), kMethods.end(), method) != kMethods.end();
}

// The one protocol a request asks to switch to, "" for none. h2c is never passed on: behind it nobody checks what the
// client sends (request smuggling).
std::string upgrade_of(const Head& head) {
  if (head.minor_version() < 1 || !head.has_token(FieldId::connection, "upgrade") ||
      head.count(FieldId::upgrade) != 1) {
    return {};
  }
  const std::string_view protocol = *head.find(FieldId::upgrade);
  return policy::equals_ignoring_case(protocol, "websocket") ? std::string(protocol) : std::string();
}

std::string_view field_or_empty(const Head& head, FieldId id) { return head.find(id).value_or(std::string_view()); }

}  // namespace

Exchange::Exchange(Worker& worker, Stream& client, std::string_view client_name, Owner& owner, Head request,
                   Framing body, const Target* within)
    : worker_(worker),
      client_(client),
      owner_(owner),
      client_name_(client_name),
      within_(within),
      number_(worker.next_number()),
      started_(Loop::now()),
      request_(std::move(request)),
      keep_alive_(request_.wants_keep_alive()),
      upgrade_(upgrade_of(request_)),
      upload_(body, worker.request_limits, worker.engine.config().retry.replay_limit),
      wait_(Timer::of<Exchange, &Exchange::wait_over>(worker.loop, this)),
      watch_(Timer::of<Exchange, &Exchange::watch_client>(worker.loop, this)) {
  record_.start = Loop::wall_now();
  join(worker_.exchanges);
  worker_.counters.active_exchanges.add();
}

Exchange::~Exchange() {
  worker_.counters.active_exchanges.sub();
  worker_.forget(number_);
}

void Exchange::start() {
  client_.set_deadline(worker_.config.timeouts.exchange);
  if (!plan()) return;
  queue(Turn::first);
}

bool Exchange::plan() {
  TargetResult target = within_ != nullptr ? parse_target_within(request_, *within_) : parse_target(request_);
  target_ = std::move(target.target);
  if (!target.ok) {
    refuse(refusal_of(target.error), {}, {});
    return false;
  }
  if (via_has(request_, worker_.config.via)) {
    refuse(refusals::kLoop, {}, {});
    return false;
  }
  if (is_connect() && !worker_.shared.egress.connect_port_allowed(target_.port)) {
    refuse(refusals::kConnectPort, {}, {});
    return false;
  }
  policy::RequestFacts facts;
  facts.method = request_.method();
  facts.host = target_.host;
  facts.port = target_.port;
  facts.path = is_connect() ? std::string_view() : target_.path();
  facts.accept = field_or_empty(request_, FieldId::accept);
  facts.has_range = request_.count(FieldId::range) > 0;
  facts.has_idempotency_key = request_.count(FieldId::idempotency_key) > 0;
  facts.is_tunnel = is_connect();
  facts.operation = field_or_empty(request_, FieldId::backoffd_operation);
  facts.provider = field_or_empty(request_, FieldId::backoffd_provider);
  facts.gates = field_or_empty(request_, FieldId::backoffd_gate);
  facts.client = client_name_;
  auto planned = worker_.engine.plan(facts, number_, started_);
  if (!planned) {
    refuse(refusals::kBadPolicyHeader, planned.error().text(), {});
    return false;
  }
  plan_ = std::move(planned).value();
  progress_.idempotent = is_idempotent(facts.method) || facts.has_idempotency_key;
  return true;
}

// --- admission ---

void Exchange::queue(Turn turn) {
  state_ = State::queued;
  waiting_since_ = Loop::now();
  const policy::MonoTime deadline =
      turn == Turn::retry ? progress_.first_attempt + worker_.engine.config().retry.max_delay : policy::kNever;
  const policy::Admission admission =
      worker_.engine.admit(plan_, {worker_.id, number_}, turn, waiting_since_, deadline);
  worker_.shared.pacer.settle();
  if (admission.kind == policy::Admission::Kind::queued) {
    worker_.await(number_, *this);
    watch_while_waiting();
    return;
  }
  admitted(admission);
}

void Exchange::granted(const policy::Grant& grant) {
  worker_.forget(number_);
  worker_.engine.accept(plan_, grant);
  record_.queued += Loop::now() - waiting_since_;
  admitted(grant.admission);
}

void Exchange::admitted(const policy::Admission& admission) {
  if (admission.kind == policy::Admission::Kind::granted) {
    begin_attempt();
    return;
  }
  worker_.counters.verdicts[static_cast<std::size_t>(admission.reason)].add();
  // A retry that gets no turn: what the attempt before it came to is the answer.
  const bool failed_before = last_failure_ != nullptr;
  settle_for_less(admission.reason, failed_before ? *last_failure_ : refusal_of(admission.reason),
                  admission.retry_after);
}

// --- an attempt ---

void Exchange::begin_attempt() {
  if (progress_.attempts++ == 0 && attempts_before_ == 0) {
    progress_.first_attempt = Loop::now();
  } else {
    worker_.counters.retries.add();
  }
  progress_.request_sent = false;
  worker_.counters.attempts.add();
  // A request that must not go out twice does not take the risk of a kept connection that is just being closed.
  launch(is_connect() || !progress_.idempotent || !upgrade_.empty() || !upload_.always_replayable());
}

void Exchange::launch(bool fresh) {
  state_ = State::attempting;
  const ParentProxy* parent = worker_.shared.parents.between(target_.host, target_.https || is_connect());
  attempt_ = std::make_unique<Attempt>(worker_, static_cast<Attempt::Owner&>(*this),
                                       Origin{target_.host, target_.port, target_.https, is_connect(), parent}, fresh);
  attempt_->start();
  if (attempt_->phase() != Attempt::Phase::connecting) attempt_progress();
}

void Exchange::send_request() {
  UpstreamRequest request{request_, target_, upload_.framing(), worker_.config.via, {}, {}, {}, {}};
  request.upgrade = upgrade_;
  if (const ParentProxy* parent = attempt_->origin().parent; parent != nullptr && !target_.https) {
    request.absolute = true;
    request.proxy_authorization = parent->authorization;
  }
  std::string range;
  if (continuing_) {
    range = resume_->range(relay_->delivered());
    request.range = range;
    request.if_range = resume_->if_range();
  }
  if (const auto hops = request_.find(FieldId::max_forwards);
      hops && (request_.method() == "OPTIONS" || request_.method() == "TRACE")) {
    // RFC 9110 7.6.2; 0 and garbage were dealt with by the session.
    request.max_forwards = std::atoi(std::string(*hops).c_str()) - 1;
  }
  evbuffer* out = attempt_->stream()->out();
  write_request_head(request, out);
  upload_.replay(out);
  attempt_->sent();
  move_upload();
}

void Exchange::attempt_progress() {
  switch (state_) {
    case State::attempting:
      break;
    case State::backing_off:
      absorb_kept();
      return;
    case State::relaying:
      if (!tunnel_) {
        move_upload();
        if (state_ != State::relaying) return;
        if (attempt_->stream()->timed_out() && client_owes_body()) {
          break_off(refusals::kBodyTimeout.name);
          return;
        }
        relay();
      }
      return;
    default:
      return;
  }
  switch (attempt_->phase()) {
    case Attempt::Phase::connecting:
      return;
    case Attempt::Phase::ready:
      if (is_connect()) {
        open_tunnel();
      } else {
        send_request();
      }
      return;
    case Attempt::Phase::awaiting:
      progress_.request_sent = attempt_->request_begun();
      move_upload();
      return;
    case Attempt::Phase::answered:
      progress_.request_sent = true;
      answered();
      return;
    case Attempt::Phase::failed:
      progress_.request_sent = attempt_->request_begun();
      attempt_failed();
      return;
  }
}

void Exchange::interim(const Head& head) {
  if (progress_.committed || request_.minor_version() < 1) return;
  if (head.status() == 100) {
    // One is all a client waits for; a later attempt's says nothing new.
    if (sent_continue_) return;
    sent_continue_ = true;
  }
  write_interim_head(head, worker_.config.via, client_.out());
  client_.touch();
}

void Exchange::move_upload() {
  Stream* upstream = attempt_ ? attempt_->stream() : nullptr;
  if (upstream == nullptr || upload_.complete() || attempt_->phase() == Attempt::Phase::failed) return;
  for (;;) {
    const std::size_t room = upstream->out_room(worker_.config.limits.body_buffer);
    if (room == 0) return;
    const std::size_t held = client_.in_size();
    const BodyReader::State state = upload_.move(client_.in(), upstream->out(), room);
    if (state == BodyReader::State::error) {
      keep_alive_ = false;
      if (progress_.committed) {
        break_off(refusals::kBadBody.name);
      } else {
        refuse(refusals::kBadBody, upload_.error(), {});
      }
      return;
    }
    if (client_.in_size() == held) break;
    client_.touch();
    upstream->touch();
    if (attempt_->phase() == Attempt::Phase::answered) {
      upstream->set_deadline(worker_.config.timeouts.stall);
    } else {
      attempt_->renew_deadline();
    }
    if (state == BodyReader::State::done) return;
  }
  // The client ends in the middle of its request: the origin must never see it as a whole one.
  if (client_.read_ended() && client_.in_size() == 0) client_gone();
}

// It is the client that keeps the origin waiting: all it has sent is gone, and it was not told to hold back the rest
// (RFC 9110 10.1.1).
bool Exchange::client_owes_body() const {
  const bool holds_back = request_.minor_version() >= 1 && request_.has_token(FieldId::expect, "100-continue") &&
                          !sent_continue_ && upload_.received() == 0;
  return !upload_.complete() && !holds_back && attempt_->stream()->flushed();
}

void Exchange::attempt_failed() {
  const OutcomeKind kind = attempt_->failure();
  if (attempt_->stale() && (progress_.idempotent || !progress_.request_sent) && upload_.replayable()) {
    // No word of the origin's, so no attempt: once more, on a new connection, without a wait (RFC 9112 9.3.1).
    worker_.counters.stale_connections.add();
    worker_.loop.bury(std::move(attempt_));
    launch(true);
    return;
  }
  if (kind == OutcomeKind::head_timeout && client_owes_body()) {
    keep_alive_ = false;
    refuse(refusals::kBodyTimeout, {}, {});
    return;
  }
  verdict_detail_ = attempt_->detail();
  const DialError dial_error = attempt_->dial_error();
  last_failure_ = dial_error == DialError::resolve_failed    ? &refusals::kDnsError
                  : dial_error == DialError::resolve_timeout ? &refusals::kDnsTimeout
                  : dial_error == DialError::parent_refused  ? &refusals::kParentRefused
                                                             : &refusal_of(kind);
  Outcome outcome;
  outcome.kind = kind;
  no_answer(outcome);
}

// The attempt ended without an answer that could be relayed.
void Exchange::no_answer(const Outcome& outcome) {
  const policy::Conclusion conclusion = conclude(outcome);
  end_attempt(false);
  if (conclusion.verdict.action == policy::Action::retry) {
    back_off(conclusion.verdict);
    return;
  }
  if (conclusion.verdict.reason == Reason::failover && fail_over()) return;
  settle_for_less(conclusion.verdict.reason, *last_failure_, conclusion.retry_after);
}

void Exchange::answered() {
  Head& head = attempt_->head();
  if (head.status() == 101) {
    switch_protocols();
    return;
  }
  const FramingResult framed = frame_response(head, request_.method());
  if (!framed.ok) {
    verdict_detail_ = framed.error.name;
    last_failure_ = &refusal_of(OutcomeKind::bad_response);
    no_answer({OutcomeKind::bad_response, 0, {}});
    return;
  }
  framing_ = framed.framing;
  if (continuing_) {
    resumed();
    return;
  }
  Outcome outcome;
  outcome.status = head.status();
  outcome.hint = read_hint_of(head);
  const policy::Conclusion conclusion = conclude(outcome);
  if (conclusion.verdict.action == policy::Action::retry || conclusion.verdict.reason == Reason::failover) {
    // Kept while something better is tried, and read to its end, so that its connection can carry the next attempt.
    kept_ = std::make_unique<KeptAnswer>(std::move(head), framing_, worker_.response_limits,
                                         worker_.config.limits.body_buffer);
    absorbing_ = true;
    if (conclusion.verdict.action == policy::Action::retry) {
      back_off(conclusion.verdict);
      return;
    }
    if (fail_over()) return;
    // No alternate: the live answer goes out after all.
    head = std::move(*kept_).take_head();
    kept_.reset();
    absorbing_ = false;
  }
  if (plan_.retry_policy == policy::RetryPolicy::contextual && plan_.operation == policy::Operation::download) {
    const std::vector<policy::FieldView> fields = all_fields(head);
    resume_ = std::make_unique<policy::ResumePoint>(request_.method(), facts_of(head, fields), body_end(framing_));
  }
  commit(head, framing_, conclusion.verdict.reason, conclusion.retry_after);
  relay_ = std::make_unique<Relay>(worker_, framing_, client_framing_);
  attempt_->stream()->set_deadline(worker_.config.timeouts.stall);
  relay();
}

void Exchange::end_attempt(bool reusable) {
  if (attempt_) {
    if (reusable) {
      worker_.idle_pool.give(attempt_->origin().pool_key(), attempt_->take_stream());
    }
    worker_.loop.bury(std::move(attempt_));
  }
  if (plan_.key().empty()) return;  // refused before there was one
  policy::Grants grants;
  worker_.engine.release(plan_, Loop::now(), grants);
  worker_.shared.pacer.settle(grants);
}

// Both messages are complete and both sides want to go on (RFC 9112 9.3, 9.6). What lies behind a complete response
// was asked for by nobody.
bool Exchange::upstream_reusable() const {
  const Head& head = kept_ && absorbing_ ? kept_->head() : attempt_->head();
  Stream& stream = *attempt_->stream();
  return upload_.complete() && framing_.kind != Framing::Kind::until_close && head.wants_keep_alive() &&
         stream.in_size() == 0 && !stream.read_ended() && !stream.write_failed() && stream.flushed();
}

// --- decisions ---

policy::Conclusion Exchange::conclude(const Outcome& outcome) {
  progress_.replayable = upload_.replayable();
  policy::Conclusion conclusion = worker_.engine.conclude(plan_, progress_, outcome, Loop::now(), worker_.random);
  worker_.shared.pacer.settle();
  worker_.counters.outcomes[static_cast<std::size_t>(outcome.kind)].add();
  worker_.counters.verdicts[static_cast<std::size_t>(conclusion.verdict.reason)].add();
  if (outcome.kind == OutcomeKind::response && outcome.status == 429 &&
      conclusion.verdict.action == policy::Action::retry) {
    worker_.counters.absorbed_throttles.add();
  }
  if (conclusion.shadow) {
    const Reason shadow = conclusion.shadow->reason;
    if (record_.shadow.empty() && shadow != conclusion.verdict.reason) record_.shadow = name(shadow);
    worker_.counters.shadow_verdicts[static_cast<std::size_t>(shadow)].add();
  }
  return conclusion;
}

void Exchange::back_off(const policy::Verdict& verdict) {
  state_ = State::backing_off;
  waiting_since_ = Loop::now();
  record_.backoff += verdict.wait;
  wait_.arm(verdict.wait);
  if (absorbing_) absorb_kept();
  watch_while_waiting();
}

void Exchange::wait_over() {
  if (absorbing_ && !overdue_) {
    overdue_ = true;
    wait_.arm(kKeptTime);
    return;
  }
  go_on();
}

// To the next attempt, here or at an alternate.
void Exchange::go_on() {
  wait_.disarm();
  overdue_ = false;
  if (absorbing_) {
    // Not whole in time: it cannot be given to the client later.
    absorbing_ = false;
    kept_.reset();
  }
  end_attempt(false);
  if (to_alternate_) {
    to_alternate_ = false;
    std::string host;
    std::uint16_t port = target_.port;
    if (const std::string_view next = plan_.next_alternate(); !parse_authority(next, host, port)) host = next;
    plan_ = worker_.engine.plan_alternate(plan_, Loop::now());
    target_.host = host;
    target_.port = port;
    attempts_before_ += progress_.attempts;
    progress_.attempts = 0;
  }
  queue(Turn::retry);
}

// The contextual policy says the alternatives come first, and the operator has named some: through their own limits.
bool Exchange::fail_over() {
  if (!plan_.safe_method || progress_.committed || is_connect() || plan_.next_alternate().empty()) return false;
  to_alternate_ = true;
  state_ = State::backing_off;
  if (absorbing_) absorb_kept();
  wait_over();
  return true;
}

// Nothing new can be had: the last answer if there is one, else our own.
void Exchange::settle_for_less(Reason reason, const Refusal& refusal, std::optional<policy::Duration> retry_after) {
  if (progress_.committed) {
    leave_broken(reason);
  } else if (kept_ && kept_->whole()) {
    commit_kept(reason, retry_after);
  } else {
    refuse(refusal, verdict_detail_, retry_after, reason);
  }
}

void Exchange::absorb_kept() {
  if (!absorbing_) return;
  const BodyReader::State state = kept_->absorb(*attempt_->stream());
  if (state == BodyReader::State::more) return;
  const bool whole = state == BodyReader::State::done;
  const bool reusable = whole && upstream_reusable();
  absorbing_ = false;
  if (!whole) kept_.reset();
  end_attempt(reusable);
  if (overdue_) go_on();
}

}  // namespace backoffd::proxy
