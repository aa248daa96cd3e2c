// What a request's method says of trying it again (RFC 9110 9.2). Methods are case-sensitive.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace backoffd::policy {

inline constexpr std::array<std::string_view, 6> kIdempotentMethods = {"GET",   "HEAD", "OPTIONS",
                                                                       "TRACE", "PUT",  "DELETE"};

// 9.2.2: sent twice it does what it does sent once.
constexpr bool is_idempotent(std::string_view method) {
  return std::find(kIdempotentMethods.begin(), kIdempotentMethods.end(), method) != kIdempotentMethods.end();
}

// 9.2.1: it asks for nothing to be changed.
constexpr bool is_safe(std::string_view method) {
  return is_idempotent(method) && method != "PUT" && method != "DELETE";
}

}  // namespace backoffd::policy
