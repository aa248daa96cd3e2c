#include "admin/webhook.h"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <random>

#include "admin/units.h"
#include "proxy/http/target.h"
#include "proxy/response_facts.h"

namespace backoffd::admin {
namespace {

using policy::OutcomeKind;

constexpr std::string_view kPlain = "http://";
constexpr std::string_view kSecure = "https://";

struct Url {
  bool secure = false;
  std::string host;
  std::uint16_t port = 0;
  std::string authority;
  std::string path;
};

std::optional<Url> parse(std::string_view text) {
  const auto is_printable = [](char c) { return c > ' ' && c < 0x7f && c != '#'; };
  if (!std::all_of(text.begin(), text.end(), is_printable)) return std::nullopt;
  Url url;
  url.secure = text.starts_with(kSecure);
  if (!url.secure && !text.starts_with(kPlain)) return std::nullopt;
  text.remove_prefix(url.secure ? kSecure.size() : kPlain.size());
  url.authority = text.substr(0, text.find_first_of("/?"));
  url.path = text.substr(url.authority.size());
  if (!url.path.starts_with('/')) url.path.insert(0, "/");
  if (url.authority.find('@') != std::string::npos) return std::nullopt;
  if (proxy::parse_authority(url.authority, url.host, url.port)) return url;
  if (proxy::parse_authority(url.authority + (url.secure ? ":443" : ":80"), url.host, url.port)) return url;
  return std::nullopt;
}

std::uint64_t seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

std::string new_id(policy::Random& random) {
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%016" PRIx64 "%016" PRIx64, random.next(), random.next());
  return text.data();
}

}  // namespace

std::string check_webhook(std::string_view url) {
  return url.empty() || parse(url) ? "" : "expected http[s]://host[:port]/path";
}

policy::Result<std::unique_ptr<Webhook>> Webhook::make(proxy::Loop& loop, const proxy::Config& config,
                                                       std::string_view url, Lost lost,
                                                       const policy::RetryConfig& retry) {
  auto resolver = proxy::Resolver::Options::from(config);
  if (!resolver) return resolver.error();
  auto egress = proxy::EgressRules::make(config.egress, {});
  if (!egress) return egress.error();
  std::unique_ptr<Webhook> made(
      new Webhook(loop, config, std::move(*resolver), std::move(*egress), url, std::move(lost), retry));
  if (made->secure_) {
    auto tls = proxy::UpstreamTls::make(made->tls_config_, made->no_providers_);
    if (!tls) return tls.error();
    made->tls_ = std::move(*tls);
  }
  return made;
}

Webhook::Webhook(proxy::Loop& loop, const proxy::Config& config, proxy::Resolver::Options resolver,
                 proxy::EgressRules egress, std::string_view url, Lost lost, const policy::RetryConfig& retry)
    : loop_(loop),
      lost_(std::move(lost)),
      retry_(retry),
      tls_config_(config.tls),
      egress_(std::move(egress)),
      resolver_(loop, std::move(resolver)),
      dialer_(loop, resolver_, egress_),
      deadline_(proxy::Timer::of<Webhook, &Webhook::on_deadline>(loop, this)),
      pause_(proxy::Timer::of<Webhook, &Webhook::try_now>(loop, this)),
      random_(seed()),
      parser_(proxy::HeadParser::Kind::response, {}) {
  Url parsed = *parse(url);
  secure_ = parsed.secure;
  host_ = std::move(parsed.host);
  port_ = parsed.port;
  authority_ = std::move(parsed.authority);
  path_ = std::move(parsed.path);
}

Webhook::~Webhook() {
  for (std::size_t i = 0; i < waiting_.size(); ++i) lose("the process ends");
}

void Webhook::post(json::Value message) {
  std::string id = new_id(random_);
  message["id"] = id;
  waiting_.push_back({std::move(id), json::write(message)});
  if (waiting_.size() == 1) {
    begin();
  } else if (waiting_.size() > kMostWaiting) {
    waiting_.erase(waiting_.begin() + 1);
    lose("too many wait for it");
  }
}

void Webhook::begin() {
  progress_ = {.first_attempt = proxy::Loop::now(), .idempotent = true};
  try_now();
}

void Webhook::try_now() {
  ++progress_.attempts;
  parser_ = {proxy::HeadParser::Kind::response, {}};
  deadline_.arm(kPatience);
  dial_ = dialer_.start(host_, port_, *this, proxy::Dialer::Choice::operators);
}

void Webhook::dialled(proxy::DialResult result) {
  if (result.error != proxy::DialError::none) {
    end({.kind = OutcomeKind::connect_error, .hint = {}}, result.detail);
    return;
  }
  loop_.bury(std::move(dial_));
  stream_ = std::make_unique<proxy::Stream>(loop_, std::move(result.fd), static_cast<proxy::Stream::Owner*>(this));
  if (!tls_) {
    send();
    return;
  }
  auto ssl = tls_->start(host_, authority_, sessions_);
  if (!ssl) {
    end({.kind = OutcomeKind::tls_error, .hint = {}}, ssl.error().what);
    return;
  }
  auto transport = std::make_unique<proxy::TlsTransport>(std::move(*ssl), std::string());
  handshake_ = transport.get();
  stream_->set_transport(std::move(transport));
}

void Webhook::look_at_handshake() {
  const proxy::TlsFailure failure = handshake_->failure();
  if (failure == proxy::TlsFailure::certificate) {
    end({.kind = OutcomeKind::bad_certificate, .hint = {}}, handshake_->failure_text());
  } else if (failure != proxy::TlsFailure::none && failure != proxy::TlsFailure::closed) {
    end({.kind = OutcomeKind::tls_error, .hint = {}}, handshake_->failure_text());
  } else if (handshake_->established()) {
    handshake_ = nullptr;
    send();
  } else if (stream_->read_ended() || stream_->write_failed()) {
    end({.kind = OutcomeKind::reset, .hint = {}}, "closed inside the TLS handshake");
  }
}

void Webhook::send() {
  const auto& [id, body] = waiting_.front();
  const std::string request = "POST " + path_ + " HTTP/1.1\r\nHost: " + authority_ +
                              "\r\nContent-Type: application/json\r\nIdempotency-Key: \"" + id +
                              "\"\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                              body;
  evbuffer_add(stream_->out(), request.data(), request.size());
  progress_.request_sent = true;
  stream_->touch();
}

void Webhook::progress() {
  if (handshake_ != nullptr) {
    look_at_handshake();
  } else {
    read_head();
  }
}

void Webhook::read_head() {
  using State = proxy::HeadParser::State;
  State state = parser_.feed(stream_->in());
  for (; state == State::done && parser_.head().status() < 200; state = parser_.feed(stream_->in())) parser_.take();
  if (state == State::done) {
    const int status = parser_.head().status();
    end({OutcomeKind::response, status, proxy::read_hint_of(parser_.head())},
        "the answer is " + std::to_string(status));
  } else if (state == State::error) {
    end({.kind = OutcomeKind::bad_response, .hint = {}}, "the answer is no HTTP: " + std::string(parser_.error().name));
  } else if (stream_->read_ended() || stream_->failed() || stream_->write_failed()) {
    end({.kind = OutcomeKind::reset, .hint = {}}, "the connection ended without an answer");
  }
}

void Webhook::on_deadline() { end({.kind = OutcomeKind::head_timeout, .hint = {}}, "no answer in time"); }

void Webhook::end(const policy::Outcome& outcome, const std::string& failure) {
  deadline_.disarm();
  handshake_ = nullptr;
  loop_.bury(std::move(dial_));
  loop_.bury(std::move(stream_));
  if (outcome.kind == OutcomeKind::response && outcome.status >= 200 && outcome.status < 300) {
    ++counts_.delivered;
  } else {
    const policy::Verdict verdict = judge(policy::RetryPolicy::standard, retry_, policy::Operation::download, progress_,
                                          outcome, true, proxy::Loop::now(), random_);
    if (verdict.action == policy::Action::retry) {
      ++counts_.retries;
      pause_.arm(verdict.wait);
      return;
    }
    const auto& asked = outcome.hint.retry_after;
    lose(failure + (progress_.attempts > 1 ? ", after " + std::to_string(progress_.attempts) + " tries" : "") +
         (asked && verdict.reason == policy::Reason::deadline ? ", and asks to wait " + format_duration(*asked) : ""));
  }
  waiting_.pop_front();
  if (!waiting_.empty()) begin();
}

void Webhook::lose(const std::string& failure) {
  ++counts_.lost;
  lost_("the webhook at " + authority_ + " did not take a message: " + failure);
}

}  // namespace backoffd::admin
