#include "proxy/refusal.h"

#include <array>

namespace backoffd::proxy {

namespace {

using policy::OutcomeKind;
using policy::Reason;

// In the order of OutcomeKind.
constexpr std::array<Refusal, policy::kOutcomeNames.size()> kOutcomes = {{
    {"bad_response", 502, "http_protocol_error", "The upstream server sent no valid response."},
    {"connect_error", 502, "connection_refused", "No connection to the upstream server could be made."},
    {"connect_timeout", 504, "connection_timeout", "The upstream server did not accept a connection in time."},
    {"reset", 502, "connection_terminated", "The upstream server closed the connection without a response."},
    {"head_timeout", 504, "http_response_timeout", "The upstream server did not answer in time."},
    {"bad_response", 502, "http_protocol_error", "The upstream server sent no valid response."},
    {"bad_certificate", 502, "tls_certificate_error", "The upstream server's certificate does not verify."},
    {"tls_error", 502, "tls_protocol_error", "No TLS connection to the upstream server could be made."},
    {"destination_refused", 403, "destination_ip_prohibited", "This proxy may not connect to that address."},
    {"broken_body", 502, "http_response_incomplete", "The upstream server's response broke off."},
}};

constexpr Refusal kQueueTimeout{"queue_timeout", 429, "http_request_denied",
                                "The request waited for its turn as long as it may."};
constexpr Refusal kQueueFull{"queue_full", 429, "http_request_denied", "Too many requests wait for this provider."};
constexpr Refusal kExhausted{"exhausted", 429, "http_request_denied",
                             "The provider asked for a longer pause than a request may wait."};

}  // namespace

const Refusal& refusal_of(OutcomeKind kind) { return kOutcomes[static_cast<std::size_t>(kind)]; }

const Refusal& refusal_of(Reason reason) {
  switch (reason) {
    case Reason::queue_full:
      return kQueueFull;
    case Reason::exhausted:
      return kExhausted;
    default:
      return kQueueTimeout;
  }
}

Refusal refusal_of(const HeadError& error) {
  return {error.name, error.status, "http_request_error", "The request is not well-formed, or larger than allowed."};
}

namespace refusals {
const Refusal kDnsError{"dns_error", 502, "dns_error", "The host's name has no address."};
const Refusal kDnsTimeout{"dns_timeout", 504, "dns_timeout", "No name server answered in time."};
const Refusal kClientHeadTimeout{"client_head_timeout", 408, "http_request_error",
                                 "The request head did not arrive in time."};
const Refusal kBodyTimeout{"client_body_timeout", 408, "http_request_error",
                           "The request body did not arrive in time."};
const Refusal kBadBody{"bad_request_body", 400, "http_request_error", "The request body is not well-formed."};
const Refusal kConnectPort{"connect_port_refused", 403, "http_request_denied",
                           "This proxy opens no tunnels to that port."};
const Refusal kLoop{"loop_detected", 508, "proxy_loop_detected", "The request has passed this proxy before."};
const Refusal kNotAProxyRequest{"not_a_proxy_request", 400, "http_request_error",
                                "This is a forward proxy: the request must name an absolute URI."};
const Refusal kParentRefused{"parent_refused", 502, "http_request_denied",
                             "The parent proxy refused to carry the request."};
const Refusal kBadPolicyHeader{"bad_policy_header", 400, "http_request_error",
                               "A Backoffd- request header has a value this proxy does not know."};
const Refusal kBadMaxForwards{"bad_max_forwards", 400, "http_request_error", "Max-Forwards is not a small number."};
const Refusal kTrace{"trace_refused", 405, "http_request_error", "This proxy does not echo requests."};
const Refusal kExchangeTimeout{"exchange_timeout", 504, "http_response_timeout",
                               "The exchange took longer than any may."};
// Nothing can be answered to these: the client has had its 200 to CONNECT, and there is no TLS to say more in.
const Refusal kClientTlsError{"client_tls_error", 200, "", "The client's TLS handshake did not come to an end."};
const Refusal kClientRejectedCertificate{"client_rejected_certificate", 200, "",
                                         "The client does not take the certificate."};
const Refusal kClientNotAllowed{"client_not_allowed", 403, "http_request_denied", "This client may not use the proxy."};
}  // namespace refusals

}  // namespace backoffd::proxy
