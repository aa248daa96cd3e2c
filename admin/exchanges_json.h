// Exchanges as JSON, for GET /exchanges and the events. Pure.
#pragma once

#include <vector>

#include "admin/json.h"
#include "policy/time.h"
#include "proxy/exchange_info.h"

namespace backoffd::admin {

// Times are seconds. One in flight has "state" and "age"; a finished one "ended" (seconds since 1970), "total",
// "status", "verdict" and "detail".
json::Array show_in_flight(const std::vector<proxy::ExchangeInfo>& exchanges);
json::Array show_finished(const std::vector<proxy::ExchangeInfo>& exchanges);  // the one that ended last first

}  // namespace backoffd::admin
