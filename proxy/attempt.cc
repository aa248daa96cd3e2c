#include "proxy/attempt.h"

#include <utility>

#include "proxy/worker.h"

namespace backoffd::proxy {

namespace {
constexpr int kMostInterims = 64;  // an origin that sends more 1xx than this is a flood, not a hint
}

Attempt::Attempt(Worker& worker, Owner& owner, Origin origin, bool fresh)
    : worker_(worker),
      owner_(owner),
      origin_(std::move(origin)),
      fresh_(fresh),
      parser_(HeadParser::Kind::response, worker.response_limits) {}

Attempt::~Attempt() = default;

void Attempt::start() {
  if (origin_.parent != nullptr) {
    // What a parent proxy resolves can be judged by its name only.
    const auto verdict = worker_.shared.egress.check_unresolved(origin_.host, origin_.port);
    if (!verdict.allowed) {
      dial_error_ = DialError::destination_refused;
      fail(policy::OutcomeKind::destination_refused, origin_.host + ": " + verdict.why);
      return;
    }
  }
  if (!fresh_) {
    if (auto idle = worker_.idle_pool.take(origin_.pool_key())) {
      worker_.counters.reused_connections.add();
      reused_ = true;
      adopt(std::move(idle));
      return;
    }
  }
  connector_ = std::make_unique<Connector>(worker_, origin_, static_cast<Connector::Owner&>(*this));
}

void Attempt::adopt(std::unique_ptr<Stream> stream) {
  stream_ = std::move(stream);
  stream_->set_owner(this);
  stream_->set_in_limit(worker_.config.limits.body_buffer);
  written_before_ = stream_->bytes_written();
  phase_ = Phase::ready;
}

void Attempt::connected(std::unique_ptr<Stream> stream) {
  worker_.loop.bury(std::move(connector_));
  adopt(std::move(stream));
  owner_.attempt_progress();
}

void Attempt::connect_failed(policy::OutcomeKind kind, DialError error, std::string detail) {
  worker_.loop.bury(std::move(connector_));
  dial_error_ = error;
  fail(kind, std::move(detail));
  owner_.attempt_progress();
}

void Attempt::sent() {
  phase_ = Phase::awaiting;
  stream_->touch();
  renew_deadline();
}

void Attempt::renew_deadline() {
  const Timeouts& timeouts = worker_.config.timeouts;
  stream_->set_deadline(phase_ == Phase::answered ? timeouts.stall : timeouts.response_head);
}

bool Attempt::takes_slowly() {
  if (!stream_->timed_out() || !uptake_.goes_on(*stream_)) return false;
  renew_deadline();
  return true;
}

void Attempt::progress() {
  if (phase_ == Phase::awaiting || phase_ == Phase::ready) read_head();
  owner_.attempt_progress();
}

void Attempt::read_head() {
  while (phase_ == Phase::awaiting || phase_ == Phase::ready) {
    const HeadParser::State state = parser_.feed(stream_->in());
    if (state == HeadParser::State::error) {
      fail(policy::OutcomeKind::bad_response, std::string(parser_.error().name));
      return;
    }
    if (state == HeadParser::State::more) break;
    const int status = parser_.head().status();
    if (status == 407 && origin_.parent != nullptr && !origin_.tls) {
      // RFC 9110 11.7.1: a challenge to us, by the next proxy, and not to our client.
      dial_error_ = DialError::parent_refused;
      fail(policy::OutcomeKind::destination_refused, "the parent proxy answered 407");
      return;
    }
    if (status >= 200 || status == 101) {
      phase_ = Phase::answered;
      stream_->clear_deadline();
      stream_->touch();
      return;
    }
    if (++interims_ > kMostInterims) {
      fail(policy::OutcomeKind::bad_response, "more than 64 interim responses");
      return;
    }
    owner_.interim(parser_.take());
  }
  stream_->touch();
  const bool over = stream_->read_ended() || stream_->failed();
  if (const std::string reason = over && !reused_ ? stream_->reason() : std::string(); !reason.empty()) {
    // In TLS 1.3 a server judges the client's certificate after the handshake; the next time it would say the same.
    fail(policy::OutcomeKind::tls_error, reason);
  } else if (over) {
    // A head that broke off is no valid response, but like a reset it never said anything that could be relayed.
    fail(policy::OutcomeKind::reset,
         parser_.started() ? "closed inside the response head" : "closed before a response");
  } else if (stream_->timed_out() && !takes_slowly()) {
    fail(policy::OutcomeKind::head_timeout, "no response head within timeouts.response_head");
  }
}

void Attempt::fail(policy::OutcomeKind kind, std::string detail) {
  phase_ = Phase::failed;
  failure_ = kind;
  detail_ = std::move(detail);
  if (stream_) stream_->clear_deadline();
}

}  // namespace backoffd::proxy
