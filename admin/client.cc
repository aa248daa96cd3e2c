#include "admin/client.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>

#include "admin/address.h"
#include "admin/json.h"
#include "policy/text.h"
#include "proxy/net/handles.h"

namespace backoffd::admin {
namespace {

using proxy::Endpoint;

constexpr timeval kPatience{.tv_sec = 5, .tv_usec = 0};
constexpr std::size_t kLargestAnswer = 64 << 20;

bool send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// Until the server closes; false, with errno, when it does not in time.
bool receive_all(int fd, std::string& text) {
  char part[16384];
  while (text.size() < kLargestAnswer) {
    const ssize_t n = ::recv(fd, part, sizeof part, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    if (n == 0) return true;
    text.append(part, static_cast<std::size_t>(n));
  }
  errno = EFBIG;
  return false;
}

}  // namespace

policy::Result<Answer> call(const Call& what) {
  const Endpoint to = reachable(what.admin);
  const auto fail = [&](const std::string& why) {
    return policy::Error{"", "no answer from the admin interface at " + to.text() + ": " + why};
  };
  const proxy::Fd fd(::socket(to.address.is_v6() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return fail(std::strerror(errno));
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  sockaddr_storage address{};
  const socklen_t size = to.to(address);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) return fail(std::strerror(errno));

  std::string request = what.method + " " + what.path + " HTTP/1.1\r\nHost: " + to.text() + "\r\nConnection: close\r\n";
  if (!what.token.empty()) request += "Authorization: Bearer " + what.token + "\r\n";
  if (what.method == "POST") {
    request += "Content-Type: application/json\r\nContent-Length: " + std::to_string(what.body.size()) + "\r\n";
  }
  request += "\r\n" + what.body;
  std::string response;
  if (!send_all(fd.get(), request) || !receive_all(fd.get(), response)) return fail(std::strerror(errno));

  const auto end = response.find("\r\n\r\n");
  const auto status = policy::parse_unsigned(
      std::string_view(response).substr(0, 12).substr(std::min<std::size_t>(9, response.size())));
  if (!response.starts_with("HTTP/1.1 ") || end == std::string::npos || !status) return fail("that is no HTTP answer");
  return Answer{static_cast<int>(*status), response.substr(end + 4)};
}

std::string message_of(const Answer& answer) {
  const auto document = json::parse(answer.body, json::Dialect::strict);
  const json::Value* error = document ? document->root.find("error") : nullptr;
  const json::Value* message = error ? error->find("message") : nullptr;
  if (message && message->string()) return *message->string();
  return "status " + std::to_string(answer.status);
}

}  // namespace backoffd::admin
