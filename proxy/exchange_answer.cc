// What the client gets of an exchange: the commit point, the relay and its breaks, tunnels, the proxy's own answers,
// and the end.
#include <sys/socket.h>

#include "proxy/exchange.h"
#include "proxy/pacer.h"
#include "proxy/response_facts.h"
#include "proxy/worker.h"

namespace backoffd::proxy {

namespace {

using policy::Outcome;
using policy::OutcomeKind;
using policy::Reason;

constexpr Duration kLookAtClient = std::chrono::milliseconds(500);

// How the body goes to the client. A body that ends with the connection becomes chunked where the client understands
// it: then its end can be told from a break.
Framing client_framing_of(Framing upstream, int client_minor_version) {
  if (client_minor_version < 1 && upstream.kind == Framing::Kind::chunked) return {Framing::Kind::until_close, 0};
  if (client_minor_version >= 1 && upstream.kind == Framing::Kind::until_close) return {Framing::Kind::chunked, 0};
  return upstream;
}

// A few fields we add to a response. The values are views: their text lives until the head is written.
class AddedFields {
 public:
  void add(std::string_view name, std::string_view value) { fields_[count_++] = {name, value}; }
  const AddedField* data() const { return fields_.data(); }
  std::size_t size() const { return count_; }

 private:
  std::array<AddedField, 6> fields_;
  std::size_t count_ = 0;
};

std::string whole_seconds_up(policy::Duration d) {
  return std::to_string(std::chrono::ceil<std::chrono::seconds>(d).count());
}

}  // namespace

std::string_view Exchange::request_id() {
  if (id_.front() == 0) {
    // The number is unique here; mixing makes it look like what it is, an opaque name.
    std::uint64_t x = number_ * 0x9e3779b97f4a7c15;
    x ^= x >> 32;
    static constexpr char kHex[] = "0123456789abcdef";
    for (char& digit : id_) {
      digit = kHex[x >> 60];
      x <<= 4;
    }
  }
  return {id_.data(), id_.size()};
}

// The commit point: the first byte of a final response head goes to the client. The only place that sets `committed`.
void Exchange::pass_commit_point(int status, std::string_view verdict) {
  progress_.committed = true;
  record_.status = status;
  record_.verdict = verdict;
  record_.head = Loop::now() - started_;
}

void Exchange::commit(const Head& head, Framing framing, Reason reason, std::optional<policy::Duration> retry_after) {
  pass_commit_point(head.status(), name(reason));
  client_framing_ = client_framing_of(framing, request_.minor_version());
  // A request that is still coming in when it is answered ends the connection: nobody knows how much more there is.
  keep_alive_ =
      keep_alive_ && upload_.complete() && client_framing_.kind != Framing::Kind::until_close && !worker_.draining();
  const std::string attempts = std::to_string(attempts_before_ + progress_.attempts);
  std::string wait;
  AddedFields added;
  if (worker_.config.response_headers) {
    added.add("Backoffd-Attempts", attempts);
    if (reason != Reason::none) added.add("Backoffd-Verdict", name(reason));
    added.add("Backoffd-Request-Id", request_id());
  }
  if (retry_after && head.count(FieldId::retry_after) == 0) {
    wait = whole_seconds_up(*retry_after);
    added.add("Retry-After", wait);
  }
  ClientResponse response{head, client_framing_, worker_.config.via, request_.minor_version(), keep_alive_, {}};
  response.added = added.data();
  response.added_count = added.size();
  if (head.status() == 101) response.upgrade = upgrade_;
  write_response_head(response, client_.out());
  client_.touch();
}

void Exchange::commit_kept(Reason reason, std::optional<policy::Duration> retry_after) {
  commit(kept_->head(), kept_->framing(), reason, retry_after);
  record_.bytes_out = kept_->write_body(client_.out());
  finish(after_whole_answer());
}

void Exchange::refuse(const Refusal& refusal, std::string_view detail, std::optional<policy::Duration> retry_after,
                      Reason reason) {
  worker_.counters.refuse(refusal.name);
  // Why nothing better was tried says more than what the last attempt came to; that is in Proxy-Status and the text.
  pass_commit_point(refusal.status, reason == Reason::none ? refusal.name : name(reason));
  if (verdict_detail_.empty()) verdict_detail_ = detail;
  // Behind a refused CONNECT, and behind a body nobody reads, the client's bytes have no meaning any more.
  keep_alive_ = keep_alive_ && upload_.complete() && request_.method() != "CONNECT" && !worker_.draining();
  // What is wrong with a certificate is for the client to know, and holds nothing of anybody's but OpenSSL's words.
  const bool in_words =
      refusal.name == name(OutcomeKind::bad_certificate) || refusal.name == name(OutcomeKind::tls_error);
  const std::string reason_text = in_words && !verdict_detail_.empty() ? ": " + verdict_detail_ : std::string();
  const std::string proxy_status =
      proxy_status_member(worker_.config.via, refusal.proxy_status, std::string(refusal.name) + reason_text);
  const std::string attempts = std::to_string(attempts_before_ + progress_.attempts);
  std::string wait;
  AddedFields added;
  added.add("Proxy-Status", proxy_status);
  if (worker_.config.response_headers) {
    added.add("Backoffd-Attempts", attempts);
    added.add("Backoffd-Verdict", record_.verdict);
    added.add("Backoffd-Request-Id", request_id());
  }
  if (retry_after) {
    wait = whole_seconds_up(*retry_after);
    added.add("Retry-After", wait);
  }
  std::string text = std::string(refusal.name) + ": " + std::string(refusal.sentence);
  if (!reason_text.empty()) text.replace(text.size() - 1, 1, reason_text + '.');
  text += " (request " + std::string(request_id()) + ")\n";
  OwnResponse response;
  response.status = refusal.status;
  response.text = text;
  response.keep_alive = keep_alive_;
  response.head_only = request_.method() == "HEAD";
  response.client_minor_version = request_.minor_version();
  response.added = added.data();
  response.added_count = added.size();
  write_own_response(response, client_.out());
  client_.touch();
  finish(after_whole_answer());
}

Exchange::Owner::After Exchange::after_whole_answer() const {
  if (keep_alive_ && upload_.complete()) return Owner::After::keep;
  const bool nothing_unread = upload_.complete() && client_.in_size() == 0;
  return nothing_unread && !request_.wants_keep_alive() ? Owner::After::end : Owner::After::close;
}

// --- tunnels ---

void Exchange::open_tunnel() {
  Outcome outcome;
  outcome.status = 200;
  conclude(outcome);
  pass_commit_point(200, name(Reason::none));
  static constexpr std::string_view kEstablished = "HTTP/1.1 200 Connection established\r\n\r\n";
  evbuffer_add(client_.out(), kEstablished.data(), kEstablished.size());
  start_tunnel();
}

void Exchange::switch_protocols() {
  Head& head = attempt_->head();
  if (upgrade_.empty() || !head.has_token(FieldId::upgrade, upgrade_)) {
    // A switch that nobody asked for (RFC 9110 7.8): what follows is not HTTP and not for this client.
    verdict_detail_ = "101 that was not asked for";
    conclude({OutcomeKind::bad_response, 0, {}});
    end_attempt(false);
    refuse(refusal_of(OutcomeKind::bad_response), {}, {});
    return;
  }
  Outcome outcome;
  outcome.status = 101;
  conclude(outcome);
  commit(head, {}, Reason::none, {});
  start_tunnel();
}

void Exchange::start_tunnel() {
  state_ = State::relaying;
  tunnel_ = std::make_unique<Tunnel>(worker_, client_, attempt_->take_stream(), static_cast<Tunnel::Owner&>(*this));
  worker_.loop.bury(std::move(attempt_));
  tunnel_->client_progress();
}

void Exchange::tunnel_ended(std::string_view why) {
  verdict_detail_ = why;
  finish(why == "reset" ? Owner::After::abort : Owner::After::close);
}

// --- the body ---

void Exchange::relay() {
  state_ = State::relaying;
  switch (relay_->move(*attempt_->stream(), client_, upload_.complete())) {
    case Relay::State::more:
      return;
    case Relay::State::done:
      attempt_->stream()->clear_deadline();
      end_attempt(relay_->upstream_complete() && upstream_reusable());
      finish(after_whole_answer());
      return;
    case Relay::State::broken:
      body_broken(relay_->detail());
      return;
    case Relay::State::client_failed:
      client_gone();
      return;
  }
}

void Exchange::body_broken(std::string detail) {
  verdict_detail_ = std::move(detail);
  progress_.resumable = resume_ && resume_->resumable(relay_->delivered());
  if (relay_->delivered() > broke_at_) {
    // A download may take hours before it breaks: max_delay bounds the time without a byte, not the download's.
    progress_.first_attempt = Loop::now();
    broke_at_ = relay_->delivered();
  }
  Outcome outcome;
  outcome.kind = OutcomeKind::broken_body;
  const policy::Conclusion conclusion = conclude(outcome);
  end_attempt(false);
  if (conclusion.verdict.action != policy::Action::retry) {
    leave_broken(conclusion.verdict.reason);
    return;
  }
  continuing_ = true;
  back_off(conclusion.verdict);
}

// The head of an attempt that was to continue a broken body: it does, or the verdict is asked again.
void Exchange::resumed() {
  const Head& head = attempt_->head();
  const std::vector<policy::FieldView> fields = all_fields(head);
  const policy::Continuation next = resume_->check(facts_of(head, fields), body_end(framing_), relay_->delivered());
  Outcome outcome;
  outcome.status = head.status();
  outcome.hint = read_hint_of(head);
  progress_.resumable = true;
  const policy::Conclusion conclusion = conclude(outcome);
  if (next.kind == policy::Continuation::Kind::other) {
    verdict_detail_ = "status " + std::to_string(head.status()) + " does not continue the body";
    end_attempt(false);
    if (conclusion.verdict.action == policy::Action::retry) {
      back_off(conclusion.verdict);
    } else {
      leave_broken(conclusion.verdict.reason);
    }
    return;
  }
  worker_.counters.resumed_bodies.add();
  // A whole answer brings all that the client has once more.
  const bool spared = next.kind == policy::Continuation::Kind::go_on;
  worker_.counters.resumed_bytes.add(spared ? relay_->delivered() : 0);
  record_.verdict = name(Reason::resume);
  record_.resumed_at = relay_->delivered();
  relay_->continue_with(framing_, next.discard, next.left);
  attempt_->stream()->set_deadline(worker_.config.timeouts.stall);
  relay();
}

// No further attempt continues the body. A rule that refused one tells more than that the body broke, which is in the
// detail; `committed` tells no more.
void Exchange::leave_broken(Reason reason) {
  break_off(reason == Reason::committed ? name(OutcomeKind::broken_body) : name(reason));
}

// The client must be able to see that its answer is not whole: a length that is not reached or a missing last chunk
// tells it; a body that ends with the connection needs a reset.
void Exchange::break_off(std::string_view verdict) {
  record_.verdict = verdict;
  record_.ending = policy::Ending::broken;
  worker_.counters.broken_bodies.add();
  finish(client_framing_.kind == Framing::Kind::until_close ? Owner::After::abort : Owner::After::close);
}

// --- the client's side ---

void Exchange::client_progress() {
  if (tunnel_) {
    tunnel_->client_progress();
    return;
  }
  if (client_.failed() || client_.write_failed()) {
    client_gone();
    return;
  }
  if (client_.timed_out()) {
    if (progress_.committed) {
      break_off(refusals::kExchangeTimeout.name);
    } else {
      keep_alive_ = false;
      refuse(refusals::kExchangeTimeout, {}, {});
    }
    return;
  }
  if (state_ == State::attempting || state_ == State::relaying) {
    move_upload();
    if (state_ == State::relaying && attempt_) relay();
  }
  if (state_ != State::finished && client_.read_ended()) watch_while_waiting();
}

// A client that leaves is heard of when its side is read or written. Here neither happens: it has ended its side, or
// its body waits unread.
void Exchange::watch_while_waiting() {
  if (watch_.armed() || progress_.committed) return;
  if (client_.read_ended()) {
    // An answer that is on its way needs no asking; a place in a queue should not be kept for nobody.
    watch_.arm(state_ == State::attempting ? std::chrono::seconds(1) : Duration::zero());
  } else if (!upload_.complete()) {
    watch_.arm(kLookAtClient);
  }
}

// A client that has ended its side may still wait for the answer, or be gone altogether; both look the same until
// something is written to it. An interim response means nothing to the one and draws a reset from the other.
void Exchange::watch_client() {
  if (progress_.committed) return;
  if (client_.peer_reset()) {
    client_gone();
  } else if (!client_.peer_ended()) {
    if (state_ != State::attempting) watch_.arm(kLookAtClient);
  } else {
    if (probes_++ == 0 && request_.minor_version() >= 1) {
      static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      evbuffer_add(client_.out(), kContinue.data(), kContinue.size());
      client_.touch();
    }
    watch_.arm(std::chrono::milliseconds(probes_ < 5 ? 40 << probes_ : 5000));
  }
}

void Exchange::client_gone() {
  verdict_detail_ = "the client left";
  record_.verdict = name(Reason::client_gone);
  record_.ending = policy::Ending::left;
  worker_.counters.verdicts[static_cast<std::size_t>(Reason::client_gone)].add();
  finish(Owner::After::abort);
}

// --- the end ---

void Exchange::finish(Owner::After after) {
  state_ = State::finished;
  wait_.disarm();
  watch_.disarm();
  end_attempt(false);
  client_.clear_deadline();
  write_log();
  owner_.exchange_done(after);
}

Stage Exchange::stage() const {
  if (tunnel_) return Stage::tunnel;
  constexpr Stage kStages[] = {Stage::queued, Stage::attempting, Stage::backing_off, Stage::relaying, Stage::finished};
  return kStages[static_cast<std::size_t>(state_)];
}

AccessRecord Exchange::record() {
  AccessRecord line;
  line.start = record_.start;
  line.request_id = request_id();
  line.client = client_name_;
  line.method = request_.method();
  line.scheme = is_connect() ? "connect" : target_.https ? "https" : "http";
  line.host = target_.host;
  line.port = target_.port;
  // A target that was refused has no path to speak of.
  line.path = is_connect() || target_.host.empty() ? std::string_view() : target_.path();
  line.key = plan_.key();
  line.operation = name(plan_.operation);
  line.retry_policy = plan_.retry_policy;
  line.contextual_retry = plan_.contextual_retry;
  line.provider_learning = plan_.provider_learning;
  line.status = record_.status;
  line.attempts = attempts_before_ + progress_.attempts;
  line.verdict = record_.verdict;
  line.shadow = record_.shadow;
  line.detail = verdict_detail_;
  line.bytes_in = tunnel_ ? tunnel_->bytes_up() : upload_.received();
  line.bytes_out = tunnel_ ? tunnel_->bytes_down() : relay_ ? relay_->delivered() : record_.bytes_out;
  line.resumed_at = record_.resumed_at;
  line.queued = record_.queued;
  line.backoff = record_.backoff;
  line.head = record_.head;
  line.total = Loop::now() - started_;
  return line;
}

void Exchange::write_log() {
  const AccessRecord line = record();
  Counters& counters = worker_.counters;
  counters.responses[static_cast<std::size_t>(record_.status / 100 % 6)].add();
  counters.client_bytes_in.add(line.bytes_in);
  counters.client_bytes_out.add(line.bytes_out);
  counters.exchange_seconds.observe(policy::seconds(line.total));
  counters.head_seconds.observe(policy::seconds(record_.head));
  counters.queue_seconds.observe(policy::seconds(record_.queued));
  counters.exchange_attempts.observe(line.attempts);
  if (record_.queued > policy::Duration::zero()) counters.queued.add();
  policy::ExchangeFigures figures;
  figures.status = record_.status;
  figures.ending = record_.ending;
  figures.tunnel = tunnel_ != nullptr;
  figures.resumed = record_.resumed_at > 0;
  figures.attempts = line.attempts;
  figures.queued = record_.queued;
  figures.to_head = record_.head;
  figures.to_end = line.total;
  figures.bytes = line.bytes_in + line.bytes_out;
  worker_.engine.finished(plan_, figures, Loop::now());
  worker_.notable.finished(line);
  if (!worker_.access_log.on()) return;
  worker_.access_log.write(line);
  worker_.flush_log_later();
}

}  // namespace backoffd::proxy
