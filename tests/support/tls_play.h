// Plays whose origin speaks TLS, in the three ways there are to it: intercepted, as an https URL, through a tunnel.
#pragma once

#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/support/dns_server.h"
#include "tests/support/tls.h"
#include "tests/support/turns.h"

namespace backoffd::test {

// A nameserver in a thread of its own: the names given are addresses of this machine.
class Names {
 public:
  explicit Names(const std::vector<std::string>& names, const std::string& address = "127.0.0.1");
  ~Names();
  Change known() const;  // to the proxy

 private:
  proxy::Loop loop_;
  DnsServer server_;
  std::thread thread_;
};

Change intercepts_all();
Change intercepts(std::vector<std::string> globs);
Change trusts(const TestCa& ca = test_ca());  // its root, besides the system's
Change client_head(int milliseconds);

// Connects, says CONNECT, reads the 200. `name`: instead of the origin's address.
Peer open_connect(const Play& play, const std::string& name = "");

class TlsPlay : public Turns {
 public:
  // Everything is intercepted, unless `change` says otherwise; the origin's certificate is trusted.
  explicit TlsPlay(std::vector<Turn> turns, const Change& change = {}, const OriginTls& origin = {},
                   const char* address = "127.0.0.1");
  TlsPlay(const Script& script, const Change& change, const OriginTls& origin = {});

  // A client inside: CONNECT to the origin, then TLS.
  Peer inside(const ClientTls& how = {}) const;
  Peer inside_of(const std::string& name, const ClientTls& how = {}) const;
  Peer ask_inside(std::string_view octets, const ClientTls& how = {}) const;  // ... that has sent this
  std::string exchange_inside(std::string_view octets) const;
  std::string get_https(std::string_view path = "/", std::string_view fields = "") const;  // absolute-form, in plain

  X509* root() const { return root_; }  // of the proxy's authority

 private:
  X509* root_ = nullptr;
};

inline const std::string kConnect = "CONNECT {} HTTP/1.1\r\nHost: {}\r\n\r\n";
inline const std::string kGetInside = "GET / HTTP/1.1\r\nHost: {}\r\n\r\n";

// --- counters ---
std::uint64_t counter(const RunningProxy& proxy, proxy::Counter proxy::Counters::*which);
std::uint64_t refused(RunningProxy& proxy, std::string_view name);

}  // namespace backoffd::test
