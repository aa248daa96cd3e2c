#include "admin/exchanges_json.h"

#include <algorithm>
#include <cmath>

namespace backoffd::admin {
namespace {

using json::Value;
using proxy::ExchangeInfo;

double milliseconds_exact(double seconds) { return std::round(seconds * 1e3) / 1e3; }

double ended(const ExchangeInfo& exchange) {
  return policy::seconds(exchange.start.time_since_epoch() + exchange.total);
}

Value show(const ExchangeInfo& exchange) {
  Value out;
  out["id"] = exchange.id;
  out["client"] = exchange.client;
  out["method"] = exchange.method;
  out["scheme"] = exchange.scheme;
  out["host"] = exchange.host;
  out["port"] = static_cast<int>(exchange.port);
  out["path"] = exchange.path;
  out["key"] = exchange.key;
  out["operation"] = exchange.operation;
  out["attempts"] = exchange.attempts;
  out["queued"] = milliseconds_exact(policy::seconds(exchange.queued));
  out["backoff"] = milliseconds_exact(policy::seconds(exchange.backoff));
  out["bytes_in"] = exchange.bytes_in;
  out["bytes_out"] = exchange.bytes_out;
  out["resumed_at"] = exchange.resumed_at;
  return out;
}

}  // namespace

json::Array show_in_flight(const std::vector<ExchangeInfo>& exchanges) {
  json::Array out;
  for (const ExchangeInfo& exchange : exchanges) {
    Value one = show(exchange);
    one["state"] = name(exchange.stage);
    one["age"] = milliseconds_exact(policy::seconds(exchange.total));
    out.push_back(std::move(one));
  }
  return out;
}

json::Array show_finished(const std::vector<ExchangeInfo>& exchanges) {
  std::vector<const ExchangeInfo*> order;
  order.reserve(exchanges.size());
  for (const ExchangeInfo& exchange : exchanges) order.push_back(&exchange);
  std::stable_sort(order.begin(), order.end(),
                   [](const ExchangeInfo* a, const ExchangeInfo* b) { return ended(*a) > ended(*b); });
  json::Array out;
  for (const ExchangeInfo* exchange : order) {
    Value one = show(*exchange);
    one["ended"] = milliseconds_exact(ended(*exchange));
    one["total"] = milliseconds_exact(policy::seconds(exchange->total));
    one["status"] = exchange->status;
    one["verdict"] = exchange->verdict;
    one["detail"] = exchange->detail;
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace backoffd::admin
