#include "proxy/tls/name_constraints.h"

#include <openssl/x509v3.h>

#include <algorithm>
#include <bit>

#include "policy/text.h"

namespace backoffd::proxy {
namespace {

// Stand for nothing in a list of what is permitted, because no list would mean that all is. The name never resolves
// (RFC 6761 6.4), the addresses are no host's. Excluding all of it instead is an error to some readers: Java 17 takes
// no empty DNS name, and measures an IPv4 address against an excluded ::/0 until it runs off its end.
constexpr std::string_view kNoName = "invalid";
const Cidr kNoV4{Address::v4(0xffffffff), 32};
const Cidr kNoV6{*Address::parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 128};

const Cidr kAllV4{Address(), 0};
const Cidr kAllV6{Address::v6({}), 0};

bool within(std::string_view name, std::string_view base) {
  if (base.empty() || name == base) return true;
  if (base.front() != '.')
    return name.size() > base.size() && name.ends_with(base) && name[name.size() - base.size() - 1] == '.';
  return name.size() > base.size() && name.ends_with(base);
}
bool within(const Cidr& range, const Cidr& base) {
  return range.length() >= base.length() && base.contains(range.base());
}

template <class T, class U>
bool within_any(const T& one, const std::vector<U>& bases) {
  return std::any_of(bases.begin(), bases.end(), [&](const U& base) { return within(one, base); });
}
template <class T>
bool overlaps_any(const T& one, const std::vector<T>& others) {
  return std::any_of(others.begin(), others.end(), [&](const T& o) { return within(one, o) || within(o, one); });
}

template <class T>
void normalise(std::vector<T>& list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  const std::vector<T> all = list;
  std::erase_if(list, [&](const T& one) {
    return std::any_of(all.begin(), all.end(), [&](const T& base) { return one != base && within(one, base); });
  });
}

template <class T>
std::vector<T> overlap(const std::vector<T>& a, const std::vector<T>& b) {
  std::vector<T> both;
  for (const T& one : a) {
    for (const T& other : b) {
      if (within(one, other)) {
        both.push_back(one);
      } else if (within(other, one)) {
        both.push_back(other);
      }
    }
  }
  normalise(both);
  return both;
}

std::string shown(const std::string& dns) { return dns.empty() ? "any DNS name" : dns; }
std::string shown(const Cidr& range) {
  return range.length() == range.base().bits() ? range.base().text() : range.text();
}

template <class T>
std::optional<std::string> first_lacking(const std::vector<T>& wanted, const std::vector<T>& permitted,
                                         const std::vector<T>& excluded) {
  for (const T& one : wanted) {
    if (!within_any(one, permitted) || overlaps_any(one, excluded)) return shown(one);
  }
  return std::nullopt;
}

}  // namespace

bool NameConstraints::permits(std::string_view host) const {
  if (any) return true;
  if (const auto address = Address::parse(host)) {
    const Cidr one(*address, address->bits());
    return within_any(one, addresses) && !within_any(one, excluded_addresses);
  }
  if (host.ends_with('.')) host.remove_suffix(1);
  return !host.empty() && within_any(host, dns) && !within_any(host, excluded_dns);
}

std::optional<std::string> NameConstraints::lacks(const NameConstraints& other) const {
  if (any) return std::nullopt;
  if (other.any) return "any name";
  if (auto name = first_lacking(other.dns, dns, excluded_dns)) return name;
  return first_lacking(other.addresses, addresses, excluded_addresses);
}

NameConstraints NameConstraints::intersect(const NameConstraints& other) const {
  if (any) return other;
  if (other.any) return *this;
  NameConstraints both;
  both.dns = overlap(dns, other.dns);
  both.addresses = overlap(addresses, other.addresses);
  both.excluded_dns = excluded_dns;
  both.excluded_dns.insert(both.excluded_dns.end(), other.excluded_dns.begin(), other.excluded_dns.end());
  normalise(both.excluded_dns);
  both.excluded_addresses = excluded_addresses;
  both.excluded_addresses.insert(both.excluded_addresses.end(), other.excluded_addresses.begin(),
                                 other.excluded_addresses.end());
  normalise(both.excluded_addresses);
  return both;
}

std::string NameConstraints::text() const {
  if (any) return "any name";
  std::string out;
  const auto list = [&out](const auto& entries, const char* before) {
    for (const auto& entry : entries) {
      if (!out.empty()) out += ", ";
      out += before + shown(entry);
    }
  };
  list(dns, "");
  list(addresses, "");
  if (out.empty()) return "no name";
  list(excluded_dns, "not ");
  list(excluded_addresses, "not ");
  return out;
}

NameConstraints constraints_for(const std::vector<std::string>& globs) {
  NameConstraints constraints;
  for (std::string name : globs) {
    std::transform(name.begin(), name.end(), name.begin(), policy::to_lower);
    if (const auto address = Address::parse(name)) {
      constraints.addresses.emplace_back(*address, address->bits());
      continue;
    }
    if (const auto wildcard = name.find_last_of("*?"); wildcard != name.npos) {
      const auto dot = name.find('.', wildcard);
      name.erase(0, dot == name.npos ? name.npos : dot + 1);
      if (read_host_number(name).is_number) name.clear();  // the glob may mean addresses: "10.*.0.1"
    }
    if (name.empty()) {
      constraints = {};
      constraints.any = true;
      return constraints;
    }
    if (name.ends_with('.')) name.pop_back();
    name.erase(0, std::min(name.find_first_not_of('.'), name.size()));
    if (name.empty()) continue;  // "." matches no host
    constraints.dns.push_back(std::move(name));
  }
  normalise(constraints.dns);
  normalise(constraints.addresses);
  return constraints;
}

namespace {

struct SubtreeDelete {
  void operator()(GENERAL_SUBTREE* subtree) const { GENERAL_SUBTREE_free(subtree); }
  void operator()(NAME_CONSTRAINTS* constraints) const { NAME_CONSTRAINTS_free(constraints); }
  void operator()(ASN1_STRING* string) const { ASN1_STRING_free(string); }
};
template <class T>
using Owned = std::unique_ptr<T, SubtreeDelete>;

using Subtrees = STACK_OF(GENERAL_SUBTREE);

bool append(Subtrees*& list, int type, std::string_view octets) {
  if (list == nullptr) list = sk_GENERAL_SUBTREE_new_null();
  Owned<GENERAL_SUBTREE> subtree(GENERAL_SUBTREE_new());
  Owned<ASN1_STRING> value(ASN1_STRING_type_new(type == GEN_DNS ? V_ASN1_IA5STRING : V_ASN1_OCTET_STRING));
  if (list == nullptr || !subtree || !value) return false;
  if (ASN1_STRING_set(value.get(), octets.data(), static_cast<int>(octets.size())) != 1) return false;
  GENERAL_NAME_set0_value(subtree->base, type, value.release());
  if (sk_GENERAL_SUBTREE_push(list, subtree.get()) == 0) return false;
  static_cast<void>(subtree.release());
  return true;
}

// Address and mask, network order (RFC 5280 4.2.1.10).
std::string octets_of(const Cidr& range) {
  const std::size_t size = range.base().bits() / 8;
  std::string octets(reinterpret_cast<const char*>(range.base().bytes()), size);
  octets.resize(2 * size);
  for (unsigned bit = 0; bit < range.length(); ++bit) octets[size + bit / 8] |= static_cast<char>(0x80 >> bit % 8);
  return octets;
}

// None: of no known length, or a mask with holes.
std::optional<Cidr> range_of(const ASN1_OCTET_STRING* octets) {
  const int length = ASN1_STRING_length(octets);
  if (length != 8 && length != 32) return std::nullopt;
  const int size = length / 2;
  const unsigned char* data = ASN1_STRING_get0_data(octets);
  unsigned ones = 0;
  bool ended = false;
  for (int i = 0; i < size; ++i) {
    const unsigned char mask = data[size + i];
    const auto run = static_cast<unsigned>(std::countl_one(mask));
    if ((ended && mask != 0) || std::popcount(mask) != static_cast<int>(run)) return std::nullopt;
    ones += run;
    ended = mask != 0xff;
  }
  Address::Bytes bytes{};
  std::copy(data, data + size, size == 4 ? bytes.begin() + 12 : bytes.begin());
  Address base = Address::v6(bytes);
  if (size == 4) {
    base = Address::v4(static_cast<std::uint32_t>(data[0]) << 24 | data[1] << 16 | data[2] << 8 | data[3]);
  } else if (!base.is_v6()) {
    return std::nullopt;  // IPv4 written as IPv6: no address of ours is written so
  }
  return Cidr(base, ones);
}

// One list of the extension, without what stands for nothing.
struct Listed {
  std::vector<std::string> dns;
  std::vector<Cidr> addresses;
  bool speaks_of_dns = false;
  bool speaks_of_addresses = false;
  bool unreadable_range = false;
};

Listed list_of(const Subtrees* subtrees) {
  Listed listed;
  for (int i = 0; i < sk_GENERAL_SUBTREE_num(subtrees); ++i) {
    const GENERAL_NAME* base = sk_GENERAL_SUBTREE_value(subtrees, i)->base;
    if (base->type == GEN_DNS) {
      listed.speaks_of_dns = true;
      std::string name(reinterpret_cast<const char*>(ASN1_STRING_get0_data(base->d.dNSName)),
                       static_cast<std::size_t>(ASN1_STRING_length(base->d.dNSName)));
      std::transform(name.begin(), name.end(), name.begin(), policy::to_lower);
      if (name != kNoName) listed.dns.push_back(std::move(name));
    } else if (base->type == GEN_IPADD) {
      listed.speaks_of_addresses = true;
      const auto range = range_of(base->d.iPAddress);
      listed.unreadable_range = listed.unreadable_range || !range;
      if (range && *range != kNoV4 && *range != kNoV6) listed.addresses.push_back(*range);
    }
  }
  return listed;
}

}  // namespace

bool add_name_constraints(X509* certificate, const NameConstraints& constraints) {
  if (constraints.any) return true;
  const Owned<NAME_CONSTRAINTS> extension(NAME_CONSTRAINTS_new());
  if (!extension) return false;
  auto*& permitted = extension->permittedSubtrees;
  auto*& excluded = extension->excludedSubtrees;
  bool ok = true;
  for (const std::string& name : constraints.dns) ok = ok && append(permitted, GEN_DNS, name);
  if (constraints.dns.empty()) ok = ok && append(permitted, GEN_DNS, kNoName);
  bool v4 = false;
  bool v6 = false;
  for (const Cidr& range : constraints.addresses) {
    (range.base().is_v6() ? v6 : v4) = true;
    ok = ok && append(permitted, GEN_IPADD, octets_of(range));
  }
  if (!v4 && !v6) {
    ok = ok && append(excluded, GEN_IPADD, octets_of(kAllV4)) && append(excluded, GEN_IPADD, octets_of(kAllV6));
  } else if (!v4) {
    ok = ok && append(permitted, GEN_IPADD, octets_of(kNoV4));
  } else if (!v6) {
    ok = ok && append(permitted, GEN_IPADD, octets_of(kNoV6));
  }
  return ok && X509_add1_ext_i2d(certificate, NID_name_constraints, extension.get(), 1, X509V3_ADD_DEFAULT) == 1;
}

policy::Result<NameConstraints> name_constraints_of(const X509* certificate) {
  NameConstraints constraints;
  int found = 0;
  const Owned<NAME_CONSTRAINTS> extension(
      static_cast<NAME_CONSTRAINTS*>(X509_get_ext_d2i(certificate, NID_name_constraints, &found, nullptr)));
  if (!extension && found != -1) return policy::Error{"", "its name constraints cannot be read"};
  if (!extension) {
    constraints.any = true;
    return constraints;
  }
  Listed permitted = list_of(extension->permittedSubtrees);
  Listed excluded = list_of(extension->excludedSubtrees);
  constraints.dns = std::move(permitted.dns);
  if (!permitted.speaks_of_dns) constraints.dns = {""};
  constraints.addresses = std::move(permitted.addresses);
  if (!permitted.speaks_of_addresses) constraints.addresses = {kAllV4, kAllV6};
  constraints.excluded_dns = std::move(excluded.dns);
  constraints.excluded_addresses = std::move(excluded.addresses);
  if (excluded.unreadable_range) constraints.excluded_addresses = {kAllV4, kAllV6};  // the safe reading
  normalise(constraints.dns);
  normalise(constraints.addresses);
  normalise(constraints.excluded_dns);
  normalise(constraints.excluded_addresses);
  // A family that is excluded as a whole is one that is not permitted.
  for (const Cidr& all : {kAllV4, kAllV6}) {
    const auto gone = std::remove(constraints.excluded_addresses.begin(), constraints.excluded_addresses.end(), all);
    if (gone == constraints.excluded_addresses.end()) continue;
    constraints.excluded_addresses.erase(gone, constraints.excluded_addresses.end());
    std::erase_if(constraints.addresses, [&all](const Cidr& range) { return within(range, all); });
  }
  return constraints;
}

}  // namespace backoffd::proxy
