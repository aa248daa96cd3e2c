#include "admin/admin_client.h"

#include "admin/address.h"
#include "admin/auth.h"
#include "admin/client.h"
#include "policy/text.h"

namespace backoffd::admin {
namespace {

constexpr json::Limits kLimits{.bytes = 64 << 20, .depth = 32};

Reply not_asked(std::string why, int exit_code, int status = 0) {
  Reply reply;
  reply.status = status;
  reply.failure = failed(std::move(why), exit_code);
  return reply;
}

}  // namespace

std::string AdminClient::address() const {
  const auto endpoint = parse_listen(admin_.listen);
  return endpoint ? reachable(*endpoint).text() : admin_.listen;
}

Reply AdminClient::get(const std::string& path, const std::string& about) const {
  return ask("GET", path, "", "", about);
}

Reply AdminClient::post(const std::string& path, const std::string& body, const std::string& about) const {
  std::string token;
  if (!admin_.token_file.empty()) {
    auto read = read_token(admin_.token_file);
    if (!read) return not_asked(read.error().text(), kExitFailed);
    token = std::move(*read);
  }
  return ask("POST", path, body, token, about);
}

Reply AdminClient::ask(const std::string& method, const std::string& path, const std::string& body,
                       const std::string& token, const std::string& about) const {
  if (admin_.listen == "off") return not_asked("admin.listen: off: there is nobody to ask", kExitNoProxy);
  const auto answer = call({.admin = *parse_listen(admin_.listen),
                            .method = method,
                            .path = path,
                            .body = body,
                            .token = token,
                            .patience = patience_,
                            .cancel = cancel_});
  if (!answer) return not_asked(answer.error().text(), kExitNoProxy);
  if (answer->status == 401) {
    const std::string which = token.empty() ? "none was given; --token-file names its file"
                                            : "that of " + json::write(admin_.token_file) + " is not it";
    return not_asked("the proxy at " + address() + " wants its bearer token, and " + which, kExitFailed, 401);
  }
  if (answer->status >= 300) return not_asked(about + ": " + message_of(*answer), kExitFailed, answer->status);
  auto document = json::parse(answer->body, json::Dialect::strict, kLimits);
  if (!document) {
    return not_asked(
        "the answer of " + address() + " to " + method + " " + path + " is no JSON: " + document.error().text(),
        kExitFailed, answer->status);
  }
  Reply reply;
  reply.text = answer->body;
  if (!reply.text.ends_with('\n')) reply.text += '\n';
  reply.json = std::move(document->root);
  reply.status = answer->status;
  return reply;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const char small = policy::to_lower(c);
    if (policy::is_digit(c) || (small >= 'a' && small <= 'z') ||
        std::string_view("-._~@").find(c) != std::string::npos) {
      out += c;
    } else {
      out.append("%").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
    }
  }
  return out;
}

}  // namespace backoffd::admin
