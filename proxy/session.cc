#include "proxy/session.h"

#include <sys/socket.h>

#include "policy/text.h"
#include "proxy/http/framing.h"
#include "proxy/http/rewrite.h"
#include "proxy/notice.h"
#include "proxy/refusal.h"
#include "proxy/worker.h"

namespace backoffd::proxy {

namespace {

// Tools on one machine share an address, not what they trust. Most say at the CONNECT which one they are.
std::string name_of_client(std::string_view address, const Head& connect) {
  constexpr std::size_t kMost = 64;
  std::string name(address);
  if (const auto agent = connect.find("User-Agent")) name.append(" ").append(agent->substr(0, kMost));
  return name;
}

}  // namespace

Session::Session(Worker& worker, Fd fd, const Address& client)
    : worker_(worker),
      client_name_(client.text()),
      client_(worker.loop, std::move(fd), this),
      parser_(HeadParser::Kind::request, worker.request_limits) {
  worker_.counters.client_connections.add();
  worker_.counters.open_client_connections.add();
  client_.set_in_limit(worker.request_limits.head_bytes);
  client_.set_deadline(worker.config.timeouts.client_head);
}

Session::~Session() { worker_.counters.open_client_connections.sub(); }

void Session::progress() {
  switch (state_) {
    case State::reading:
      serve();
      return;
    case State::handshaking:
      shake_hands();
      return;
    case State::exchanging:
      exchange_->client_progress();
      return;
    case State::leaving:
      say_farewell();
      return;
    case State::closed:
      return;
  }
}

void Session::serve() {
  if (serving_) return;
  serving_ = true;
  // Answers that nobody reads must not pile up: the next request waits until there is room.
  const std::size_t limit = worker_.config.limits.body_buffer;
  bool room = true;
  while (state_ == State::reading) {
    room = client_.out_room(limit) > 0;
    if (!room || !read_head()) break;
    start_exchange();
  }
  serving_ = false;
  if (room) return;
  if (client_.failed() || client_.write_failed()) {
    close(true);
  } else if (client_.timed_out()) {
    close_when_flushed();
  }
}

bool Session::read_head() {
  const bool began = parser_.started();
  switch (parser_.feed(client_.in())) {
    case HeadParser::State::done:
      client_.touch();
      if (within_ && !within_->spoken) {
        within_->spoken = true;
        worker_.shared.interceptor->pass_through().trusted(within_->client, within_->target.host);
      }
      return true;
    case HeadParser::State::error:
      refuse(parser_.error());
      return false;
    case HeadParser::State::more:
      break;
  }
  client_.touch();
  if (within_ && !within_->spoken && (client_.failed() || client_.write_failed() || client_.read_ended())) {
    interception_failed();
  } else if (client_.failed() || client_.write_failed()) {
    close(true);
  } else if (client_.read_ended()) {
    if (parser_.started()) {
      refuse(400, "incomplete_head", "The request head is not complete.");
    } else {
      close_when_flushed();
    }
  } else if (client_.timed_out()) {
    if (parser_.started()) {
      const Refusal& late = refusals::kClientHeadTimeout;
      refuse(late.status, late.name, late.sentence);
    } else {
      close_when_flushed();
    }
  } else if (!began && parser_.started()) {
    client_.set_deadline(worker_.config.timeouts.client_head);
  }
  return false;
}

void Session::start_exchange() {
  Head& head = parser_.head();
  const FramingResult framing = frame_request(head);
  if (!framing.ok) {
    refuse(framing.error);
    return;
  }
  if (intercept(head)) return;
  state_ = State::exchanging;
  exchange_ = std::make_unique<Exchange>(worker_, client_, client_name_, static_cast<Exchange::Owner&>(*this),
                                         parser_.take(), framing.framing, within_ ? &within_->target : nullptr);
  exchange_->start();
}

// What may not be tunnelled may not be intercepted: that is the exchange's to refuse.
bool Session::intercept(const Head& head) {
  Interceptor* interceptor = worker_.shared.interceptor;
  if (interceptor == nullptr || within_ || head.method() != "CONNECT") return false;
  TargetResult connect = parse_target(head);
  if (!connect.ok || !worker_.shared.egress.connect_port_allowed(connect.target.port) ||
      via_has(head, worker_.config.via)) {
    return false;
  }
  std::string client = name_of_client(client_name_, head);
  if (!interceptor->intercepts(client, connect.target.host, Loop::now())) return false;
  auto ssl = interceptor->accept(connect.target.host, Loop::wall_now());
  if (!ssl) {
    notice("interception: " + connect.target.host + ": " + ssl.error().text() + "; it is tunnelled");
    return false;
  }
  (void)parser_.take();
  // What came with the CONNECT is the beginning of TLS, and what was not yet written goes before it.
  std::string received = take_all(client_.in());
  std::string unsent = take_all(client_.out());
  unsent += "HTTP/1.1 200 Connection established\r\n\r\n";
  auto transport = std::make_unique<TlsTransport>(std::move(*ssl), std::move(received), std::move(unsent));
  within_ = std::make_unique<Interception>();
  within_->client = std::move(client);
  within_->target = std::move(connect.target);
  within_->target.path_and_query = {};
  within_->tls = transport.get();
  client_.set_transport(std::move(transport));
  client_.set_deadline(worker_.config.timeouts.client_head);
  state_ = State::handshaking;
  return true;
}

void Session::shake_hands() {
  const TlsTransport& tls = *within_->tls;
  if (!tls.established()) {
    if (client_.read_ended() || client_.write_failed() || client_.timed_out()) interception_failed();
    return;
  }
  worker_.counters.client_tls_handshakes.add();
  if (tls.resumed()) worker_.counters.client_tls_resumed.add();
  const std::string name = tls.server_name();
  if (!name.empty() && !policy::equals_ignoring_case(name, within_->target.host)) {
    // The host of the CONNECT decides: it is what the rules were asked about, and what the leaf names.
    worker_.counters.client_tls_name_mismatches.add();
    notice("interception: client " + within_->client + " asked for \"" + name + "\" in a tunnel to \"" +
           within_->target.host + '"');
  }
  state_ = State::reading;
  client_.set_deadline(worker_.config.timeouts.client_head);
  serve();
}

// The connection ended before a request came through the interception: the client may not trust our certificate.
void Session::interception_failed() {
  const TlsTransport& tls = *within_->tls;
  const std::string& host = within_->target.host;
  PassThrough& pass_through = worker_.shared.interceptor->pass_through();
  const bool told = tls.failure() == TlsFailure::rejected || tls.failure() == TlsFailure::application;
  bool learned = false;
  if (told) {
    learned = pass_through.rejected(within_->client, host, tls.failure_text(), Loop::now());
  } else if (!client_.timed_out()) {
    learned = pass_through.closed_early(within_->client, host, Loop::now());
  }
  if (learned) {
    notice("interception: client " + within_->client + " does not take our certificate for " + host + " (" +
           (told ? tls.failure_text() : "it closes before its first request") + "); tunnelled for an hour");
  }
  if (told || !tls.established()) {
    const Refusal& refusal = told ? refusals::kClientRejectedCertificate : refusals::kClientTlsError;
    worker_.counters.client_tls_failures.add();
    worker_.counters.refuse(refusal.name);
    log_without_exchange(200, refusal.name, tls.failure_text());
  }
  close(false);
}

void Session::refuse(const HeadError& error) {
  const Refusal refusal = refusal_of(error);
  refuse(refusal.status, refusal.name, refusal.sentence);
}

// An answer to what never became an exchange. What follows on the connection has no certain meaning: it ends here.
void Session::refuse(int status, std::string_view name, std::string_view sentence) {
  worker_.counters.refuse(name);
  worker_.counters.responses[static_cast<std::size_t>(status / 100)].add();
  const std::string proxy_status = proxy_status_member(worker_.config.via, "http_request_error", name);
  const AddedField added{"Proxy-Status", proxy_status};
  const std::string text = std::string(name) + ": " + std::string(sentence) + "\n";
  OwnResponse response;
  response.status = status;
  response.text = text;
  response.keep_alive = false;
  response.head_only = parser_.begins_with_head();
  response.added = &added;
  response.added_count = 1;
  write_own_response(response, client_.out());
  log_without_exchange(status, name, {});
  linger();
}

void Session::log_without_exchange(int status, std::string_view verdict, std::string_view detail) {
  if (!worker_.access_log.on()) return;
  AccessRecord record;
  record.start = Loop::wall_now();
  record.client = client_name_;
  record.scheme = within_ ? "https" : "http";
  if (within_) {
    record.host = within_->target.host;
    record.port = within_->target.port;
  }
  record.status = status;
  record.verdict = verdict;
  record.detail = detail;
  record.request_id = "-";
  worker_.access_log.write(record);
  worker_.flush_log_later();
}

void Session::exchange_done(After after) {
  worker_.loop.bury(std::move(exchange_));
  switch (after) {
    case After::keep:
      if (worker_.draining()) {
        linger();  // promised before the drain began
        return;
      }
      state_ = State::reading;
      client_.set_in_limit(worker_.request_limits.head_bytes);
      client_.set_deadline(worker_.config.timeouts.client_idle);
      serve();
      return;
    case After::end:
      close_when_flushed();
      return;
    case After::close:
      linger();
      return;
    case After::abort:
      close(true);
      return;
  }
}

void Session::leave(Farewell::Manner manner) {
  state_ = State::leaving;
  farewell_ = std::make_unique<Farewell>(client_, manner, worker_.config.timeouts.stall);
  say_farewell();
}

void Session::linger() { leave(Farewell::Manner::hear_out); }

// The last answer may still wait to be written.
void Session::close_when_flushed() { leave(within_ ? Farewell::Manner::say_end : Farewell::Manner::close); }

void Session::say_farewell() {
  if (farewell_->over()) close(false);
}

void Session::close(bool abort) {
  state_ = State::closed;
  if (abort) {
    const struct linger now = {1, 0};
    setsockopt(client_.fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  worker_.end(*this);
}

void Session::drain() {
  if (state_ == State::handshaking || (state_ == State::reading && !parser_.started())) close_when_flushed();
}

}  // namespace backoffd::proxy
