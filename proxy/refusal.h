// Everything the proxy itself answers, one line each: the refusal's name is the same in log, metric and answer.
#pragma once

#include <string_view>

#include "policy/retry.h"
#include "proxy/http/parser.h"

namespace backoffd::proxy {

struct Refusal {
  std::string_view name;  // for log, metric, Backoffd-Verdict and the body
  int status = 502;
  std::string_view proxy_status;  // error token of RFC 9209 2.3
  std::string_view sentence;      // says what happened, and nothing of the request
};

// An attempt that ended without a response, and nothing better to relay.
const Refusal& refusal_of(policy::OutcomeKind kind);
// The queue's refusals (queue_timeout, queue_full, exhausted): 429.
const Refusal& refusal_of(policy::Reason reason);
// A head or target that may not pass. The status is the error's own.
Refusal refusal_of(const HeadError& error);

namespace refusals {
extern const Refusal kDnsError, kDnsTimeout, kClientHeadTimeout, kBodyTimeout, kBadBody, kConnectPort, kLoop,
    kNotAProxyRequest, kParentRefused, kBadPolicyHeader, kBadMaxForwards, kTrace, kExchangeTimeout, kClientNotAllowed,
    kClientTlsError, kClientRejectedCertificate;
}  // namespace refusals

}  // namespace backoffd::proxy
