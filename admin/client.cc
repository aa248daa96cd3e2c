#include "admin/client.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "admin/address.h"
#include "admin/json.h"
#include "admin/units.h"
#include "proxy/http/body.h"
#include "proxy/net/handles.h"
#include "proxy/net/loop.h"

namespace backoffd::admin {
namespace {

using policy::Error;
using policy::Result;
using proxy::BodyReader;
using proxy::Endpoint;
using proxy::HeadParser;
using proxy::Loop;

constexpr proxy::HeadLimits kLimits{};
constexpr std::size_t kLargestAnswer = 64 << 20;

// A call under way. Every wait ends at the deadline, however slowly the other side moves.
class Conversation {
 public:
  Conversation(const Call& what, const Endpoint& to)
      : what_(what),
        to_(to),
        until_(Loop::now() + what.patience),
        fd_(::socket(to.address.is_v6() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}

  Result<Answer> hold() {
    if (!fd_) return failure(std::strerror(errno));
    if (const std::string why = connect(); !why.empty()) return failure(why);
    if (const std::string why = send(); !why.empty()) return failure(why);
    return receive();
  }

 private:
  Error failure(const std::string& why) const {
    return {"", "no answer from the admin interface at " + to_.text() + ": " + why};
  }

  // Empty once one of `events`, or an error that the next call will tell, is there.
  std::string wait(short events) {
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until_ - Loop::now());
      if (left.count() <= 0) return "it took longer than " + format_duration(what_.patience);
      pollfd watched[] = {{fd_.get(), events, 0}, {what_.cancel, POLLIN, 0}};
      const int n = ::poll(watched, 2, static_cast<int>(std::min<std::int64_t>(left.count(), 3600'000)));
      if (n < 0 && errno != EINTR) return std::strerror(errno);
      if (n <= 0) continue;
      if (watched[1].revents != 0) return "interrupted";
      return "";
    }
  }

  std::string connect() {
    sockaddr_storage address{};
    const socklen_t size = to_.to(address);
    if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0) return "";
    if (errno != EINPROGRESS) return std::strerror(errno);
    if (std::string why = wait(POLLOUT); !why.empty()) return why;
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    return error == 0 ? "" : std::strerror(error);
  }

  std::string send() {
    std::string request =
        what_.method + " " + what_.path + " HTTP/1.1\r\nHost: " + to_.text() + "\r\nConnection: close\r\n";
    if (!what_.token.empty()) request += "Authorization: Bearer " + what_.token + "\r\n";
    if (what_.method == "POST") {
      request += "Content-Type: application/json\r\nContent-Length: " + std::to_string(what_.body.size()) + "\r\n";
    }
    request += "\r\n" + what_.body;
    for (std::string_view left = request; !left.empty();) {
      const ssize_t n = ::send(fd_.get(), left.data(), left.size(), MSG_NOSIGNAL);
      if (n > 0) {
        left.remove_prefix(static_cast<std::size_t>(n));
      } else if (errno == EAGAIN) {
        if (std::string why = wait(POLLOUT); !why.empty()) return why;
      } else if (errno != EINTR) {
        return std::strerror(errno);
      }
    }
    return "";
  }

  // More of the answer; empty, too, at its end.
  std::string read_more() {
    for (;;) {
      char part[16384];
      const ssize_t n = ::recv(fd_.get(), part, sizeof part, 0);
      if (n > 0) evbuffer_add(in_.get(), part, static_cast<std::size_t>(n));
      ended_ = n == 0;
      if (n >= 0) return "";
      if (errno == EAGAIN) {
        if (std::string why = wait(POLLIN); !why.empty()) return why;
      } else if (errno != EINTR) {
        return std::strerror(errno);
      }
    }
  }

  Result<Answer> receive() {
    HeadParser parser(HeadParser::Kind::response, kLimits);
    HeadParser::State head_state = HeadParser::State::more;
    while (head_state == HeadParser::State::more) {
      if (ended_) return failure("the connection was closed");
      if (const std::string why = read_more(); !why.empty()) return failure(why);
      head_state = parser.feed(in_.get());
    }
    if (head_state == HeadParser::State::error) return failure("that is no HTTP answer");
    const proxy::Head head = parser.take();
    const auto framed = proxy::frame_response(head, what_.method);
    if (!framed.ok) return failure("that is no HTTP answer");
    BodyReader body(framed.framing, kLimits);
    const proxy::BufferPtr text = proxy::new_buffer();
    for (;;) {
      auto state = body.read(in_.get(), text.get(), kLargestAnswer - evbuffer_get_length(text.get()));
      if (ended_ && state == BodyReader::State::more) state = body.end();
      if (state == BodyReader::State::error) return failure("the answer broke off");
      if (state == BodyReader::State::done) break;
      if (evbuffer_get_length(text.get()) >= kLargestAnswer) return failure("the answer is too long");
      if (const std::string why = read_more(); !why.empty()) return failure(why);
    }
    return Answer{head.status(), proxy::take_all(text.get())};
  }

  const Call& what_;
  const Endpoint& to_;
  const policy::MonoTime until_;
  const proxy::Fd fd_;
  const proxy::BufferPtr in_ = proxy::new_buffer();
  bool ended_ = false;  // the other side has said all it will
};

}  // namespace

Result<Answer> call(const Call& what) {
  const Endpoint to = reachable(what.admin);
  return Conversation(what, to).hold();
}

std::string message_of(const Answer& answer) {
  const auto document = json::parse(answer.body, json::Dialect::strict);
  const json::Value* error = document ? document->root.find("error") : nullptr;
  const json::Value* message = error ? error->find("message") : nullptr;
  if (message && message->string()) return *message->string();
  return "status " + std::to_string(answer.status);
}

}  // namespace backoffd::admin
