// The little of the DNS message format (RFC 1035 4) that a stub resolver needs: a question for addresses, and the
// answer to exactly that question. Pure functions over octets.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/net/address.h"

namespace backoffd::proxy {

enum class DnsType : std::uint16_t { a = 1, aaaa = 28 };

// Letters, digits, hyphens and underscores in labels of 1..63 octets, 253 at most (RFC 1035 2.3.4); no dot at the end.
// Nothing else is ever asked for.
bool is_dns_name(std::string_view name);

// REQUIRES: is_dns_name(name).
std::vector<std::uint8_t> dns_question(std::string_view name, DnsType type, std::uint16_t id);

struct DnsReply {
  unsigned rcode = 0;  // RFC 1035 4.1.1, RFC 6895 2.3
  bool truncated = false;
  std::vector<Address> addresses;  // of the name or of what its CNAMEs lead to, in the order received
  std::uint32_t ttl = 0;           // seconds; the least of the records on the way. 0 without addresses
};
inline constexpr unsigned kDnsNoError = 0;
inline constexpr unsigned kDnsNoSuchName = 3;

// None: not an answer to this question, or malformed. REQUIRES: `name` is in lower case.
std::optional<DnsReply> read_dns_reply(std::span<const std::uint8_t> message, std::string_view name, DnsType type,
                                       std::uint16_t id);

}  // namespace backoffd::proxy
