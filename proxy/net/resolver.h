// Host names to addresses without the loop ever waiting for the network: literals, hosts file, cache, nameservers. One
// Resolver a worker.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policy/result.h"
#include "proxy/config.h"
#include "proxy/net/address.h"
#include "proxy/net/dns_client.h"
#include "proxy/net/loop.h"

namespace backoffd::proxy {

// What is known of a name so far.
struct Resolution {
  std::vector<Address> v6;
  std::vector<Address> v4;
  bool v6_done = false;
  bool v4_done = false;
  ResolveError error = ResolveError::none;  // set when done() without an address
  std::string detail;                       // ... one line about it

  bool done() const { return v6_done && v4_done; }
  bool empty() const { return v6.empty() && v4.empty(); }
};

class Resolver {
 public:
  struct Options : DnsClient::Options {
    Duration cache = std::chrono::seconds(30);  // longest reuse of an answer; shorter where its TTL is. At most 1 h
    std::size_t cached_names = 1024;

    // Errors name the entry: `dns.nameservers[0]: "10.0.0": ...`. An address alone means its port 53.
    static policy::Result<Options> from(const Config& config);
  };

  class Owner {
   public:
    // The look-up knows more than before: look at result(). From the loop, never from inside look_up(). The owner may
    // destroy the look-up in it.
    virtual void resolved() = 0;

   protected:
    ~Owner() = default;
  };

  // A name asked for or remembered.
  class Entry;

  // One owner's interest in one name. Destroying it ends the interest and nothing is called any more.
  class Lookup {
   public:
    ~Lookup();
    Lookup(const Lookup&) = delete;
    Lookup& operator=(const Lookup&) = delete;

    const Resolution& result() const;

   private:
    friend class Resolver;
    friend class Entry;
    explicit Lookup(Owner& owner) : owner_(owner) {}

    Owner& owner_;
    Entry* asked_ = nullptr;  // while nameservers are being asked
    Resolution result_;       // afterwards
  };

  Resolver(Loop& loop, Options options);
  ~Resolver();  // REQUIRES: no look-up is left
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Done at once, and calls nobody, when a literal, the hosts file or the cache has the answer.
  std::unique_ptr<Lookup> look_up(std::string_view host, Owner& owner);

 private:
  using Entries = std::list<std::unique_ptr<Entry>>;

  void forget(Entries::iterator entry);
  void make_room();

  Loop& loop_;
  const Options options_;
  DnsClient dns_;
  Entries entries_;  // used last first
  std::unordered_map<std::string, Entries::iterator> by_name_;
};

}  // namespace backoffd::proxy
