// Addresses as the configuration writes them: the readers of proxy/net/address with the reasons a person needs. Nothing
// is resolved here. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "policy/result.h"
#include "proxy/net/address.h"

namespace backoffd::admin {

// "127.0.0.1:8080", "[::1]:8080", "localhost:8080" (127.0.0.1), "*:8080" (0.0.0.0). Port 0: the system chooses one.
policy::Result<proxy::Endpoint> parse_listen(std::string_view text);

// Where a listener is reached from this machine: loopback for a wildcard address.
proxy::Endpoint reachable(proxy::Endpoint listener);

// 127.0.0.0/8 or ::1: only this machine can reach a listener there.
bool is_loopback(const proxy::Address& address);

// The checkers below return what is wrong, empty when nothing is.

// An address or a range of them: "10.0.0.0/8", "fd00::/8", "192.0.2.7".
std::string check_cidr(std::string_view text);
// A host name whose parts may hold `*` and `?`: "*.example.org"; or an address.
std::string check_host_glob(std::string_view text);
// A host name or address, no glob.
std::string check_host(std::string_view text);
// A range, or a host glob.
std::string check_destination(std::string_view text);
// A numeric address, with or without a port: "192.0.2.53", "[2001:db8::53]:5353".
std::string check_nameserver(std::string_view text);

}  // namespace backoffd::admin
