// Sends short JSON messages to a URL of the operator's by POST, one after the other, without the loop ever waiting.
// What does not arrive is tried again as the standard policy says: after the Retry-After of the answer, else after full
// jitter; at most so often and for so long; never to a server whose certificate does not verify. A message that is lost
// is counted, and the log says so: it stands there and in GET /gates anyway.
//
// One that was taken without an answer may arrive twice. Each has an id, which every try of it bears: `id` in the
// message, and the field Idempotency-Key (draft-ietf-httpapi-idempotency-key-header); so the receiver can tell.
//
//     idle --post()--> dialling --> handshaking (https) --> awaiting (the response head) --> idle, or the next one
//              ^           \______________\___________________\__ deadline, failure
//              |                                                       |
//              +----------------------- pausing <----------------------+--> lost: told, then as above
//
// Owned by whoever runs the guards; the loop's thread only, which is the admin's and no worker's.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "admin/json.h"
#include "policy/config.h"
#include "policy/random.h"
#include "policy/result.h"
#include "policy/retry.h"
#include "proxy/config.h"
#include "proxy/http/parser.h"
#include "proxy/net/dialer.h"
#include "proxy/net/egress.h"
#include "proxy/net/loop.h"
#include "proxy/net/resolver.h"
#include "proxy/net/stream.h"
#include "proxy/tls/session_cache.h"
#include "proxy/tls/tls_transport.h"
#include "proxy/tls/upstream_tls.h"

namespace backoffd::admin {

// http[s]://host[:port][/path][?query], without credentials or a fragment. What is wrong with it, empty: nothing. The
// empty text is no webhook and well-formed.
std::string check_webhook(std::string_view url);

struct WebhookCounts {
  std::uint64_t delivered = 0;
  std::uint64_t lost = 0;
  std::uint64_t retries = 0;
};

class Webhook final : private proxy::Dialer::Owner, private proxy::Stream::Owner {
 public:
  static constexpr std::size_t kMostWaiting = 16;  // beyond, the oldest that is not under way is lost
  static constexpr proxy::Duration kPatience = std::chrono::seconds(10);  // with one try

  // Called with a sentence for the log when a message is lost.
  using Lost = std::function<void(const std::string& sentence)>;

  // REQUIRES: check_webhook(url) has nothing against it, and it is not empty. `config`: its name servers are asked, its
  // roots trusted. `retry`: how failures are tried again.
  static policy::Result<std::unique_ptr<Webhook>> make(proxy::Loop& loop, const proxy::Config& config,
                                                       std::string_view url, Lost lost,
                                                       const policy::RetryConfig& retry = {});
  ~Webhook();

  // `message`: an object; it gets an `id`.
  void post(json::Value message);
  const WebhookCounts& counts() const { return counts_; }

 private:
  struct Message {
    std::string id;
    std::string body;
  };

  Webhook(proxy::Loop& loop, const proxy::Config& config, proxy::Resolver::Options resolver, proxy::EgressRules egress,
          std::string_view url, Lost lost, const policy::RetryConfig& retry);
  void begin();
  void try_now();
  void dialled(proxy::DialResult result) override;
  void progress() override;
  void look_at_handshake();
  void send();
  void read_head();
  void on_deadline();
  void end(const policy::Outcome& outcome, const std::string& failure);
  void lose(const std::string& failure);

  proxy::Loop& loop_;
  const Lost lost_;
  const policy::RetryConfig retry_;
  const proxy::Tls tls_config_;
  const std::vector<policy::ProviderConfig> no_providers_;
  bool secure_ = false;  // https
  std::string host_;
  std::uint16_t port_ = 0;
  std::string authority_;
  std::string path_;

  const proxy::EgressRules egress_;
  proxy::Resolver resolver_;
  proxy::Dialer dialer_;
  std::unique_ptr<proxy::UpstreamTls> tls_;  // null: http
  proxy::SessionCache sessions_{1};
  proxy::Timer deadline_;
  proxy::Timer pause_;  // up to the next try
  policy::Random random_;

  std::deque<Message> waiting_;  // the first is under way
  policy::Progress progress_;    // of the first
  proxy::HeadParser parser_;     // of the answer
  std::unique_ptr<proxy::Dial> dial_;
  std::unique_ptr<proxy::Stream> stream_;
  proxy::TlsTransport* handshake_ = nullptr;  // the stream's, until it is established
  WebhookCounts counts_;
};

}  // namespace backoffd::admin
