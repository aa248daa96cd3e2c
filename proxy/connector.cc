#include "proxy/connector.h"

#include "proxy/tls/tls_transport.h"
#include "proxy/worker.h"

namespace backoffd::proxy {

using policy::OutcomeKind;

std::string Origin::authority() const { return authority_with_port(host, port); }

std::string Origin::pool_key() const {
  if (parent == nullptr) return (tls ? "s " : "") + authority();
  // One connection to a parent proxy serves all origins that are spoken to in plain HTTP.
  return tls ? "s " + authority() + ' ' + parent->authority() : "p " + parent->authority();
}

Connector::Connector(Worker& worker, const Origin& origin, Owner& owner)
    : worker_(worker),
      origin_(origin),
      owner_(owner),
      deadline_(Timer::of<Connector, &Connector::on_deadline>(worker.loop, this)) {
  const ParentProxy* parent = origin_.parent;
  dial_ = parent != nullptr ? worker.dialer.start(parent->host, parent->port, *this, Dialer::Choice::operators)
                            : worker.dialer.start(origin_.host, origin_.port, *this);
  deadline_.arm(worker.config.timeouts.connect);
}

Connector::~Connector() = default;

void Connector::dialled(DialResult result) {
  if (result.error != DialError::none) {
    const bool refused = result.error == DialError::destination_refused;
    std::string detail = origin_.parent != nullptr ? "parent proxy " + result.detail : std::move(result.detail);
    fail(refused ? OutcomeKind::destination_refused : OutcomeKind::connect_error, result.error, std::move(detail));
    return;
  }
  worker_.counters.upstream_connections.add();
  stream_ = std::make_unique<Stream>(worker_.loop, std::move(result.fd), nullptr);
  stream_->set_owner(this);
  if (origin_.parent != nullptr && (origin_.tls || origin_.tunnel)) {
    ask_parent();
  } else if (origin_.tls) {
    begin_tls();
  } else {
    done();
  }
}

void Connector::progress() {
  if (parents_answer_) {
    read_parents_answer();
  } else if (tls_ != nullptr) {
    look_at_handshake();
  }
}

// RFC 9110 9.3.6
void Connector::ask_parent() {
  const std::string authority = origin_.authority();
  std::string request = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n";
  if (const std::string& credentials = origin_.parent->authorization; !credentials.empty()) {
    request += "Proxy-Authorization: " + credentials + "\r\n";
  }
  request += "\r\n";
  evbuffer_add(stream_->out(), request.data(), request.size());
  parents_answer_.emplace(HeadParser::Kind::response, worker_.response_limits);
  stream_->set_in_limit(worker_.response_limits.head_bytes);
  stream_->touch();
}

void Connector::read_parents_answer() {
  for (;;) {
    const HeadParser::State state = parents_answer_->feed(stream_->in());
    if (state == HeadParser::State::error) {
      fail(OutcomeKind::connect_error, DialError::connect_failed, "the parent proxy's answer to CONNECT is not valid");
      return;
    }
    if (state == HeadParser::State::more) {
      stream_->touch();
      if (!stream_->read_ended() && !stream_->write_failed()) return;
      fail(OutcomeKind::connect_error, DialError::connect_failed, "the parent proxy closed before it answered CONNECT");
      return;
    }
    const int status = parents_answer_->head().status();
    if (status >= 200) break;
    (void)parents_answer_->take();  // an interim response
  }
  const int status = parents_answer_->head().status();
  parents_answer_.reset();
  stream_->touch();
  if (status >= 300) {
    // 4xx is its last word (407: our credentials); anything else may be another one the next time.
    const bool final = status >= 400 && status < 500 && status != 408 && status != 429;
    fail(final ? OutcomeKind::destination_refused : OutcomeKind::connect_error, DialError::parent_refused,
         "the parent proxy answered " + std::to_string(status) + " to CONNECT");
  } else if (origin_.tls) {
    begin_tls();
  } else {
    done();  // what the far side said first may be in the stream already
  }
}

void Connector::begin_tls() {
  auto ssl = worker_.shared.upstream_tls.start(origin_.host, origin_.pool_key(), worker_.tls_sessions);
  if (!ssl) {
    fail(OutcomeKind::tls_error, DialError::none, ssl.error().what);
    return;
  }
  auto transport = std::make_unique<TlsTransport>(std::move(*ssl), take_all(stream_->in()));
  tls_ = transport.get();
  stream_->set_transport(std::move(transport));
}

void Connector::look_at_handshake() {
  const bool over = stream_->read_ended() || stream_->write_failed();
  if (tls_->failure() != TlsFailure::none || (over && !tls_->established())) {
    worker_.counters.upstream_tls_failures.add();
    switch (tls_->failure()) {
      case TlsFailure::certificate:
        return fail(OutcomeKind::bad_certificate, DialError::none, tls_->failure_text());
      case TlsFailure::rejected:
      case TlsFailure::alert:
      case TlsFailure::application:
      case TlsFailure::protocol:
        return fail(OutcomeKind::tls_error, DialError::none, tls_->failure_text());
      case TlsFailure::none:
      case TlsFailure::closed:
        return fail(OutcomeKind::connect_error, DialError::connect_failed, "closed inside the TLS handshake");
    }
  }
  if (!tls_->established()) return;
  worker_.counters.upstream_tls_handshakes.add();
  if (tls_->resumed()) worker_.counters.upstream_tls_resumed.add();
  done();
}

void Connector::done() {
  deadline_.disarm();
  tls_ = nullptr;
  stream_->set_owner(nullptr);
  owner_.connected(std::move(stream_));
}

void Connector::fail(OutcomeKind kind, DialError error, std::string detail) {
  deadline_.disarm();
  parents_answer_.reset();
  tls_ = nullptr;
  owner_.connect_failed(kind, error, std::move(detail));
}

void Connector::on_deadline() {
  dial_.reset();
  if (tls_ != nullptr) worker_.counters.upstream_tls_failures.add();
  const char* const doing = parents_answer_   ? "no answer of the parent proxy within timeouts.connect"
                            : tls_ != nullptr ? "no TLS handshake within timeouts.connect"
                                              : "no connection within timeouts.connect";
  fail(OutcomeKind::connect_timeout, DialError::none, doing);
}

}  // namespace backoffd::proxy
