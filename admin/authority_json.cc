#include "admin/authority_json.h"

#include "admin/units.h"

namespace backoffd::admin {
namespace {

json::Value texts(const std::vector<std::string>& list) { return json::Array(list.begin(), list.end()); }
json::Value texts(const std::vector<proxy::Cidr>& list) {
  json::Array out;
  for (const proxy::Cidr& range : list) out.emplace_back(range.text());
  return out;
}

}  // namespace

json::Value authority_json(const proxy::Authority& authority) {
  const proxy::NameConstraints& constraints = authority.constraints();
  json::Value out;
  out["subject"] = authority.subject();
  out["sha256"] = authority.fingerprint();
  out["not_before"] = format_time(authority.not_before());
  out["not_after"] = format_time(authority.not_after());
  json::Value& may_sign = out["may_sign"];
  may_sign["any"] = constraints.any;
  may_sign["dns"] = texts(constraints.dns);
  may_sign["addresses"] = texts(constraints.addresses);
  may_sign["excluded_dns"] = texts(constraints.excluded_dns);
  may_sign["excluded_addresses"] = texts(constraints.excluded_addresses);
  return out;
}

}  // namespace backoffd::admin
