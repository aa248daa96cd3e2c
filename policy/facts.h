// The few fields of a message that a decision may look at. Views into the caller's head: they live as long as it does.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "policy/time.h"

namespace backoffd::policy {

struct FieldView {
  std::string_view name;   // as on the wire
  std::string_view value;  // without surrounding white space
};

struct RequestFacts {
  std::string_view method;  // as on the wire: methods are case-sensitive (RFC 9110 9.1)
  std::string_view host;    // lower case, no port, IPv6 without brackets
  std::uint16_t port = 80;
  std::string_view path;    // absolute path without the query; empty for CONNECT
  std::string_view accept;  // Accept, empty when absent
  bool has_range = false;   // a Range field is there
  bool has_idempotency_key = false;
  bool is_tunnel = false;      // CONNECT that is not intercepted
  std::string_view operation;  // Backoffd-Operation, empty when absent
  std::string_view provider;   // Backoffd-Provider, empty when absent
  std::string_view gates;      // Backoffd-Gate, empty when absent
  std::string_view client;     // proxy user or client address: the unit of fairness and of unit `client`
};

struct ResponseFacts {
  int status = 0;                     // 100..999
  std::span<const FieldView> fields;  // at least those that is_hint_field() of policy/hint.h names, and Date
  WallTime received{};                // when the head came, by our clock
};

}  // namespace backoffd::policy
