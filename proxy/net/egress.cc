#include "proxy/net/egress.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "policy/text.h"

namespace backoffd::proxy {

namespace {

struct Special4 {
  std::uint32_t base;
  unsigned length;
  AddressClass is;
};

// In this order: a narrower range stands before the one it lies in. The documentation ranges (192.0.2.0/24,
// 198.51.100.0/24, 203.0.113.0/24, 2001:db8::/32) and the benchmarking range (198.18.0.0/15) are ordinary: nothing of
// this host or its network answers there.
constexpr Special4 kSpecial4[] = {
    {0x00000000, 8, AddressClass::unspecified},   // 0.0.0.0/8 "this network", RFC 791 3.2; 0.0.0.0 reaches this host
    {0x7f000000, 8, AddressClass::loopback},      // 127.0.0.0/8, RFC 1122 3.2.1.3
    {0xa9fe0000, 16, AddressClass::link_local},   // 169.254.0.0/16, RFC 3927; the metadata services at .169.254
    {0x646464c8, 32, AddressClass::metadata},     // 100.100.100.200, Alibaba Cloud
    {0xa83f8110, 32, AddressClass::metadata},     // 168.63.129.16, Azure's host agent
    {0xc00000c0, 32, AddressClass::metadata},     // 192.0.0.192, Oracle Cloud
    {0x0a000000, 8, AddressClass::private_use},   // 10.0.0.0/8, RFC 1918 3
    {0xac100000, 12, AddressClass::private_use},  // 172.16.0.0/12, RFC 1918 3
    {0xc0a80000, 16, AddressClass::private_use},  // 192.168.0.0/16, RFC 1918 3
    {0x64400000, 10, AddressClass::private_use},  // 100.64.0.0/10 shared address space, RFC 6598
    {0xc0000000, 24, AddressClass::reserved},     // 192.0.0.0/24 IETF protocol assignments, RFC 6890 2.2.2
    {0xe0000000, 4, AddressClass::multicast},     // 224.0.0.0/4, RFC 5771
    {0xffffffff, 32, AddressClass::broadcast},    // 255.255.255.255, RFC 919 7
    {0xf0000000, 4, AddressClass::reserved},      // 240.0.0.0/4, RFC 1112 4
};

struct Special6 {
  std::uint16_t group[8];
  unsigned length;
  AddressClass is;
};

constexpr Special6 kSpecial6[] = {
    {{}, 128, AddressClass::unspecified},                                   // ::, RFC 4291 2.5.2
    {{0, 0, 0, 0, 0, 0, 0, 1}, 128, AddressClass::loopback},                // ::1, RFC 4291 2.5.3
    {{0xfe80}, 10, AddressClass::link_local},                               // fe80::/10, RFC 4291 2.5.6
    {{0xff00}, 8, AddressClass::multicast},                                 // ff00::/8, RFC 4291 2.7
    {{0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254}, 128, AddressClass::metadata},  // fd00:ec2::254, AWS
    {{0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254}, 128, AddressClass::metadata},  // fd20:ce::254, Google Cloud
    {{0xfc00}, 7, AddressClass::private_use},                               // fc00::/7 unique local, RFC 4193
    {{0xfec0}, 10, AddressClass::private_use},                              // fec0::/10 site-local, RFC 3879
    {{0x0064, 0xff9b, 1}, 48, AddressClass::private_use},                   // 64:ff9b:1::/48 local NAT64, RFC 8215
    {{0x0100}, 64, AddressClass::reserved},                                 // 100::/64 discard-only, RFC 6666
};

Cidr range_of(const Special4& special) { return Cidr(Address::v4(special.base), special.length); }

Cidr range_of(const Special6& special) {
  Address::Bytes bytes;
  for (std::size_t i = 0; i < 8; ++i) {
    bytes[2 * i] = static_cast<std::uint8_t>(special.group[i] >> 8);
    bytes[2 * i + 1] = static_cast<std::uint8_t>(special.group[i] & 0xff);
  }
  return Cidr(Address::v6(bytes), special.length);
}

template <std::size_t N, class Special>
AddressClass find_class(const Special (&table)[N], const Address& address) {
  for (const Special& special : table) {
    if (range_of(special).contains(address)) return special.is;
  }
  return AddressClass::ordinary;
}

// The IPv4 addresses an IPv6 address leads to when a translator or tunnel takes it up, at most two.
struct Embedded {
  Address list[2];
  unsigned count = 0;
  const Address* begin() const { return list; }
  const Address* end() const { return list + count; }
};

Embedded embedded_in(const Address& address) {
  Embedded found;
  if (!address.is_v6()) return found;
  const std::uint32_t a = address.word(0), b = address.word(1), c = address.word(2), d = address.word(3);
  const auto add = [&found](std::uint32_t v4) { found.list[found.count++] = Address::v4(v4); };
  if (a == 0 && b == 0 && c == 0 && d > 1) add(d);    // ::/96 IPv4-compatible, RFC 4291 2.5.5.1
  if (a == 0 && b == 0 && c == 0xffff0000) add(d);    // ::ffff:0:0:0/96 IPv4-translated, RFC 2765 2.1
  if (a == 0x0064ff9b && b == 0 && c == 0) add(d);    // 64:ff9b::/96 NAT64, RFC 6052 2.1
  if (a >> 16 == 0x2002) add((a << 16) | (b >> 16));  // 2002::/16 6to4, RFC 3056 2
  if (a == 0x20010000) {                              // 2001::/32 Teredo, RFC 4380 4:
    add(b);                                           // its server
    add(~d);                                          // its client, all bits inverted
  }
  return found;
}

bool looks_like_address(std::string_view text) {
  return text.find(':') != text.npos || text.find_first_not_of("0123456789.") == text.npos;
}

bool is_host_glob(std::string_view text) {
  return !text.empty() && text.size() <= 255 && std::all_of(text.begin(), text.end(), [](char c) {
    const char lower = policy::to_lower(c);
    return (lower >= 'a' && lower <= 'z') || policy::is_digit(c) || c == '-' || c == '_' || c == '.' || c == '*' ||
           c == '?';
  });
}

}  // namespace

const char* name(AddressClass c) {
  switch (c) {
    case AddressClass::ordinary:
      return "ordinary";
    case AddressClass::loopback:
      return "loopback";
    case AddressClass::link_local:
      return "link_local";
    case AddressClass::multicast:
      return "multicast";
    case AddressClass::unspecified:
      return "unspecified";
    case AddressClass::broadcast:
      return "broadcast";
    case AddressClass::private_use:
      return "private";
    case AddressClass::metadata:
      return "metadata";
    case AddressClass::reserved:
      return "reserved";
  }
  return "";
}

AddressClass classify(const Address& address) {
  if (!address.is_v6()) return find_class(kSpecial4, address);
  const AddressClass own = find_class(kSpecial6, address);
  if (own != AddressClass::ordinary) return own;
  for (const Address& inner : embedded_in(address)) {
    const AddressClass its = find_class(kSpecial4, inner);
    if (its != AddressClass::ordinary) return its;
  }
  return AddressClass::ordinary;
}

policy::Result<EgressRules::List> EgressRules::List::make(const char* key, const std::vector<std::string>& entries) {
  List list;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::string& entry = entries[i];
    const std::string where = std::string(key) + "[" + std::to_string(i) + "]";
    const auto bad = [&](std::string_view why) {
      return policy::Error{where, std::string("\"").append(entry).append("\": ").append(why)};
    };
    if (entry.find('/') != entry.npos || looks_like_address(entry)) {
      std::string why;
      const auto cidr = Cidr::parse(entry, why);
      if (!cidr) return bad(why);
      list.ranges_.push_back({*cidr, where});
    } else if (is_host_glob(entry)) {
      list.globs_.push_back({std::string(without_root_dot(entry)), where});
    } else {
      return bad("must be an address range or a host, * and ? allowed");
    }
  }
  return list;
}

const std::string* EgressRules::List::match_host(std::string_view host) const {
  const std::string_view bare = without_root_dot(host);
  for (const Glob& glob : globs_) {
    if (policy::glob_match_ignoring_case(glob.pattern, bare)) return &glob.where;
  }
  return nullptr;
}

const std::string* EgressRules::List::match_address(const Address& address) const {
  for (const Range& range : ranges_) {
    if (range.cidr.contains(address)) return &range.where;
  }
  return nullptr;
}

policy::Result<EgressRules> EgressRules::make(const Egress& egress, std::vector<Endpoint> own) {
  auto allow = List::make("egress.allow", egress.allow);
  if (!allow) return allow.error();
  auto deny = List::make("egress.deny", egress.deny);
  if (!deny) return deny.error();
  EgressRules rules;
  rules.allow_ = std::move(*allow);
  rules.deny_ = std::move(*deny);
  rules.allow_private_ = egress.allow_private;
  rules.connect_ports_ = egress.connect_ports;
  rules.connect_any_port_ = egress.connect_any_port;
  rules.own_ = std::move(own);
  return rules;
}

bool EgressRules::is_own(const Address& address, std::uint16_t port) const {
  const auto unspecified = [](const Address& a) { return a == Address() || a == Address::v6({}); };
  for (const Endpoint& own : own_) {
    if (own.port != port) continue;
    if (own.address == address) return true;
    // A socket bound to all addresses answers on each of this host, and one that dials 0.0.0.0 or :: reaches this host.
    // Asked now and not at start: addresses come and go (DHCP, RFC 8981), and only dials to this very port pay for it.
    if (unspecified(address)) return true;
    if (unspecified(own.address) && is_local(address)) return true;
  }
  return false;
}

// Any way to a denied address is denied; an address is not allowed for where one of the addresses in it leads.
const std::string* EgressRules::denies(const Address& address) const {
  const std::string* rule = deny_.match_address(address);
  for (const Address& inner : embedded_in(address)) {
    if (rule == nullptr) rule = deny_.match_address(inner);
  }
  return rule;
}

bool EgressRules::allows(const Address& address) const {
  if (allow_.match_address(address) != nullptr) return true;
  const Embedded inner = embedded_in(address);
  return inner.count != 0 && std::all_of(inner.begin(), inner.end(),
                                         [this](const Address& a) { return allow_.match_address(a) != nullptr; });
}

EgressRules::Verdict EgressRules::check(std::string_view host, const Address& address, std::uint16_t port) const {
  if (is_own(address, port)) return {false, "own_port", true};
  for (const Address& inner : embedded_in(address)) {
    if (is_own(inner, port)) return {false, "own_port", true};
  }
  if (auto verdict = check_host(host); !verdict.allowed) return verdict;
  if (const std::string* rule = denies(address)) return {false, "denied by " + *rule, false};
  if (allow_.match_host(host) != nullptr || allows(address)) return {true, {}, false};

  const AddressClass its = classify(address);
  if (its == AddressClass::ordinary || (its == AddressClass::private_use && allow_private_)) return {true, {}, false};
  return {false, name(its), false};
}

EgressRules::Verdict EgressRules::check_host(std::string_view host) const {
  if (const std::string* rule = deny_.match_host(host)) return {false, "denied by " + *rule, false};
  return {true, {}, false};
}

EgressRules::Verdict EgressRules::check_unresolved(std::string_view host, std::uint16_t port) const {
  if (const auto address = Address::parse(host)) return check(host, *address, port);
  const HostNumber number = read_host_number(host);
  if (!number.is_number) return check_host(host);
  if (!number.address) return {false, "not an address", false};
  return check(host, *number.address, port);
}

bool EgressRules::connect_port_allowed(std::uint16_t port) const {
  return port != 0 &&
         (connect_any_port_ || std::find(connect_ports_.begin(), connect_ports_.end(), port) != connect_ports_.end());
}

}  // namespace backoffd::proxy
