// Which bytes after a head belong to the message's body (RFC 9112 6.3). One meaning only, or an error.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/http/head.h"
#include "proxy/http/parser.h"

namespace backoffd::proxy {

struct Framing {
  enum class Kind { none, length, chunked, until_close };
  Kind kind = Kind::none;
  std::uint64_t length = 0;  // Kind::length; > 0 there: an announced 0 is Kind::length with 0
  bool operator==(const Framing&) const = default;
};

struct FramingResult {
  Framing framing;
  bool ok = true;
  HeadError error;  // 400 or 501 with "bad_content_length", "conflicting_framing",
                    // "unknown_transfer_coding", ...
};

// Transfer-Encoding together with Content-Length, any coding but exactly one final "chunked", and Transfer-Encoding in
// an HTTP/1.0 message are refused.
FramingResult frame_request(const Head& head);
// `method`: of the request that is answered. Chunked together with Content-Length is refused too.
FramingResult frame_response(const Head& head, std::string_view method);

// How a response's body goes to a client of HTTP/1.`client_minor_version`. One that ends with its connection becomes
// chunked where the client understands that: then its end can be told from a break.
Framing framing_for_client(const Framing& upstream, int client_minor_version);

}  // namespace backoffd::proxy
