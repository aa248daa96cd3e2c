#include "proxy/http/head.h"

#include "policy/text.h"

namespace backoffd::proxy {

using policy::equals_ignoring_case;

FieldId field_id(std::string_view name) {
  // At most three names share a length and a first letter's branch, so that a field the proxy does not know costs one
  // jump and seldom a comparison.
  const auto is = [name](std::string_view known, FieldId id) {
    return equals_ignoring_case(name, known) ? id : FieldId::other;
  };
  const char first = name.empty() ? '\0' : policy::to_lower(name[0]);
  switch (name.size()) {
    case 2:
      return first == 't' ? is("te", FieldId::te) : FieldId::other;
    case 3:
      return first == 'v' ? is("via", FieldId::via) : FieldId::other;
    case 4:
      if (first == 'h') return is("host", FieldId::host);
      if (first == 'd') return is("date", FieldId::date);
      return first == 'e' ? is("etag", FieldId::etag) : FieldId::other;
    case 5:
      return first == 'r' ? is("range", FieldId::range) : FieldId::other;
    case 6:
      if (first == 'a') return is("accept", FieldId::accept);
      if (first == 'c') return is("cookie", FieldId::cookie);
      return first == 'e' ? is("expect", FieldId::expect) : FieldId::other;
    case 7:
      if (first == 't') return is("trailer", FieldId::trailer);
      return first == 'u' ? is("upgrade", FieldId::upgrade) : FieldId::other;
    case 8:
      return first == 'i' ? is("if-range", FieldId::if_range) : FieldId::other;
    case 10:
      if (first == 'c') return is("connection", FieldId::connection);
      if (first == 's') return is("set-cookie", FieldId::set_cookie);
      return first == 'k' ? is("keep-alive", FieldId::keep_alive) : FieldId::other;
    case 11:
      return first == 'r' ? is("retry-after", FieldId::retry_after) : FieldId::other;
    case 12:
      if (first == 'm') return is("max-forwards", FieldId::max_forwards);
      if (first == 'c') return is("content-type", FieldId::content_type);
      return first == 'p' ? is("proxy-status", FieldId::proxy_status) : FieldId::other;
    case 13:
      if (first == 'a') return is("authorization", FieldId::authorization);
      if (first == 'b') return is("backoffd-gate", FieldId::backoffd_gate);
      if (first == 'l') return is("last-modified", FieldId::last_modified);
      if (first != 'c') return FieldId::other;
      return policy::to_lower(name[1]) == 'a' ? is("cache-control", FieldId::cache_control)
                                              : is("content-range", FieldId::content_range);
    case 14:
      if (first == 'c') return is("content-length", FieldId::content_length);
      return first == 'h' ? is("http2-settings", FieldId::http2_settings) : FieldId::other;
    case 15:
      return first == 'i' ? is("idempotency-key", FieldId::idempotency_key) : FieldId::other;
    case 16:
      if (first == 'c') return is("content-encoding", FieldId::content_encoding);
      return first == 'p' ? is("proxy-connection", FieldId::proxy_connection) : FieldId::other;
    case 17:
      if (first == 't') return is("transfer-encoding", FieldId::transfer_encoding);
      return first == 'b' ? is("backoffd-provider", FieldId::backoffd_provider) : FieldId::other;
    case 18:
      if (first == 'b') return is("backoffd-operation", FieldId::backoffd_operation);
      return first == 'p' ? is("proxy-authenticate", FieldId::proxy_authenticate) : FieldId::other;
    case 19:
      return first == 'p' ? is("proxy-authorization", FieldId::proxy_authorization) : FieldId::other;
    default:
      return FieldId::other;
  }
}

Field Head::field(std::size_t i) const {
  const Line& line = fields_[i];
  return {line.id, view(line.name), view(line.value)};
}

std::size_t Head::count(FieldId id) const {
  if ((present_ & bit(id)) == 0) return 0;
  std::size_t n = 0;
  for (const Line& line : fields_) n += line.id == id;
  return n;
}

std::optional<std::string_view> Head::find(FieldId id) const {
  if ((present_ & bit(id)) == 0) return std::nullopt;
  for (const Line& line : fields_)
    if (line.id == id) return view(line.value);
  return std::nullopt;
}

std::optional<std::string_view> Head::find(std::string_view name) const {
  for (const Line& line : fields_)
    if (line.name.size == name.size() && equals_ignoring_case(view(line.name), name)) return view(line.value);
  return std::nullopt;
}

bool Head::has_token(FieldId id, std::string_view token) const {
  if ((present_ & bit(id)) == 0) return false;
  for (const Line& line : fields_) {
    if (line.id != id) continue;
    policy::ListReader list(view(line.value));
    while (const auto element = list.next())
      if (equals_ignoring_case(*element, token)) return true;
  }
  return false;
}

void Head::set_request(std::string_view method, std::string_view target, int minor_version) {
  first_ = append(method);
  second_ = append(target);
  status_ = 0;
  minor_ = minor_version;
}

void Head::set_response(int status, std::string_view reason, int minor_version) {
  first_ = {};
  second_ = append(reason);
  status_ = status;
  minor_ = minor_version;
}

void Head::add(std::string_view name, std::string_view value) {
  const FieldId id = field_id(name);
  const Span name_at = append(name);
  fields_.push_back({name_at, append(value), id});
  present_ |= bit(id);
}

void Head::clear() { *this = Head(); }

Head::Span Head::append(std::string_view text) {
  const Span span{static_cast<std::uint32_t>(bytes_.size()), static_cast<std::uint32_t>(text.size())};
  bytes_.append(text);
  return span;
}

bool Head::wants_keep_alive() const {
  if (has_token(FieldId::connection, "close")) return false;
  return minor_version() >= 1 || has_token(FieldId::connection, "keep-alive");
}

}  // namespace backoffd::proxy
