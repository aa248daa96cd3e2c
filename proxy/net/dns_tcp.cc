#include "proxy/net/dns_tcp.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace backoffd::proxy {

DnsTcp::DnsTcp(Loop& loop, const Endpoint& server, const std::vector<std::uint8_t>& question, Owner& owner)
    : loop_(loop), owner_(owner) {
  out_.resize(2 + question.size());
  out_[0] = static_cast<std::uint8_t>(question.size() >> 8);
  out_[1] = static_cast<std::uint8_t>(question.size() & 0xff);
  std::copy(question.begin(), question.end(), out_.begin() + 2);

  sockaddr_storage to;
  const socklen_t length = server.to(to);
  Fd fd(::socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd || (::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), length) != 0 && errno != EINPROGRESS)) return;
  fd_ = std::move(fd);
  event_ = make_event<DnsTcp, &DnsTcp::on_ready>(loop_, fd_.get(), EV_WRITE | EV_PERSIST, this);
  event_add(event_.get(), nullptr);
}

void DnsTcp::on_ready(short) {
  const bool writing = sent_ < out_.size();
  const bool going_on = writing ? send_rest() : receive_some();
  if (going_on && !whole()) {
    if (writing && sent_ == out_.size()) {
      event_ = make_event<DnsTcp, &DnsTcp::on_ready>(loop_, fd_.get(), EV_READ | EV_PERSIST, this);
      event_add(event_.get(), nullptr);
    }
    return;
  }
  event_.reset();
  owner_.dns_tcp_done(*this, whole() ? std::span<const std::uint8_t>(in_).subspan(2) : std::span<const std::uint8_t>());
}

bool DnsTcp::send_rest() {
  // A connection that could not be made shows here too: the send fails with its error.
  const ssize_t n = ::send(fd_.get(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  sent_ += static_cast<std::size_t>(n);
  return true;
}

bool DnsTcp::receive_some() {
  // The length first, so that nothing behind the answer is read.
  const std::size_t wanted = in_.size() < 2 ? 2 : std::size_t{2} + (in_[0] << 8 | in_[1]);
  const std::size_t had = in_.size();
  in_.resize(wanted);
  const ssize_t n = ::recv(fd_.get(), in_.data() + had, wanted - had, 0);
  in_.resize(had + (n > 0 ? static_cast<std::size_t>(n) : 0));
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  return n > 0;
}

bool DnsTcp::whole() const { return in_.size() > 2 && in_.size() == std::size_t{2} + (in_[0] << 8 | in_[1]); }

}  // namespace backoffd::proxy
