#include "policy/text.h"
#include "proxy/http/rewrite.h"

namespace backoffd::proxy {
namespace {

// sf-string (RFC 8941 3.3.3) holds visible ASCII and SP. Anything else would make the whole list invalid, with the
// members of the proxies before us; it becomes "?".
void append_string(std::string& to, std::string_view text) {
  to += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') to += '\\';
    to += c >= 0x20 && c < 0x7f ? c : '?';
  }
  to += '"';
}

// sf-token begins with a letter or "*" and may hold ":" and "/" beside tchar.
bool is_sf_token(std::string_view text) {
  const char first = text.empty() ? '\0' : policy::to_lower(text[0]);
  return ((first >= 'a' && first <= 'z') || first == '*') && policy::is_token(text);
}

}  // namespace

std::string proxy_status_member(std::string_view name, std::string_view error, std::string_view details) {
  std::string member;
  member.reserve(name.size() + error.size() + details.size() + 32);
  if (is_sf_token(name))
    member += name;
  else
    append_string(member, name);
  if (!error.empty()) member.append("; error=").append(error);
  if (!details.empty()) {
    member += "; details=";
    append_string(member, details);
  }
  return member;
}

}  // namespace backoffd::proxy
