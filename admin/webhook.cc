#include "admin/webhook.h"

#include <algorithm>

#include "policy/text.h"
#include "proxy/http/target.h"

namespace backoffd::admin {
namespace {

constexpr std::string_view kScheme = "http://";

struct Url {
  std::string host;
  std::uint16_t port = 80;
  std::string authority;
  std::string path;
};

std::optional<Url> parse(std::string_view text) {
  const auto is_printable = [](char c) { return c > ' ' && c < 0x7f && c != '#'; };
  if (!text.starts_with(kScheme) || !std::all_of(text.begin(), text.end(), is_printable)) return std::nullopt;
  text.remove_prefix(kScheme.size());
  Url url;
  url.authority = text.substr(0, text.find_first_of("/?"));
  url.path = text.substr(url.authority.size());
  if (!url.path.starts_with('/')) url.path.insert(0, "/");
  if (url.authority.find('@') != std::string::npos) return std::nullopt;
  if (proxy::parse_authority(url.authority, url.host, url.port)) return url;
  if (proxy::parse_authority(url.authority + ":80", url.host, url.port)) return url;
  return std::nullopt;
}

}  // namespace

std::string check_webhook(std::string_view url) {
  return url.empty() || parse(url) ? "" : "expected http://host[:port]/path";
}

policy::Result<std::unique_ptr<Webhook>> Webhook::make(proxy::Loop& loop, const proxy::Config& config,
                                                       std::string_view url, Lost lost) {
  auto resolver = proxy::Resolver::Options::from(config);
  if (!resolver) return resolver.error();
  auto egress = proxy::EgressRules::make(config.egress, {});
  if (!egress) return egress.error();
  return std::unique_ptr<Webhook>(new Webhook(loop, std::move(*resolver), std::move(*egress), url, std::move(lost)));
}

Webhook::Webhook(proxy::Loop& loop, proxy::Resolver::Options resolver, proxy::EgressRules egress, std::string_view url,
                 Lost lost)
    : loop_(loop),
      lost_(std::move(lost)),
      egress_(std::move(egress)),
      resolver_(loop, std::move(resolver)),
      dialer_(loop, resolver_, egress_),
      deadline_(proxy::Timer::of<Webhook, &Webhook::on_deadline>(loop, this)) {
  Url parsed = *parse(url);
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
    lost_("the webhook is too slow: a message is lost");
  }
}

void Webhook::begin() {
  deadline_.arm(kPatience);
  dial_ = dialer_.start(host_, port_, *this, proxy::Dialer::Choice::operators);
}

void Webhook::dialled(proxy::DialResult result) {
  if (result.error != proxy::DialError::none) {
    end(result.detail);
    return;
  }
  loop_.bury(std::move(dial_));
  stream_ = std::make_unique<proxy::Stream>(loop_, std::move(result.fd), static_cast<proxy::Stream::Owner*>(this));
  const std::string& body = waiting_.front();
  const std::string request =
      "POST " + path_ + " HTTP/1.1\r\nHost: " + authority_ +
      "\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
      "\r\n\r\n" + body;
  evbuffer_add(stream_->out(), request.data(), request.size());
  stream_->touch();
}

void Webhook::progress() {
  char start[12];  // "HTTP/1.1 200"
  if (evbuffer_copyout(stream_->in(), start, sizeof start) == sizeof start) {
    const std::string_view line(start, sizeof start);
    const bool taken = line.starts_with("HTTP/1.") && line.substr(8, 2) == " 2";
    end(taken ? "" : "the answer begins with " + std::string(policy::is_token(line.substr(9)) ? line.substr(9) : "?"));
  } else if (stream_->read_ended() || stream_->failed() || stream_->write_failed()) {
    end("the connection ended without an answer");
  }
}

void Webhook::on_deadline() { end("no answer in time"); }

void Webhook::end(const std::string& failure) {
  deadline_.disarm();
  if (!failure.empty()) lost_("the webhook at " + authority_ + " did not take a message: " + failure);
  loop_.bury(std::move(dial_));
  loop_.bury(std::move(stream_));
  waiting_.pop_front();
  if (!waiting_.empty()) begin();
}

}  // namespace backoffd::admin
