#include "tests/support/socket.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "tests/support/tls.h"

namespace backoffd::test {

namespace {

sockaddr_storage address_of(const char* address, std::uint16_t port, socklen_t& size) {
  sockaddr_storage out{};
  if (std::strchr(address, ':') != nullptr) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&out);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    inet_pton(AF_INET6, address, &v6->sin6_addr);
    size = sizeof *v6;
  } else {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&out);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    inet_pton(AF_INET, address, &v4->sin_addr);
    size = sizeof *v4;
  }
  return out;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

}  // namespace

Peer::Peer(proxy::Fd fd) : fd_(std::move(fd)) {
  const int on = 1;
  if (fd_) setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Peer::~Peer() = default;
Peer::Peer(Peer&& other) noexcept = default;
Peer& Peer::operator=(Peer&& other) noexcept = default;

bool Peer::start_tls(std::unique_ptr<TlsLayer> tls) {
  tls_ = std::move(tls);
  tls_->received(std::exchange(buffer_, {}));
  for (;;) {
    const TlsLayer::Step step = tls_->shake();
    send_raw(tls_->to_send());
    if (step != TlsLayer::Step::more) return step == TlsLayer::Step::ok;
    const std::string wire = receive();
    if (wire.empty()) return false;
    tls_->received(wire);
  }
}

void Peer::close_notify() {
  tls_->close_notify();
  send_raw(tls_->to_send());
}

bool Peer::send(std::string_view bytes) {
  if (!tls_) return send_raw(bytes);
  return tls_->seal(bytes) == TlsLayer::Step::ok && send_raw(tls_->to_send());
}

bool Peer::send_raw(std::string_view bytes) {
  while (!bytes.empty()) {
    pollfd p{fd_.get(), POLLOUT, 0};
    if (poll(&p, 1, patience_) <= 0) return false;
    const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN) return false;
    if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool Peer::send_slowly(std::string_view bytes) {
  for (const char c : bytes) {
    if (!send({&c, 1})) return false;
    // Wait until the octet has left, so that it travels alone.
    poll(nullptr, 0, 1);
  }
  return true;
}

std::string Peer::receive() {
  pollfd p{fd_.get(), POLLIN, 0};
  if (!fd_ || poll(&p, 1, patience_) <= 0) return {};
  char bytes[65536];
  const ssize_t n = recv(fd_.get(), bytes, sizeof bytes, 0);
  if (n < 0) reset_ = true;
  over_ = n <= 0;
  return {bytes, static_cast<std::size_t>(std::max<ssize_t>(n, 0))};
}

bool Peer::fill() {
  while (tls_) {
    const TlsLayer::Step step = tls_->open(buffer_);
    send_raw(tls_->to_send());
    if (step == TlsLayer::Step::ok) return true;
    if (step != TlsLayer::Step::more) {
      close_notified_ = step == TlsLayer::Step::ended;
      over_ = true;
      return false;
    }
    const std::string wire = receive();
    if (wire.empty()) return false;
    tls_->received(wire);
  }
  const std::string bytes = receive();
  buffer_ += bytes;
  return !bytes.empty();
}

std::string Peer::read_until(std::string_view end) {
  std::size_t from = 0;
  for (;;) {
    const std::size_t at = buffer_.find(end, from);
    if (at != std::string::npos) {
      std::string out = buffer_.substr(0, at + end.size());
      buffer_.erase(0, out.size());
      return out;
    }
    from = buffer_.size() < end.size() ? 0 : buffer_.size() - end.size();
    if (!fill()) return std::exchange(buffer_, {});
  }
}

std::string Peer::read_exactly(std::size_t bytes) {
  while (buffer_.size() < bytes && fill()) {
  }
  std::string out = buffer_.substr(0, bytes);
  buffer_.erase(0, out.size());
  return out;
}

std::string Peer::read_chunked() {
  std::string out;
  for (;;) {
    const std::string line = read_until("\r\n");
    out += line;
    const std::size_t size = std::strtoull(line.c_str(), nullptr, 16);
    if (line.empty() || line.back() != '\n') return out;
    if (size == 0) break;
    out += read_exactly(size + 2);
  }
  for (;;) {
    const std::string line = read_until("\r\n");
    out += line;
    if (line == "\r\n" || line.empty()) return out;
  }
}

std::string Peer::read_all() {
  while (fill()) {
  }
  return std::exchange(buffer_, {});
}

std::string Peer::read_response(bool head_only) {
  std::string out;
  for (;;) {
    const std::string head = read_head();
    out += head;
    if (head.empty() || !head.ends_with("\r\n\r\n")) return out;
    const int status = head.size() > 12 ? std::atoi(head.c_str() + 9) : 0;
    if (status >= 100 && status < 200 && status != 101) continue;
    if (head_only || status == 101 || status == 204 || status == 304) return out;
    const std::string fields = lower(head);
    if (fields.find("\r\ntransfer-encoding: chunked") != std::string::npos) return out + read_chunked();
    const std::size_t length = fields.find("\r\ncontent-length:");
    if (length == std::string::npos) return out + read_all();
    return out + read_exactly(std::strtoull(fields.c_str() + length + 17, nullptr, 10));
  }
}

std::string Peer::read_request() {
  std::string head = read_head();
  const std::string fields = lower(head);
  if (fields.find("\r\ntransfer-encoding: chunked\r\n") != std::string::npos) return head + read_chunked();
  const std::size_t length = fields.find("\r\ncontent-length:");
  if (length == std::string::npos) return head;
  return head + read_exactly(std::strtoull(fields.c_str() + length + 17, nullptr, 10));
}

bool Peer::ended() {
  if (!buffer_.empty()) return false;
  if (tls_) return !fill() && over_;
  pollfd p{fd_.get(), POLLIN, 0};
  if (poll(&p, 1, patience_) <= 0) return false;
  char byte;
  const ssize_t n = recv(fd_.get(), &byte, 1, MSG_PEEK);
  if (n < 0) reset_ = true;
  return n <= 0;
}

bool Peer::readable_within(int milliseconds) {
  if (!buffer_.empty()) return true;
  pollfd p{fd_.get(), POLLIN, 0};
  return poll(&p, 1, milliseconds) > 0;
}

void Peer::end_write() { shutdown(fd_.get(), SHUT_WR); }
void Peer::close() { fd_.reset(); }

void Peer::reset() {
  const linger now = {1, 0};
  setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  fd_.reset();
}

void Peer::set_small_receive_buffer() {
  const int size = 4096;
  setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

Peer connect_to(std::uint16_t port, const char* address) {
  socklen_t size = 0;
  const sockaddr_storage to = address_of(address, port, size);
  proxy::Fd fd(socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), size) != 0) fd.reset();
  return Peer(std::move(fd));
}

UnconnectedSocket::UnconnectedSocket() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}

Peer UnconnectedSocket::connect_to(std::uint16_t port) && {
  socklen_t size = 0;
  const sockaddr_storage to = address_of("127.0.0.1", port, size);
  if (connect(fd_.get(), reinterpret_cast<const sockaddr*>(&to), size) != 0) fd_.reset();
  return Peer(std::move(fd_));
}

proxy::Fd listen_on_free_port(std::uint16_t& port, const char* address) {
  socklen_t size = 0;
  sockaddr_storage at = address_of(address, port, size);
  proxy::Fd fd(socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&at), size) != 0 || listen(fd.get(), 512) != 0) std::abort();
  getsockname(fd.get(), reinterpret_cast<sockaddr*>(&at), &size);
  port = ntohs(at.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&at)->sin6_port
                                        : reinterpret_cast<sockaddr_in*>(&at)->sin_port);
  return fd;
}

}  // namespace backoffd::test
