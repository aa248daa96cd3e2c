// A certificate authority as the admin interface and `ca show --output json` tell of it.
#pragma once

#include "admin/json.h"
#include "proxy/tls/authority.h"

namespace backoffd::admin {

// {subject, sha256, not_before, not_after, may_sign: {any, dns, addresses, excluded_dns, excluded_addresses}}
json::Value authority_json(const proxy::Authority& authority);

}  // namespace backoffd::admin
