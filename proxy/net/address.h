// IP addresses, endpoints and address ranges as values. Text forms are strict; the one loose reader is named so.
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace backoffd::proxy {

// An IPv4 or IPv6 address. IPv4-mapped IPv6 (::ffff:0:0/96, RFC 4291 2.5.5.2) *is* the IPv4 address: the kernel sends
// IPv4 packets to it, so every way to make an Address turns the one into the other, and no check can be slipped past.
class Address {
 public:
  using Bytes = std::array<std::uint8_t, 16>;

  Address() = default;  // 0.0.0.0
  static Address v4(std::uint32_t host_order);
  static Address v6(const Bytes& network_order);

  // Dotted quad without leading zeros, or RFC 4291 2.2. No brackets, no zone, no spaces.
  static std::optional<Address> parse(std::string_view text);

  bool is_v6() const { return is_v6_; }
  std::uint32_t as_v4() const { return word(3); }  // REQUIRES: !is_v6().
  std::uint32_t word(unsigned index) const;        // 32 bits of the address, 0..3; IPv4 is word 3
  const std::uint8_t* bytes() const { return bytes_.data() + (is_v6_ ? 0 : 12); }  // network order
  unsigned bits() const { return is_v6_ ? 128 : 32; }

  std::string text() const;  // RFC 5952

  friend bool operator==(const Address&, const Address&) = default;
  friend auto operator<=>(const Address&, const Address&) = default;  // NOLINT(modernize-use-nullptr): reads its own 0

 private:
  bool is_v6_ = false;
  Bytes bytes_{};  // IPv4 in the last four, the rest zero
};

// Address and port: what a socket is bound or connected to.
struct Endpoint {
  Address address;
  std::uint16_t port = 0;

  // "127.0.0.1:8080", "[::1]:8080"; decimal port 0..65535 without leading zeros.
  static std::optional<Endpoint> parse(std::string_view text);
  static std::optional<Endpoint> from(const sockaddr* address);  // none: neither AF_INET nor AF_INET6
  static std::optional<Endpoint> local_of(int fd);               // getsockname
  static std::optional<Endpoint> peer_of(int fd);                // getpeername

  socklen_t to(sockaddr_storage& out) const;
  std::string text() const;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// A range of addresses: "10.0.0.0/8", "fc00::/7", or one address without a length (RFC 4632 3.1, RFC 4291 2.3).
class Cidr {
 public:
  // None, and a reason in `why`, when malformed, too long, or when bits beyond the prefix are set.
  static std::optional<Cidr> parse(std::string_view text, std::string& why);
  // REQUIRES: length <= base.bits().
  Cidr(const Address& base, unsigned length) : base_(base), length_(length) {}

  const Address& base() const { return base_; }
  unsigned length() const { return length_; }
  bool contains(const Address& address) const;
  std::string text() const;

  friend bool operator==(const Cidr&, const Cidr&) = default;
  friend auto operator<=>(const Cidr&, const Cidr&) = default;  // NOLINT(modernize-use-nullptr): reads its own 0

 private:
  Address base_;
  unsigned length_;
};

// How a host that is written as a number is read, in every spelling inet_aton(3) takes: octal, hexadecimal, one to four
// parts, a trailing dot. `address` is empty for something that ends in a number but is none: no such name can exist
// (no top-level domain is numeric, RFC 3696 2), so it is not asked for either.
struct HostNumber {
  bool is_number = false;
  std::optional<Address> address;
};
HostNumber read_host_number(std::string_view host);

// "example.org." and "example.org" are one host: without the root label's dot. The root itself stays as it is.
std::string_view without_root_dot(std::string_view host);

// Whether packets to `address` stay on this host: loopback, unspecified, or an interface's address at this moment.
bool is_local(const Address& address);

}  // namespace backoffd::proxy
