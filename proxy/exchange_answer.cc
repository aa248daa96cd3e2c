// What the client gets of an exchange: the commit point, the body and its breaks, tunnels, the proxy's own answers.
#include <array>

#include "proxy/exchange.h"
#include "proxy/http/rewrite.h"
#include "proxy/response_facts.h"
#include "proxy/worker.h"

namespace backoffd::proxy {

using policy::Outcome;
using policy::OutcomeKind;
using policy::Reason;

// A few fields we add to a response.
class AddedFields {
 public:
  // `value` is a view: its text lives until the head is written.
  void add(std::string_view name, std::string_view value) { fields_[count_++] = {name, value}; }
  void add_number(std::string_view name, std::int64_t value) {
    numbers_[count_] = std::to_string(value);
    add(name, numbers_[count_]);
  }
  const AddedField* data() const { return fields_.data(); }
  std::size_t size() const { return count_; }

 private:
  std::array<AddedField, 5> fields_;
  std::array<std::string, 5> numbers_;
  std::size_t count_ = 0;
};

// The commit point: the first byte of a final response head goes to the client. The only place that sets `committed`.
void Exchange::pass_commit_point(int status, std::string_view verdict) {
  progress_.committed = true;
  record_.status = status;
  record_.verdict = verdict;
  record_.head = Loop::now() - started_;
  watch_.stop();
}

void Exchange::add_own_fields(AddedFields& added, std::optional<policy::Duration> retry_after) {
  if (worker_.config.response_headers) {
    added.add_number("Backoffd-Attempts", attempts_before_ + progress_.attempts);
    if (record_.verdict != name(Reason::none)) added.add("Backoffd-Verdict", record_.verdict);
    added.add("Backoffd-Request-Id", id_.text());
  }
  if (retry_after) added.add_number("Retry-After", std::chrono::ceil<std::chrono::seconds>(*retry_after).count());
}

void Exchange::commit(const Head& head, Framing client_framing, Reason reason,
                      std::optional<policy::Duration> retry_after) {
  pass_commit_point(head.status(), name(reason));
  // A request that is still coming in when it is answered ends the connection: nobody knows how much more there is.
  keep_alive_ =
      keep_alive_ && upload_.complete() && client_framing.kind != Framing::Kind::until_close && !worker_.draining();
  AddedFields added;
  add_own_fields(added, head.count(FieldId::retry_after) == 0 ? retry_after : std::nullopt);
  ClientResponse response{head, client_framing, worker_.config.via, request_.minor_version(), keep_alive_, {}};
  response.added = added.data();
  response.added_count = added.size();
  if (head.status() == 101) response.upgrade = upgrade_;
  write_response_head(response, client_.out());
  client_.touch();
}

void Exchange::commit_held(Reason reason, std::optional<policy::Duration> retry_after) {
  commit(held_->head(), framing_for_client(held_->framing(), request_.minor_version()), reason, retry_after);
  record_.bytes_out = held_->write_body(client_.out());
  finish(after_whole_answer());
}

void Exchange::refuse(const Refusal& refusal, std::string_view detail, std::optional<policy::Duration> retry_after,
                      Reason reason) {
  worker_.counters.refuse(refusal.name);
  // Why nothing better was tried says more than what the last attempt came to; that is in Proxy-Status and the text.
  pass_commit_point(refusal.status, reason == Reason::none ? refusal.name : name(reason));
  if (record_.detail.empty()) record_.detail = detail;
  // What is wrong with a certificate is for the client to know, and holds nothing of anybody's but OpenSSL's words.
  const bool in_words =
      refusal.name == name(OutcomeKind::bad_certificate) || refusal.name == name(OutcomeKind::tls_error);
  const std::string reason_text = in_words && !record_.detail.empty() ? ": " + record_.detail : std::string();
  const std::string proxy_status =
      proxy_status_member(worker_.config.via, refusal.proxy_status, std::string(refusal.name) + reason_text);
  AddedFields added;
  added.add("Proxy-Status", proxy_status);
  add_own_fields(added, retry_after);
  std::string text = std::string(refusal.name) + ": " + std::string(refusal.sentence);
  if (!reason_text.empty()) text.replace(text.size() - 1, 1, reason_text + '.');
  text += " (request " + std::string(id_.text()) + ")\n";
  answer_ourselves(refusal.status, text, added);
}

void Exchange::answer_as_last_hop() {
  if (request_.method() == "TRACE") {
    refuse(refusals::kTrace, {}, {});
    return;
  }
  pass_commit_point(200, name(Reason::none));
  AddedFields added;
  added.add("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, CONNECT");
  add_own_fields(added, {});
  answer_ourselves(200, {}, added);
}

// REQUIRES: the commit point is passed.
void Exchange::answer_ourselves(int status, std::string_view text, const AddedFields& added) {
  // Behind a refused CONNECT, and behind a body nobody reads, the client's bytes have no meaning any more.
  keep_alive_ = keep_alive_ && upload_.complete() && request_.method() != "CONNECT" && !worker_.draining();
  OwnResponse response;
  response.status = status;
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
    bad_response("101 that was not asked for");
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
  record_.detail = why;
  finish(why == "reset" ? Owner::After::abort : Owner::After::close);
}

// --- the body ---

void Exchange::relay() {
  state_ = State::relaying;
  Relay& relay = body_->relay();
  switch (relay.move(*attempt_->stream(), client_, upload_.complete())) {
    case Relay::State::more:
      return;
    case Relay::State::done:
      attempt_->stream()->clear_deadline();
      end_attempt(relay.upstream_complete());
      finish(after_whole_answer());
      return;
    case Relay::State::broken:
      body_broken(relay.detail());
      return;
    case Relay::State::client_failed:
      client_gone();
      return;
  }
}

void Exchange::body_broken(std::string detail) {
  record_.detail = std::move(detail);
  const ResponseBody::Break broken = body_->broke();
  progress_.resumable = broken.resumable;
  // A download may take hours before it breaks: max_delay bounds the time without a byte, not the download's.
  if (broken.advanced) progress_.first_attempt = Loop::now();
  const policy::Conclusion conclusion = conclude({OutcomeKind::broken_body, 0, {}});
  end_attempt(false);
  if (conclusion.verdict.action == policy::Action::retry) {
    back_off(conclusion.verdict);
  } else {
    leave_broken(conclusion.verdict.reason);
  }
}

// The head of an attempt that was to continue a broken body: it does, or the verdict is asked again.
void Exchange::resumed() {
  const Head& head = attempt_->head();
  const std::uint64_t at = body_->delivered();
  const std::optional<std::uint64_t> spared = body_->continue_with(head, framing_);
  Outcome outcome;
  outcome.status = head.status();
  outcome.hint = read_hint_of(head);
  progress_.resumable = true;
  const policy::Conclusion conclusion = conclude(outcome);
  if (!spared) {
    record_.detail = "status " + std::to_string(head.status()) + " does not continue the body";
    end_attempt(false);
    if (conclusion.verdict.action == policy::Action::retry) {
      back_off(conclusion.verdict);
    } else {
      leave_broken(conclusion.verdict.reason);
    }
    return;
  }
  worker_.counters.resumed_bodies.add();
  worker_.counters.resumed_bytes.add(*spared);
  record_.verdict = name(Reason::resume);
  record_.resumed_at = at;
  attempt_->renew_deadline();
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
  finish(body_->client_framing().kind == Framing::Kind::until_close ? Owner::After::abort : Owner::After::close);
}

// The exchange ends here whatever its attempts come to, and the client's connection with it.
void Exchange::give_up(const Refusal& refusal, std::string_view detail) {
  if (progress_.committed) {
    worker_.counters.refuse(refusal.name);
    break_off(refusal.name);
  } else {
    keep_alive_ = false;
    refuse(refusal, detail, {});
  }
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
    give_up(refusals::kExchangeTimeout, {});
    return;
  }
  if (state_ == State::attempting) move_upload();
  if (state_ == State::relaying) move_bodies();
  if (state_ != State::finished && client_.read_ended()) watch_.client_ended();
}

void Exchange::client_gone() {
  record_.detail = "the client left";
  record_.verdict = name(Reason::client_gone);
  record_.ending = policy::Ending::left;
  worker_.counters.verdicts[static_cast<std::size_t>(Reason::client_gone)].add();
  finish(Owner::After::abort);
}

// --- the end ---

void Exchange::finish(Owner::After after) {
  state_ = State::finished;
  pause_.disarm();
  watch_.stop();
  worker_.loop.bury(std::move(held_));
  end_attempt(false);
  client_.clear_deadline();
  account();
  owner_.exchange_done(after);
}

}  // namespace backoffd::proxy
