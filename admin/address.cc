#include "admin/address.h"

#include <algorithm>

#include "policy/text.h"

namespace backoffd::admin {

using proxy::Address;
using proxy::Cidr;
using proxy::Endpoint;

policy::Result<Endpoint> parse_listen(std::string_view text) {
  std::string numeric(text);
  for (const auto& [word, address] : {std::pair("localhost:", "127.0.0.1:"), std::pair("*:", "0.0.0.0:")}) {
    if (text.starts_with(word)) numeric = address + numeric.substr(std::string_view(word).size());
  }
  if (const auto endpoint = Endpoint::parse(numeric)) return *endpoint;
  return policy::Error{"", "expected ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080"};
}

Endpoint reachable(Endpoint listener) {
  if (listener.address == Address()) listener.address = *Address::parse("127.0.0.1");
  if (listener.address == *Address::parse("::")) listener.address = *Address::parse("::1");
  return listener;
}

bool is_loopback(const Address& address) {
  std::string why;
  return Cidr::parse("127.0.0.0/8", why)->contains(address) || Cidr::parse("::1", why)->contains(address);
}

std::string check_cidr(std::string_view text) {
  std::string why;
  return Cidr::parse(text, why) ? "" : why;
}

std::string check_host_glob(std::string_view text) {
  if (text.empty()) return "expected a host name";
  if (text.size() > 253) return "longer than 253 characters";
  if (Address::parse(text)) return {};
  const auto allowed = [](char c) {
    return (policy::to_lower(c) >= 'a' && policy::to_lower(c) <= 'z') || policy::is_digit(c) ||
           std::string_view("-._*?").find(c) != std::string_view::npos;
  };
  if (!std::all_of(text.begin(), text.end(), allowed)) return "expected a host name without scheme, port or path";
  return {};
}

std::string check_host(std::string_view text) {
  if (text.find_first_of("*?") != std::string_view::npos) return "must be one host, not a pattern";
  return check_host_glob(text);
}

std::string check_destination(std::string_view text) {
  return text.find('/') == std::string_view::npos ? check_host_glob(text) : check_cidr(text);
}

std::string check_nameserver(std::string_view text) {
  if (Address::parse(text)) return {};
  const auto endpoint = Endpoint::parse(text);
  return endpoint && endpoint->port != 0 ? "" : "expected a numeric address, with or without a port";
}

}  // namespace backoffd::admin
