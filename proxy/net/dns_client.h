// Names asked of the hosts file and the nameservers by c-ares, driven by our loop. What is already known, and which
// names are asked for at all, is the Resolver's.
//
// libevent's evdns is not used: it has no TCP, so an answer too long for a datagram is an error to it; and a SERVFAIL
// for one name counts against the nameserver as a whole.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/net/address.h"
#include "proxy/net/loop.h"

namespace backoffd::proxy {

enum class ResolveError {
  none,
  not_found,  // no such name, or a name without addresses
  failed,     // nameservers refused to answer, answered with errors only, or were not there
  timeout,    // no nameserver answered
};

struct DnsAnswer {
  std::vector<Address> addresses;  // in the order received
  Duration ttl{};                  // the least of the records on the way. Zero from the hosts file, which has none
  ResolveError error = ResolveError::none;  // when there is no address
};

class DnsClient {
  class Channel;

 public:
  struct Options {
    std::vector<Endpoint> nameservers;  // empty: those of resolv.conf
    std::string resolv_conf = "/etc/resolv.conf";
    // For one nameserver to answer; doubled each round. The usual 5 s would use up a dial's time.
    Duration timeout = std::chrono::seconds(2);
    int rounds = 2;  // over all nameservers
  };

  using Then = std::function<void(DnsAnswer)>;

  // A question under way. Destroying it ends the interest: `then` is not called any more.
  struct Cell;
  struct Leave {
    void operator()(Cell* cell) const;
  };
  using Question = std::unique_ptr<Cell, Leave>;

  DnsClient(Loop& loop, Options options);
  ~DnsClient();

  // Of both families. REQUIRES: no dot at the end. Reads the file, which blocks, for a small local one.
  std::vector<Address> in_hosts_file(const std::string& name);

  // The names to ask for in turn when the client says `name` (resolv.conf(5): search, ndots), each with a dot at the
  // end. One of them may be too long to be a name.
  std::vector<std::string> candidates(const std::string& name);

  // Calls `then` once with the addresses of one family, from the loop, or before it returns when nothing can be sent.
  // REQUIRES: a dot at the end.
  Question ask(const std::string& candidate, int family, Then then);

 private:
  Channel& channel();

  Loop& loop_;
  const Options options_;
  std::size_t first_ = 0;             // of the nameservers in the order given: asked before the others
  std::unique_ptr<Channel> files_;    // never sends
  std::unique_ptr<Channel> current_;  // takes new questions until renew_at_
  MonoTime renew_at_{};
  std::vector<std::unique_ptr<Channel>> retired_;  // ... those before it, while questions are under way
};

}  // namespace backoffd::proxy
