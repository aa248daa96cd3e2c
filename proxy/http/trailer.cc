#include "proxy/http/trailer.h"

#include <algorithm>
#include <array>

#include "policy/text.h"

namespace backoffd::proxy {

namespace {

constexpr std::array<std::string_view, 45> kHeadOnly = {
    // framing
    "content-length", "transfer-encoding", "trailer", "te",
    // this hop
    "connection", "keep-alive", "proxy-connection", "upgrade", "http2-settings",
    // routing
    "host", "via", "max-forwards", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto",
    // control and conditions of a request
    "cache-control", "pragma", "expect", "range", "if-match", "if-none-match", "if-modified-since",
    "if-unmodified-since", "if-range", "idempotency-key",
    // authentication
    "authorization", "cookie", "set-cookie", "www-authenticate", "authentication-info", "proxy-authenticate",
    "proxy-authorization", "proxy-authentication-info",
    // control of a response
    "age", "date", "expires", "location", "retry-after", "vary", "warning",
    // what the content is
    "content-encoding", "content-type", "content-range", "content-location"};

}  // namespace

bool may_be_trailer(std::string_view name) {
  return !policy::starts_with_ignoring_case(name, "backoffd-") &&
         std::none_of(kHeadOnly.begin(), kHeadOnly.end(),
                      [name](std::string_view known) { return policy::equals_ignoring_case(name, known); });
}

}  // namespace backoffd::proxy
