#include "admin/webhook.h"

#include <algorithm>
#include <random>

#include "policy/backoff.h"
#include "policy/text.h"
#include "proxy/http/target.h"

namespace backoffd::admin {
namespace {

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
      random_(seed()) {
  Url parsed = *parse(url);
  secure_ = parsed.secure;
  host_ = std::move(parsed.host);
  port_ = parsed.port;
  authority_ = std::move(parsed.authority);
  path_ = std::move(parsed.path);
}

Webhook::~Webhook() = default;

void Webhook::post(std::string json) {
  waiting_.push_back(std::move(json));
  if (waiting_.size() == 1) {
    begin();
  } else if (waiting_.size() > kMostWaiting) {
    waiting_.erase(waiting_.begin() + 1);
    lose("too many wait for it");
  }
}

void Webhook::begin() {
  tries_ = 0;
  begun_ = proxy::Loop::now();
  try_now();
}

void Webhook::try_now() {
  ++tries_;
  deadline_.arm(kPatience);
  dial_ = dialer_.start(host_, port_, *this, proxy::Dialer::Choice::operators);
}

void Webhook::dialled(proxy::DialResult result) {
  if (result.error != proxy::DialError::none) {
    end(End::passing, result.detail);
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
    end(End::lasting, ssl.error().what);
    return;
  }
  auto transport = std::make_unique<proxy::TlsTransport>(std::move(*ssl), std::string());
  handshake_ = transport.get();
  stream_->set_transport(std::move(transport));
}

void Webhook::look_at_handshake() {
  if (handshake_->failure() == proxy::TlsFailure::certificate) {
    end(End::lasting, handshake_->failure_text());
  } else if (handshake_->failure() != proxy::TlsFailure::none) {
    end(End::passing, handshake_->failure_text());
  } else if (handshake_->established()) {
    handshake_ = nullptr;
    send();
  } else if (stream_->read_ended() || stream_->write_failed()) {
    end(End::passing, "closed inside the TLS handshake");
  }
}

void Webhook::send() {
  const std::string& body = waiting_.front();
  const std::string request =
      "POST " + path_ + " HTTP/1.1\r\nHost: " + authority_ +
      "\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
      "\r\n\r\n" + body;
  evbuffer_add(stream_->out(), request.data(), request.size());
  stream_->touch();
}

void Webhook::progress() {
  if (handshake_ != nullptr) {
    look_at_handshake();
    return;
  }
  char start[12];  // "HTTP/1.1 200"
  if (evbuffer_copyout(stream_->in(), start, sizeof start) == sizeof start) {
    const std::string_view line(start, sizeof start);
    const auto status = line.starts_with("HTTP/1.") ? policy::parse_unsigned(line.substr(9)) : std::nullopt;
    const auto in = [&](std::uint64_t low) { return status && *status >= low && *status < low + 100; };
    const bool is_passing = status && std::find(retry_.statuses.begin(), retry_.statuses.end(),
                                                static_cast<int>(*status)) != retry_.statuses.end();
    end(in(200)      ? End::delivered
        : is_passing ? End::passing
                     : End::lasting,
        "the answer begins with " + (status ? std::to_string(*status) : std::string("?")));
  } else if (stream_->read_ended() || stream_->failed() || stream_->write_failed()) {
    end(End::passing, "the connection ended without an answer");
  }
}

void Webhook::on_deadline() { end(End::passing, "no answer in time"); }

void Webhook::end(End how, const std::string& failure) {
  deadline_.disarm();
  handshake_ = nullptr;
  loop_.bury(std::move(dial_));
  loop_.bury(std::move(stream_));
  if (how == End::passing && again()) return;
  if (how == End::delivered) {
    ++counts_.delivered;
  } else {
    lose(failure + (tries_ > 1 ? ", after " + std::to_string(tries_) + " tries" : ""));
  }
  waiting_.pop_front();
  if (!waiting_.empty()) begin();
}

bool Webhook::again() {
  const proxy::Duration wait = policy::full_jitter(retry_.base_delay, retry_.max_backoff, tries_, random_);
  if (tries_ >= retry_.max_attempts || proxy::Loop::now() + wait >= begun_ + retry_.max_delay) return false;
  ++counts_.retries;
  pause_.arm(wait);
  return true;
}

void Webhook::lose(const std::string& failure) {
  ++counts_.lost;
  lost_("the webhook at " + authority_ + " did not take a message: " + failure);
}

}  // namespace backoffd::admin
