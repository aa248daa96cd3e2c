// The way of an exchange to its turn: what it asks for, the plan for it, the queue.
#include "proxy/exchange.h"
#include "proxy/http/rewrite.h"
#include "proxy/pacer.h"
#include "proxy/worker.h"

namespace backoffd::proxy {

namespace {

using Turn = policy::Engine::Turn;

// How far an OPTIONS or a TRACE may go (RFC 9110 7.6.2).
enum class Hops { any, none, unreadable };

Hops hops_of(const Head& request) {
  if (request.method() != "OPTIONS" && request.method() != "TRACE") return Hops::any;
  const auto hops = request.find(FieldId::max_forwards);
  if (!hops) return Hops::any;
  const bool digits = !hops->empty() && hops->size() <= 4 && hops->find_first_not_of("0123456789") == std::string::npos;
  if (!digits || request.count(FieldId::max_forwards) > 1) return Hops::unreadable;
  return hops->find_first_not_of('0') == std::string::npos ? Hops::none : Hops::any;
}

std::string_view field_or_empty(const Head& head, FieldId id) { return head.find(id).value_or(std::string_view()); }

}  // namespace

bool Exchange::plan() {
  TargetResult target = within_ != nullptr ? parse_target_within(request_, *within_) : parse_target(request_);
  target_ = std::move(target.target);
  const Hops hops = hops_of(request_);
  // "OPTIONS *" may ask about the proxy itself, where it is to go no further.
  const bool about_us = hops == Hops::none && target_.form == Target::Form::asterisk &&
                        target.error.name == refusals::kNotAProxyRequest.name;
  if (!target.ok && !about_us) {
    refuse(refusal_of(target.error), {}, {});
    return false;
  }
  if (via_has(request_, worker_.config.via)) {
    refuse(refusals::kLoop, {}, {});
    return false;
  }
  if (hops == Hops::unreadable) {
    refuse(refusals::kBadMaxForwards, {}, {});
    return false;
  }
  if (hops == Hops::none) {
    answer_as_last_hop();
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
  progress_.idempotent = plan_.idempotent;
  return true;
}

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
    watch_.waits(!upload_.complete());
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

}  // namespace backoffd::proxy
