#include "proxy/net/address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "policy/text.h"

namespace backoffd::proxy {

namespace {

constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// Decimal without leading zeros; none above `max`.
std::optional<unsigned> parse_decimal(std::string_view text, unsigned max) {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  const auto value = policy::parse_unsigned(text);
  if (!value || *value > max) return std::nullopt;
  return static_cast<unsigned>(*value);
}

}  // namespace

Address Address::v4(std::uint32_t host_order) {
  Address address;
  const std::uint32_t network_order = htonl(host_order);
  std::memcpy(&address.bytes_[12], &network_order, 4);
  return address;
}

Address Address::v6(const Bytes& network_order) {
  Address address;
  if (std::equal(std::begin(kMapped), std::end(kMapped), network_order.begin())) {
    std::copy(network_order.begin() + 12, network_order.end(), address.bytes_.begin() + 12);
  } else {
    address.is_v6_ = true;
    address.bytes_ = network_order;
  }
  return address;
}

std::optional<Address> Address::parse(std::string_view text) {
  char terminated[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof terminated || text.find('\0') != text.npos) return std::nullopt;
  *std::copy(text.begin(), text.end(), terminated) = '\0';
  in_addr four;
  if (inet_pton(AF_INET, terminated, &four) == 1) return v4(ntohl(four.s_addr));
  Bytes six;
  if (inet_pton(AF_INET6, terminated, six.data()) == 1) return v6(six);
  return std::nullopt;
}

std::uint32_t Address::word(unsigned index) const {
  std::uint32_t network_order;
  std::memcpy(&network_order, &bytes_[std::size_t{index} * 4], 4);
  return ntohl(network_order);
}

std::string Address::text() const {
  char out[INET6_ADDRSTRLEN];
  return inet_ntop(is_v6_ ? AF_INET6 : AF_INET, bytes(), out, sizeof out);
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  // The brackets belong to IPv6 and to it alone (RFC 3986 3.2.2); "::1:80" would be ambiguous.
  if (bracketed != (host.find(':') != host.npos)) return std::nullopt;
  const auto address = Address::parse(host);
  const auto port = parse_decimal(text.substr(colon + 1), 65535);
  if (!address || !port) return std::nullopt;
  return Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

std::optional<Endpoint> Endpoint::from(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET) {
    sockaddr_in four;
    std::memcpy(&four, address, sizeof four);
    return Endpoint{Address::v4(ntohl(four.sin_addr.s_addr)), ntohs(four.sin_port)};
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 six;
    std::memcpy(&six, address, sizeof six);
    Address::Bytes bytes;
    std::memcpy(bytes.data(), &six.sin6_addr, bytes.size());
    return Endpoint{Address::v6(bytes), ntohs(six.sin6_port)};
  }
  return std::nullopt;
}

namespace {

std::optional<Endpoint> name_of(int fd, int (*ask)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage storage;
  socklen_t length = sizeof storage;
  if (ask(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return std::nullopt;
  return Endpoint::from(reinterpret_cast<sockaddr*>(&storage));
}

}  // namespace

std::optional<Endpoint> Endpoint::local_of(int fd) {
  return name_of(fd, [](int f, sockaddr* a, socklen_t* l) { return getsockname(f, a, l); });
}

std::optional<Endpoint> Endpoint::peer_of(int fd) {
  return name_of(fd, [](int f, sockaddr* a, socklen_t* l) { return getpeername(f, a, l); });
}

socklen_t Endpoint::to(sockaddr_storage& out) const {
  std::memset(&out, 0, sizeof out);
  if (address.is_v6()) {
    auto* six = reinterpret_cast<sockaddr_in6*>(&out);
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    std::memcpy(&six->sin6_addr, address.bytes(), 16);
    return sizeof *six;
  }
  auto* four = reinterpret_cast<sockaddr_in*>(&out);
  four->sin_family = AF_INET;
  four->sin_port = htons(port);
  std::memcpy(&four->sin_addr, address.bytes(), 4);
  return sizeof *four;
}

std::string Endpoint::text() const {
  const std::string host = address.is_v6() ? "[" + address.text() + "]" : address.text();
  return host + ":" + std::to_string(port);
}

std::optional<Cidr> Cidr::parse(std::string_view text, std::string& why) {
  const auto slash = text.find('/');
  const std::string_view base_text = text.substr(0, slash);
  auto base = Address::parse(base_text);
  if (!base) {
    why = "not an IP address";
    return std::nullopt;
  }
  if (slash == text.npos) return Cidr(*base, base->bits());

  // Written as IPv6 but meaning IPv4 (::ffff:10.0.0.0/104): the length counts from the IPv6 address's start.
  const bool mapped = !base->is_v6() && base_text.find(':') != base_text.npos;
  const unsigned written_bits = mapped ? 128 : base->bits();
  const auto length = parse_decimal(text.substr(slash + 1), written_bits);
  if (!length || (mapped && *length < 96)) {
    why = "the prefix length must be " + std::string(mapped ? "96" : "0") + " to " + std::to_string(written_bits);
    return std::nullopt;
  }
  const Cidr range(*base, mapped ? *length - 96 : *length);
  for (unsigned bit = range.length_; bit < base->bits(); ++bit) {
    if ((base->bytes()[bit / 8] >> (7 - bit % 8)) & 1) {
      why = "the address has bits set beyond the prefix length";
      return std::nullopt;
    }
  }
  return range;
}

bool Cidr::contains(const Address& address) const {
  if (address.is_v6() != base_.is_v6()) return false;
  const unsigned whole = length_ / 8;
  if (!std::equal(base_.bytes(), base_.bytes() + whole, address.bytes())) return false;
  const unsigned rest = length_ % 8;
  return rest == 0 || ((base_.bytes()[whole] ^ address.bytes()[whole]) >> (8 - rest)) == 0;
}

std::string Cidr::text() const { return base_.text() + "/" + std::to_string(length_); }

HostNumber read_host_number(std::string_view host) {
  HostNumber number;
  if (const auto strict = Address::parse(host)) return {true, strict};
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  // Only a last label that is a number makes the whole a number; "1.2.3.4.example.com" is a name.
  const auto dot = host.rfind('.');
  const std::string_view last = dot == host.npos ? host : host.substr(dot + 1);
  const bool hex = last.size() >= 2 && last[0] == '0' && policy::to_lower(last[1]) == 'x';
  const std::string_view digits = hex ? last.substr(2) : last;
  const char* allowed = hex ? "0123456789abcdefABCDEF" : "0123456789";
  number.is_number = !last.empty() && digits.find_first_not_of(allowed) == digits.npos;
  if (!number.is_number) return number;

  // inet_aton stops at white space and takes what is before it, so nothing but its alphabet may reach it.
  constexpr std::size_t kLongest = 64;
  in_addr four;
  if (host.size() < kLongest && host.find_first_not_of("0123456789abcdefABCDEFxX.") == host.npos &&
      inet_aton(std::string(host).c_str(), &four) != 0) {
    number.address = Address::v4(ntohl(four.s_addr));
  }
  return number;
}

bool is_local(const Address& address) {
  if (address == Address() || (address.is_v6() && address == Address::v6({}))) return true;
  if (!address.is_v6() && address.as_v4() >> 24 == 127) return true;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return true;  // not known: the safe answer
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    const auto endpoint = Endpoint::from(one->ifa_addr);
    if (endpoint && endpoint->address == address) return true;
  }
  return false;
}

std::string_view without_root_dot(std::string_view host) {
  if (host.size() > 1 && host.back() == '.') host.remove_suffix(1);
  return host;
}

}  // namespace backoffd::proxy
