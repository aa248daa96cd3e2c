#include "admin/auth.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "admin/address.h"
#include "admin/file.h"
#include "policy/text.h"

namespace backoffd::admin {
namespace {

using proxy::Address;
using proxy::FieldId;

constexpr std::size_t kShortestToken = 16;
constexpr std::size_t kLongestTokenFile = 4096;

// The host of a Host field, without port and brackets; empty where it is not well-formed (RFC 9110 7.2), so that
// nothing stands behind a good name unseen.
std::string_view host_of(std::string_view field) {
  const bool bracketed = field.starts_with('[');
  const auto end = bracketed ? field.find(']') : std::min(field.find(':'), field.size());
  if (end == std::string_view::npos) return {};
  std::string_view port = field.substr(bracketed ? end + 1 : end);
  if (!port.empty() && port.front() != ':') return {};
  if (!port.empty()) port.remove_prefix(1);
  if (!std::all_of(port.begin(), port.end(), policy::is_digit)) return {};
  return bracketed ? field.substr(1, end - 1) : field.substr(0, end);
}

bool is_json(std::string_view content_type) {
  const auto type = policy::trim(content_type.substr(0, content_type.find(';')));
  return policy::equals_ignoring_case(type, "application/json");
}

std::string_view bearer_of(std::string_view authorization) {
  constexpr std::string_view kScheme = "Bearer ";
  if (!policy::starts_with_ignoring_case(authorization, kScheme)) return {};
  return policy::trim(authorization.substr(kScheme.size()));
}

}  // namespace

bool same_secret(std::string_view given, std::string_view secret) {
  if (secret.empty()) return false;
  unsigned difference = given.size() == secret.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i) {
    difference |= static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(secret[i % secret.size()]);
    asm volatile("" : "+r"(difference));  // or the compiler might leave the loop early
  }
  return difference == 0;
}

bool Guard::host_allowed(std::string_view host, const proxy::Endpoint& local) const {
  if (policy::equals_ignoring_case(host, "localhost")) return true;
  if (const auto address = Address::parse(host)) {
    // The address that was called is always right: a probe from outside calls it by number.
    if (is_loopback(*address) || *address == local.address) return true;
  }
  return std::any_of(hosts_.begin(), hosts_.end(),
                     [&](const std::string& glob) { return policy::glob_match_ignoring_case(glob, host); });
}

bool Guard::from_elsewhere(const proxy::Head& head) {
  const auto is = [&](std::string_view name, std::string_view value) { return head.find(name) == value; };
  // A page of another port of this machine is "same-site", and a stranger all the same.
  if (head.find("Sec-Fetch-Site") && !is("Sec-Fetch-Site", "same-origin") && !is("Sec-Fetch-Site", "none")) {
    const bool link = head.method() == "GET" && is("Sec-Fetch-Mode", "navigate") && is("Sec-Fetch-Dest", "document");
    if (!link) return true;
  }
  const auto origin = head.find("Origin");
  if (!origin) return false;
  const auto scheme = origin->find("://");
  const auto host = head.find(FieldId::host);
  return scheme == std::string_view::npos || !host || !policy::equals_ignoring_case(origin->substr(scheme + 3), *host);
}

std::optional<Response> Guard::refuse(const proxy::Head& head, const proxy::Endpoint& local) const {
  const auto host = head.find(FieldId::host);
  if (head.count(FieldId::host) > 1 || (!host && head.minor_version() > 0)) {
    return error_response(400, "bad_host", "A request has one Host field.");
  }
  if (host && !host_allowed(host_of(*host), local)) {
    return error_response(403, "host_not_allowed",
                          "The Host field names neither a loopback address nor one of admin.hosts.");
  }
  if (from_elsewhere(head)) {
    return error_response(403, "from_elsewhere", "Pages of another origin have no business here.");
  }
  if (head.method() == "GET" || head.method() == "HEAD") return std::nullopt;
  if (!token_.empty() && !same_secret(bearer_of(head.find(FieldId::authorization).value_or("")), token_)) {
    return error_response(401, "unauthorized", "This call needs the bearer token of admin.token_file.");
  }
  const bool says_json = head.count(FieldId::content_type) == 1 && is_json(*head.find(FieldId::content_type));
  if (head.method() == "POST" && !says_json) {
    return error_response(415, "unsupported_media_type", "This call needs Content-Type: application/json.");
  }
  return std::nullopt;
}

policy::Result<std::string> read_token(const std::string& path) {
  const auto wrong = [&](const std::string& what) {
    return policy::Error{"admin.token_file", json::write(path) + ": " + what};
  };
  auto text = read_file(path, kLongestTokenFile);
  if (!text) return wrong(std::strerror(errno));
  struct stat about {};
  if (::stat(path.c_str(), &about) == 0 && (about.st_mode & S_IROTH) != 0) {
    return wrong("can be read by everybody on this machine; make it chmod 600");
  }
  const std::string token(policy::trim(std::string_view(*text).substr(0, text->find_first_of("\r\n"))));
  const auto fits = [](char c) {
    return policy::is_digit(c) || (policy::to_lower(c) >= 'a' && policy::to_lower(c) <= 'z') ||
           std::string_view("-._~+/=").find(c) != std::string_view::npos;
  };
  if (token.size() < kShortestToken) return wrong("holds a token of less than 16 characters");
  if (!std::all_of(token.begin(), token.end(), fits)) return wrong("holds characters that a bearer token cannot have");
  return token;
}

}  // namespace backoffd::admin
