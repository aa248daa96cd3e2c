#include "proxy/http/framing.h"

#include <limits>

#include "policy/text.h"

namespace backoffd::proxy {
namespace {

// Lengths are added to and handed to interfaces that know signed numbers: 2^63 and more is nobody's body.
constexpr std::uint64_t kMaxLength = std::numeric_limits<std::int64_t>::max();

FramingResult refuse(int status, std::string_view name) { return {{}, false, {status, name}}; }

// What the two framing fields say, the message's kind aside (RFC 9112 6.1-6.3). Repeated and contradictory statements
// are refused rather than repaired: whoever reads the message next may repair it the other way.
FramingResult read_fields(const Head& head) {
  const std::size_t codings = head.count(FieldId::transfer_encoding);
  const std::size_t lengths = head.count(FieldId::content_length);
  if (codings > 0) {
    if (lengths > 0) return refuse(400, "conflicting_framing");
    if (head.minor_version() == 0) return refuse(400, "transfer_encoding_in_http_1_0");
    if (codings > 1) return refuse(400, "bad_transfer_encoding");
    const std::string_view coding = *head.find(FieldId::transfer_encoding);
    if (policy::equals_ignoring_case(coding, "chunked")) return {{Framing::Kind::chunked, 0}, true, {}};
    // A well-formed coding we do not know, with or without chunked behind it, is 501 (RFC 9112 6.1); what is no coding
    // at all, or a list in which chunked stands in the wrong place or twice, is a fault.
    policy::ListReader list(coding);
    bool known = true, chunked = false;
    while (const auto element = list.next()) {
      if (chunked || !policy::is_token(*element)) return refuse(400, "bad_transfer_encoding");
      chunked = policy::equals_ignoring_case(*element, "chunked");
      known = known && chunked;
    }
    return known ? refuse(400, "bad_transfer_encoding") : refuse(501, "unknown_transfer_coding");
  }
  if (lengths == 0) return {};
  const auto length = policy::parse_unsigned(*head.find(FieldId::content_length));
  if (lengths > 1 || !length || *length > kMaxLength) return refuse(400, "bad_content_length");
  return {{Framing::Kind::length, *length}, true, {}};
}

}  // namespace

FramingResult frame_request(const Head& head) {
  const FramingResult result = read_fields(head);
  // What follows CONNECT is the tunnel's (RFC 9110 9.3.6). A sender who announces a body there disagrees with us on
  // where the tunnel begins.
  if (result.ok && head.method() == "CONNECT" && result.framing != Framing{}) {
    if (result.framing.kind == Framing::Kind::chunked || result.framing.length > 0)
      return refuse(400, "connect_with_body");
    return {};
  }
  return result;
}

FramingResult frame_response(const Head& head, std::string_view method) {
  const int status = head.status();
  FramingResult result = read_fields(head);
  if (!result.ok) {
    result.error.status = 502;
    return result;
  }
  // RFC 9112 6.3, rules 1 and 2: these have no body whatever their fields say.
  if (method == "HEAD" || status < 200 || status == 204 || status == 304 || (method == "CONNECT" && status < 300))
    return {};
  const bool stated = head.count(FieldId::transfer_encoding) + head.count(FieldId::content_length) > 0;
  if (!stated) result.framing.kind = Framing::Kind::until_close;
  return result;
}

Framing framing_for_client(const Framing& upstream, int client_minor_version) {
  if (client_minor_version < 1 && upstream.kind == Framing::Kind::chunked) return {Framing::Kind::until_close, 0};
  if (client_minor_version >= 1 && upstream.kind == Framing::Kind::until_close) return {Framing::Kind::chunked, 0};
  return upstream;
}

}  // namespace backoffd::proxy
