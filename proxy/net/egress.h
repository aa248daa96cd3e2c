// Which addresses may be dialled. Names are judged after they are resolved, address by address, and the judged address
// is the one that is dialled, so that a name that resolves differently the second time (rebinding) gains nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/result.h"
#include "proxy/config.h"
#include "proxy/net/address.h"

namespace backoffd::proxy {

// Special-purpose ranges (RFC 6890 and its IANA registries) as far as they matter to who may be reached.
enum class AddressClass {
  ordinary,
  loopback,
  link_local,
  multicast,
  unspecified,
  broadcast,
  private_use,
  metadata,  // a cloud's instance metadata outside of link-local
  reserved,
};
const char* name(AddressClass c);

// An IPv6 address that embeds an IPv4 address and would otherwise be ordinary is of the embedded one's class.
AddressClass classify(const Address& address);

class EgressRules {
 public:
  struct Verdict {
    bool allowed = false;
    std::string why;        // the class or rule when refused: "loopback", "own_port", "denied by egress.deny[0]"
    bool own_port = false;  // refused because this process listens there: the name means this proxy
  };

  // `own`: where this process itself listens, as bound (no port 0): the proxy's and the admin's. Errors name the entry:
  // `egress.allow[2]: "10.0.0.0/40": ...`.
  static policy::Result<EgressRules> make(const Egress& egress, std::vector<Endpoint> own);

  // `host` as the request names it. In this order: own ports are refused whatever the rules say, deny, allow, class.
  Verdict check(std::string_view host, const Address& address, std::uint16_t port) const;

  // Whether the name alone is enough to refuse (deny has a glob for it): then it need not be resolved.
  Verdict check_host(std::string_view host) const;

  // For a host that a parent proxy will resolve: the name, and the address where the host is one in any spelling.
  Verdict check_unresolved(std::string_view host, std::uint16_t port) const;

  bool connect_port_allowed(std::uint16_t port) const;

 private:
  // One list of the configuration: ranges and globs with the place each came from.
  class List {
   public:
    static policy::Result<List> make(const char* key, const std::vector<std::string>& entries);
    const std::string* match_host(std::string_view host) const;  // the rule's place, or null
    const std::string* match_address(const Address& address) const;

   private:
    struct Range {
      Cidr cidr;
      std::string where;
    };
    struct Glob {
      std::string pattern;
      std::string where;
    };
    std::vector<Range> ranges_;
    std::vector<Glob> globs_;
  };

  EgressRules() = default;
  bool is_own(const Address& address, std::uint16_t port) const;
  const std::string* denies(const Address& address) const;
  bool allows(const Address& address) const;

  List allow_;
  List deny_;
  bool allow_private_ = false;
  std::vector<std::uint16_t> connect_ports_;
  bool connect_any_port_ = false;
  std::vector<Endpoint> own_;
};

}  // namespace backoffd::proxy
