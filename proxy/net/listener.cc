#include "proxy/net/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace backoffd::proxy {

namespace {

constexpr int kBacklog = 4096;

policy::Error failed(const char* call, const Endpoint& endpoint, const std::string& where) {
  return {where, '"' + endpoint.text() + "\": " + call + ": " + std::strerror(errno)};
}

}  // namespace

policy::Result<Fd> bind_to(const Endpoint& endpoint, const std::string& where, Port port) {
  Fd fd(socket(endpoint.address.is_v6() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return failed("socket", endpoint, where);
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (port == Port::shared) setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  // Inherited by every connection accepted from it.
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (endpoint.address.is_v6()) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  sockaddr_storage address{};
  const socklen_t size = endpoint.to(address);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) return failed("bind", endpoint, where);
  return fd;
}

policy::Result<Fd> listen_on(const Endpoint& endpoint, const std::string& where, Port port) {
  auto fd = bind_to(endpoint, where, port);
  if (fd && ::listen(fd->get(), kBacklog) != 0) return failed("listen", endpoint, where);
  return fd;
}

Acceptor::Acceptor(Loop& loop, Fd listening, Owner& owner)
    : loop_(loop),
      fd_(std::move(listening)),
      owner_(owner),
      readable_(make_event<Acceptor, &Acceptor::on_ready>(loop, fd_.get(), EV_READ | EV_PERSIST, this)),
      pause_(Timer::of<Acceptor, &Acceptor::start>(loop, this)) {}

void Acceptor::start() { event_add(readable_.get(), nullptr); }

void Acceptor::pause() {
  event_del(readable_.get());
  pause_.arm(std::chrono::milliseconds(50));
}

void Acceptor::on_ready(short) {
  if (!owner_.has_room()) return pause();
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  Fd fd(accept4(fd_.get(), reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (fd) {
    const auto endpoint = Endpoint::from(reinterpret_cast<sockaddr*>(&peer));
    owner_.accepted(std::move(fd), endpoint ? endpoint->address : Address());
  } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
    pause();
  }
}

}  // namespace backoffd::proxy
