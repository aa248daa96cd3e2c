// A nameserver for tests, on UDP and TCP at one port of 127.0.0.1, on the loop of what it serves. It knows the answers
// it was given and says NXDOMAIN to all else.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/net/address.h"
#include "proxy/net/loop.h"

namespace backoffd::test {

enum class DnsType : std::uint16_t { a = 1, aaaa = 28 };

class DnsServer {
 public:
  using Bytes = std::vector<std::uint8_t>;

  struct Answer {
    std::vector<std::string> addresses;
    std::string alias;  // the name is a CNAME of this one, and the addresses are its
    std::uint32_t ttl = 60;
    unsigned rcode = 0;
    proxy::Duration delay{};
    bool silent = false;
    bool cut = false;                    // over UDP: truncated
    bool no_tcp = false;                 // over TCP: the connection is ended without an answer
    std::function<void(Bytes&)> forged;  // a first answer, bent by this, goes out before the right one
  };

  explicit DnsServer(proxy::Loop& loop);
  ~DnsServer();

  proxy::Endpoint endpoint() const { return endpoint_; }
  proxy::Loop& loop() { return loop_; }

  void set(const std::string& name, DnsType type, Answer answer) { answers_[{name, type}] = std::move(answer); }
  void set(const std::string& name, const std::vector<std::string>& v6, const std::vector<std::string>& v4);

  int asked(const std::string& name, DnsType type) const;  // over UDP or TCP
  int asked() const;
  int asked_over_tcp() const { return over_tcp_; }

 private:
  class Connection;
  struct Delayed;
  using Key = std::pair<std::string, DnsType>;

  void on_datagram(short what);
  void on_connection(short what);
  void send_datagram(const Bytes& message, const proxy::Endpoint& to);
  // What to send to a question, in turn. The delay is of all of them.
  std::vector<Bytes> answers_to(const Bytes& question, bool tcp, proxy::Duration& delay);

  proxy::Loop& loop_;
  proxy::Fd udp_;
  proxy::Fd tcp_;
  proxy::Endpoint endpoint_;
  proxy::EventPtr datagram_;
  proxy::EventPtr connection_;
  std::map<Key, Answer> answers_;
  std::map<Key, int> asked_;
  int over_tcp_ = 0;
  std::vector<std::unique_ptr<Delayed>> delayed_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace backoffd::test
