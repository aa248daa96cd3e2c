// The attempts of an exchange, and what is decided after each.
#include "proxy/exchange.h"

#include "policy/text.h"
#include "proxy/http/rewrite.h"
#include "proxy/pacer.h"
#include "proxy/response_facts.h"
#include "proxy/worker.h"

namespace backoffd::proxy {

namespace {

// How much longer than its pause a retry lets the answer before it come in: it may yet be the last one there is.
constexpr Duration kCollectTime = std::chrono::seconds(1);

using policy::Outcome;
using policy::OutcomeKind;
using policy::Reason;
using Turn = policy::Engine::Turn;

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

}  // namespace

Exchange::Exchange(Worker& worker, Stream& client, std::string_view client_name, Owner& owner, Head request,
                   Framing body, const Target* within)
    : worker_(worker),
      client_(client),
      owner_(owner),
      client_name_(client_name),
      within_(within),
      number_(worker.next_number()),
      id_(number_),
      started_(Loop::now()),
      request_(std::move(request)),
      keep_alive_(request_.wants_keep_alive()),
      upgrade_(upgrade_of(request_)),
      upload_(request_, body, worker.request_limits, worker.engine.config().retry.replay_limit),
      pause_(Timer::of<Exchange, &Exchange::pause_over>(worker.loop, this)),
      watch_(client, request_.minor_version() >= 1, static_cast<ClientWatch::Owner&>(*this)) {
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

// --- an attempt ---

void Exchange::begin_attempt() {
  if (progress_.attempts++ == 0 && attempts_before_ == 0) {
    progress_.first_attempt = Loop::now();
  } else {
    worker_.counters.retries.add();
  }
  progress_.request_sent = false;
  worker_.counters.attempts.add();
  // What may not, or perhaps cannot, go out twice does not take the risk of an idle connection that is just being
  // closed.
  launch(is_connect() || !progress_.idempotent || !upgrade_.empty() || !upload_.body().always_replayable());
}

void Exchange::launch(bool fresh) {
  state_ = State::attempting;
  watch_.moves();
  const ParentProxy* parent = worker_.shared.parents.between(target_.host, target_.https || is_connect());
  attempt_ = std::make_unique<Attempt>(worker_, static_cast<Attempt::Owner&>(*this),
                                       Origin{target_.host, target_.port, target_.https, is_connect(), parent}, fresh);
  attempt_->start();
  if (attempt_->phase() != Attempt::Phase::connecting) attempt_progress();
}

void Exchange::send_request() {
  UpstreamRequest request{request_, target_, upload_.body().framing(), worker_.config.via, {}, {}, {}, {}};
  request.upgrade = upgrade_;
  if (const ParentProxy* parent = attempt_->origin().parent; parent != nullptr && !target_.https) {
    request.absolute = true;
    request.proxy_authorization = parent->authorization;
  }
  std::string range;
  if (body_) {
    range = body_->range();
    request.range = range;
    request.if_range = body_->if_range();
  }
  if (const auto hops = request_.find(FieldId::max_forwards);
      hops && (request_.method() == "OPTIONS" || request_.method() == "TRACE")) {
    // RFC 9110 7.6.2; with 0 or garbage it would not have been admitted.
    request.max_forwards = std::atoi(std::string(*hops).c_str()) - 1;
  }
  evbuffer* out = attempt_->stream()->out();
  write_request_head(request, out);
  upload_.body().replay(out);
  attempt_->sent();
  move_upload();
}

void Exchange::attempt_progress() {
  if (state_ == State::relaying) {
    move_bodies();
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
  // A later attempt's 100 says nothing new.
  if (head.status() == 100 && !upload_.ask()) return;
  write_interim_head(head, worker_.config.via, client_.out());
  client_.touch();
}

void Exchange::move_upload() {
  Stream* upstream = attempt_ ? attempt_->stream() : nullptr;
  if (upstream == nullptr || attempt_->phase() == Attempt::Phase::failed) return;
  switch (upload_.move(client_, *upstream, worker_.config.limits.body_buffer)) {
    case Upload::Moved::nothing:
      return;
    case Upload::Moved::some:
      attempt_->renew_deadline();
      return;
    case Upload::Moved::malformed:
      give_up(refusals::kBadBody, upload_.body().error());
      return;
    case Upload::Moved::cut:
      client_gone();
      return;
  }
}

// The answer has begun, the request may not have ended.
void Exchange::move_bodies() {
  if (!attempt_) return;  // a tunnel has the streams
  move_upload();
  if (state_ != State::relaying) return;
  if (attempt_->stream()->timed_out() && !attempt_->takes_slowly() && upload_.is_owed(*attempt_->stream())) {
    give_up(refusals::kBodyTimeout, {});
    return;
  }
  relay();
}

void Exchange::attempt_failed() {
  const OutcomeKind kind = attempt_->failure();
  if (attempt_->stale() && (progress_.idempotent || !progress_.request_sent) && upload_.body().replayable()) {
    // No word of the origin's, so no attempt: once more, on a new connection, without a wait (RFC 9112 9.3.1).
    worker_.counters.stale_connections.add();
    worker_.loop.bury(std::move(attempt_));
    launch(true);
    return;
  }
  if (kind == OutcomeKind::head_timeout && upload_.is_owed(*attempt_->stream())) {
    give_up(refusals::kBodyTimeout, {});
    return;
  }
  record_.detail = attempt_->detail();
  const DialError dial_error = attempt_->dial_error();
  last_failure_ = dial_error == DialError::resolve_failed    ? &refusals::kDnsError
                  : dial_error == DialError::resolve_timeout ? &refusals::kDnsTimeout
                  : dial_error == DialError::parent_refused  ? &refusals::kParentRefused
                                                             : &refusal_of(kind);
  Outcome outcome;
  outcome.kind = kind;
  no_answer(outcome);
}

void Exchange::bad_response(std::string_view why) {
  record_.detail = why;
  last_failure_ = &refusal_of(OutcomeKind::bad_response);
  no_answer({OutcomeKind::bad_response, 0, {}});
}

// The attempt ended without an answer that could be relayed.
void Exchange::no_answer(const Outcome& outcome) {
  const policy::Conclusion conclusion = conclude(outcome);
  end_attempt(false);
  if (conclusion.verdict.action == policy::Action::retry) {
    back_off(conclusion.verdict);
    return;
  }
  if (conclusion.verdict.reason == Reason::failover && may_fail_over()) {
    to_alternate_ = true;
    try_again();
    return;
  }
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
    bad_response(framed.error.name);
    return;
  }
  framing_ = framed.framing;
  if (body_) {
    resumed();
    return;
  }
  Outcome outcome;
  outcome.status = head.status();
  outcome.hint = read_hint_of(head);
  const policy::Conclusion conclusion = conclude(outcome);
  const bool retry = conclusion.verdict.action == policy::Action::retry;
  to_alternate_ = conclusion.verdict.reason == Reason::failover && may_fail_over();
  if (retry || to_alternate_) {
    // Read to its end, so that its connection can carry the next attempt.
    held_ = std::make_unique<HeldAnswer>(worker_, static_cast<HeldAnswer::Owner&>(*this), *attempt_, framing_,
                                         upload_.complete());
    worker_.loop.bury(std::move(attempt_));
    if (!held_->coming()) release_slot();
    if (retry) {
      back_off(conclusion.verdict);
    } else {
      collect();
    }
    return;
  }
  body_ =
      std::make_unique<ResponseBody>(worker_, head, framing_, framing_for_client(framing_, request_.minor_version()));
  // In shadow too, where it is told only: the standard policy never asks whether a body can be continued.
  if (plan_.contextual_retry.treated && plan_.operation == policy::Operation::download) {
    body_->let_resume(request_.method(), head);
  }
  upgrade_.clear();  // this answer has declined it
  commit(head, body_->client_framing(), conclusion.verdict.reason, conclusion.retry_after);
  attempt_->renew_deadline();
  relay();
}

// `reusable`: the response has been read to its end.
void Exchange::end_attempt(bool reusable) {
  if (attempt_) {
    if (reusable && upload_.complete() && may_carry_another(attempt_->head(), framing_, *attempt_->stream())) {
      worker_.idle_pool.give(attempt_->origin().pool_key(), attempt_->take_stream());
    }
    worker_.loop.bury(std::move(attempt_));
  }
  release_slot();
}

void Exchange::release_slot() {
  if (plan_.key().empty()) return;  // refused before there was one
  policy::Grants grants;
  worker_.engine.release(plan_, Loop::now(), grants);
  worker_.shared.pacer.settle(grants);
}

// --- decisions ---

policy::Conclusion Exchange::conclude(const Outcome& outcome) {
  progress_.replayable = upload_.body().replayable();
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
  pause_.arm(verdict.wait);
  watch_.waits(!upload_.complete());
}

void Exchange::pause_over() {
  if (state_ == State::backing_off) {
    collect();
  } else {
    try_again();  // what has not come in by now cannot be given to the client later
  }
}

void Exchange::collect() {
  if (held_ && held_->coming()) {
    state_ = State::collecting;
    pause_.arm(kCollectTime);
    watch_.waits(!upload_.complete());
  } else {
    try_again();
  }
}

void Exchange::held_answer_ended() {
  release_slot();
  if (!held_->whole()) worker_.loop.bury(std::move(held_));
  if (state_ == State::collecting) try_again();
}

void Exchange::try_again() {
  pause_.disarm();
  if (held_ && !held_->whole()) worker_.loop.bury(std::move(held_));
  end_attempt(false);
  if (to_alternate_) move_to_alternate();
  queue(Turn::retry);
}

// The contextual policy says the alternatives come first, and the operator has named some: through their own limits.
bool Exchange::may_fail_over() const {
  return plan_.safe_method && !progress_.committed && !is_connect() && !plan_.next_alternate().empty();
}

void Exchange::move_to_alternate() {
  to_alternate_ = false;
  target_.host = plan_.next_alternate();
  plan_ = worker_.engine.plan_alternate(plan_, Loop::now());
  attempts_before_ += progress_.attempts;
  progress_.attempts = 0;
}

// Nothing new can be had: the last answer if there is one, else our own.
void Exchange::settle_for_less(Reason reason, const Refusal& refusal, std::optional<policy::Duration> retry_after) {
  if (progress_.committed) {
    leave_broken(reason);
  } else if (held_ && held_->whole()) {
    commit_held(reason, retry_after);
  } else {
    refuse(refusal, record_.detail, retry_after, reason);
  }
}

}  // namespace backoffd::proxy
