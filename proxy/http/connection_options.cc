#include "proxy/http/connection_options.h"

#include <algorithm>

#include "policy/text.h"

namespace backoffd::proxy {

namespace {

// May a Connection field have this one removed? Those the proxy knows are hop-by-hop by themselves, or end-to-end
// whatever a Connection field claims (RFC 9110 7.6.1): believing "Connection: Host", "Content-Length" or
// "Authorization" would let a sender undo framing, routing and access control behind the proxy's back.
bool may_be_named(FieldId id) {
  return id == FieldId::other || id == FieldId::accept || id == FieldId::idempotency_key || id == FieldId::retry_after;
}

bool is_usual(std::string_view option) {
  return policy::equals_ignoring_case(option, "keep-alive") || policy::equals_ignoring_case(option, "close");
}

bool before(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return a.size() < b.size();
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      [](char x, char y) { return policy::to_lower(x) < policy::to_lower(y); });
}

}  // namespace

ConnectionOptions::ConnectionOptions(const Head& head) {
  if (!head.find(FieldId::connection)) return;
  for (std::size_t i = 0; i < head.size(); ++i) {
    const Field field = head.field(i);
    if (field.id != FieldId::connection) continue;
    policy::ListReader list(field.value);
    while (const auto option = list.next())
      if (!is_usual(*option) && may_be_named(field_id(*option))) names_.emplace_back(*option);
  }
  std::sort(names_.begin(), names_.end(), before);
}

bool ConnectionOptions::names(const Field& field) const {
  return !names_.empty() && may_be_named(field.id) &&
         std::binary_search(names_.begin(), names_.end(), field.name, before);
}

}  // namespace backoffd::proxy
