// Sends short JSON messages to a URL of the operator's by POST, one after the other, without the loop ever waiting. A
// message that cannot be delivered is lost, and the log says so: it stands there and in GET /gates anyway.
//
//     idle --post()--> dialling --> awaiting (the status line) --> idle, or the next one
//                         \______________\__ deadline, failure: told, then as above
//
// Owned by whoever runs the guards; the loop's thread only.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "policy/result.h"
#include "proxy/config.h"
#include "proxy/net/dialer.h"
#include "proxy/net/egress.h"
#include "proxy/net/loop.h"
#include "proxy/net/resolver.h"
#include "proxy/net/stream.h"

namespace backoffd::admin {

// http://host[:port][/path][?query], without credentials or a fragment. What is wrong with it, empty: nothing. The
// empty text is no webhook and well-formed.
std::string check_webhook(std::string_view url);

class Webhook final : private proxy::Dialer::Owner, private proxy::Stream::Owner {
 public:
  static constexpr std::size_t kMostWaiting = 16;  // beyond, the oldest is lost
  static constexpr proxy::Duration kPatience = std::chrono::seconds(10);

  // Called with a sentence for the log when a message is lost.
  using Lost = std::function<void(const std::string& sentence)>;

  // REQUIRES: check_webhook(url) has nothing against it, and it is not empty. `config`: its name servers are asked.
  static policy::Result<std::unique_ptr<Webhook>> make(proxy::Loop& loop, const proxy::Config& config,
                                                       std::string_view url, Lost lost);
  ~Webhook();

  void post(std::string json);

 private:
  Webhook(proxy::Loop& loop, proxy::Resolver::Options resolver, proxy::EgressRules egress, std::string_view url,
          Lost lost);
  void begin();
  void dialled(proxy::DialResult result) override;
  void progress() override;
  void on_deadline();
  void end(const std::string& failure);  // empty: delivered

  proxy::Loop& loop_;
  const Lost lost_;
  std::string host_;
  std::uint16_t port_ = 80;
  std::string authority_;
  std::string path_;

  const proxy::EgressRules egress_;
  proxy::Resolver resolver_;
  proxy::Dialer dialer_;
  proxy::Timer deadline_;
  std::deque<std::string> waiting_;  // the first is under way
  std::unique_ptr<proxy::Dial> dial_;
  std::unique_ptr<proxy::Stream> stream_;
};

}  // namespace backoffd::admin
