#include "proxy/net/stream.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

namespace backoffd::proxy {

namespace {

// What a read may take. A peer that fills the space gets more the next time: 256 KiB is where the cost per byte stops
// falling on loopback, and copy loops of 64 KiB are a trap there.
constexpr std::size_t kSmallRead = 16 << 10;
constexpr std::size_t kLargeRead = 256 << 10;

// Most reads bring one small head. So little that the allocator has it at hand (a chain and its header in 1 KiB); what
// a read brings beyond it lands in the thread's spare space and is copied.
constexpr std::size_t kFirstChain = 976;

Transport::Io read_result(ssize_t n, int error) {
  if (n > 0) return Transport::Io::ok;
  if (n == 0) return Transport::Io::ended;
  return error == EAGAIN || error == EINTR ? Transport::Io::blocked : Transport::Io::failed;
}

Transport::Io read_large(int fd, evbuffer* in, std::size_t room) {
  evbuffer_iovec space[2];
  const int count = evbuffer_reserve_space(in, static_cast<ev_ssize_t>(room), space, 2);
  if (count < 1) return Transport::Io::failed;
  iovec vec[2];
  std::size_t left = room;
  for (int i = 0; i < count; ++i) {
    space[i].iov_len = std::min(space[i].iov_len, left);
    left -= space[i].iov_len;
    vec[i] = {space[i].iov_base, space[i].iov_len};
  }
  const ssize_t n = readv(fd, vec, count);
  const int error = errno;
  std::size_t filled = n > 0 ? static_cast<std::size_t>(n) : 0;
  for (int i = 0; i < count; ++i) {
    space[i].iov_len = std::min(space[i].iov_len, filled);
    filled -= space[i].iov_len;
  }
  evbuffer_commit_space(in, space, count);
  return read_result(n, error);
}

Transport::Io read_small(int fd, evbuffer* in, std::size_t room) {
  alignas(64) static thread_local char spare[kSmallRead];
  evbuffer_iovec first;
  if (evbuffer_reserve_space(in, static_cast<ev_ssize_t>(std::min(room, kFirstChain)), &first, 1) < 1) {
    return Transport::Io::failed;
  }
  first.iov_len = std::min(first.iov_len, room);
  const iovec vec[2] = {{first.iov_base, first.iov_len}, {spare, std::min(sizeof spare, room - first.iov_len)}};
  const ssize_t n = readv(fd, vec, 2);
  const int error = errno;
  const std::size_t got = n > 0 ? static_cast<std::size_t>(n) : 0;
  const std::size_t beyond = got > first.iov_len ? got - first.iov_len : 0;
  first.iov_len = got - beyond;
  evbuffer_commit_space(in, &first, 1);
  if (beyond > 0) evbuffer_add(in, spare, beyond);
  return read_result(n, error);
}

Transport::Io plain_write(int fd, evbuffer* out) {
  while (evbuffer_get_length(out) > 0) {
    const int n = evbuffer_write(out, fd);
    if (n < 0) return errno == EAGAIN || errno == EINTR ? Transport::Io::blocked : Transport::Io::failed;
  }
  return Transport::Io::ok;
}

}  // namespace

Stream::Stream(Loop& loop, Fd fd, Owner* owner)
    : loop_(loop),
      fd_(std::move(fd)),
      owner_(owner),
      in_(new_buffer()),
      out_(new_buffer()),
      readable_(make_event<Stream, &Stream::on_ready>(loop, fd_.get(), EV_READ | EV_PERSIST, this)),
      timer_(Timer::of<Stream, &Stream::on_deadline>(loop, this)) {
  update_events();
}

Stream::~Stream() {
  if (touched_) loop_.withdraw(*this);
}

void Stream::touch() {
  if (touched_) return;
  touched_ = true;
  loop_.at_end_of_turn(*this);
}

void Stream::set_transport(std::unique_ptr<Transport> transport) {
  transport_ = std::move(transport);
  touch();
}

void Stream::set_in_limit(std::size_t bytes) {
  in_limit_ = bytes;
  touch();
}

void Stream::on_ready(short what) {
  if ((what & EV_WRITE) != 0) {
    if (raw_) {
      raw_writable_ = true;
      update_events();
    } else {
      flush();
    }
  }
  if ((what & EV_READ) != 0) {
    if (raw_) {
      raw_readable_ = true;
      update_events();
    } else {
      fill();
    }
  }
  owner_->progress();
}

void Stream::fill() {
  const std::size_t held = in_size();
  if (held >= in_limit_ || read_ended_ || failed_) {
    update_events();
    return;
  }
  const std::size_t room = std::min(reads_large_ ? kLargeRead : kSmallRead, in_limit_ - held);
  const Transport::Io io = transport_     ? transport_->read(fd_.get(), in_.get(), room)
                           : reads_large_ ? read_large(fd_.get(), in_.get(), room)
                                          : read_small(fd_.get(), in_.get(), room);
  const std::size_t got = in_size() - held;
  reads_large_ = got >= kSmallRead;
  if (io == Transport::Io::ended) read_ended_ = true;
  if (io == Transport::Io::failed) failed_ = true;
  if (transport_ || in_size() >= in_limit_ || read_ended_ || failed_) update_events();
}

void Stream::flush() {
  if (write_failed() || (out_size() == 0 && !(transport_ && transport_->has_output()))) return;
  const std::size_t before = out_size();
  const Transport::Io io = transport_ ? transport_->write(fd_.get(), out_.get()) : plain_write(fd_.get(), out_.get());
  bytes_written_ += before - out_size();
  if (io == Transport::Io::failed) {
    write_failed_ = true;
    evbuffer_drain(out_.get(), out_size());
  }
  shut_if_flushed();
  update_events();
}

void Stream::shut_if_flushed() {
  if (!ending_write_ || write_ended_ || write_failed() || !flushed()) return;
  if (transport_ && !end_said_) {
    end_said_ = true;
    transport_->shut_write(fd_.get());
    if (!flushed()) return;  // a full socket: the FIN must not overtake the transport's last word
  }
  write_ended_ = true;
  ::shutdown(fd_.get(), SHUT_WR);
}

void Stream::end_write() {
  ending_write_ = true;
  touch();
}

void Stream::end_of_turn() {
  touched_ = false;
  const bool had_failed = write_failed();
  const bool had_ended = write_ended_;
  flush();
  shut_if_flushed();
  update_events();
  // An owner that found no room, or waits for the last byte to leave, would not hear of it otherwise.
  const bool tell = (wants_room_ && flushed()) || (write_failed() && !had_failed) || (write_ended_ && !had_ended);
  if (tell) {
    wants_room_ = false;
    owner_->progress();
  }
}

void Stream::update_events() {
  const bool read = !failed_ && !read_ended_ && (raw_ ? !raw_readable_ : in_size() < in_limit_);
  if (read != reading_) {
    reading_ = read;
    if (read) {
      event_add(readable_.get(), nullptr);
    } else {
      event_del(readable_.get());
    }
  }
  // The socket will not tell of what the transport holds already.
  if (read && transport_ && transport_->has_input()) event_active(readable_.get(), EV_READ, 0);
  const bool write = !write_failed() && (raw_ ? !raw_writable_ : !touched_ && wants_write());
  if (write != writing_) {
    writing_ = write;
    if (!writable_) writable_ = make_event<Stream, &Stream::on_ready>(loop_, fd_.get(), EV_WRITE | EV_PERSIST, this);
    if (write) {
      event_add(writable_.get(), nullptr);
    } else {
      event_del(writable_.get());
    }
  }
}

bool Stream::wants_write() const {
  if (!transport_) return out_size() > 0;
  return transport_->has_output() || (out_size() > 0 && transport_->takes_output());
}

// poll() tells what recv() would not: a reset behind unread bytes, and one behind a FIN.
bool Stream::peer_ended() const {
  pollfd p{fd_.get(), POLLRDHUP, 0};
  return read_ended_ || (poll(&p, 1, 0) > 0 && p.revents != 0);
}

bool Stream::peer_reset() const {
  pollfd p{fd_.get(), 0, 0};
  return poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLHUP)) != 0;
}

Stream::Taken Stream::taken() const {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(fd_.get(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
  return {info.tcpi_bytes_acked, flushed() && info.tcpi_notsent_bytes == 0 && info.tcpi_unacked == 0};
}

void Stream::on_deadline() {
  timed_out_ = true;
  owner_->progress();
}

void Stream::set_raw(bool raw) {
  if (raw_ == raw) return;
  raw_ = raw;
  // Both sides are taken for ready at first: the first EAGAIN tells.
  raw_readable_ = raw;
  raw_writable_ = raw;
  update_events();
}

void Stream::raw_read_blocked() {
  raw_readable_ = false;
  update_events();
}

void Stream::raw_write_blocked() {
  raw_writable_ = false;
  update_events();
}

}  // namespace backoffd::proxy
