#include "proxy/tls/tls_transport.h"

#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace backoffd::proxy {

namespace {

constexpr std::size_t kRecord = SSL3_RT_MAX_PLAIN_LENGTH;
constexpr std::size_t kSmallRead = kRecord;
// Plain bytes encrypted before the socket is asked to take them: as with plain TCP, the cost per byte stops falling
// here.
constexpr std::size_t kWriteBatch = 256 << 10;

// What one call encrypts, before it goes to the socket in one piece. Empty between two calls, so that one serves all
// connections of the thread.
std::vector<char>& gathered() {
  static thread_local std::vector<char> bytes = [] {
    std::vector<char> space;
    space.reserve(kWriteBatch + (kWriteBatch >> 6));
    return space;
  }();
  return bytes;
}

}  // namespace

// The BIO below OpenSSL: reads come from what was received before, then from the socket; writes are gathered.
struct TlsWire {
  static int read(BIO* bio, char* to, std::size_t size, std::size_t* got) {
    auto* self = static_cast<TlsTransport*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    *got = 0;
    if (const std::size_t left = self->received_.size() - self->received_used_; left > 0) {
      *got = std::min(size, left);
      self->received_.copy(to, *got, self->received_used_);
      self->received_used_ += *got;
      if (self->received_used_ == self->received_.size()) self->received_ = std::string();
      if (self->received_.empty()) self->received_used_ = 0;
      return 1;
    }
    const ssize_t n = ::recv(self->fd_, to, size, 0);
    if (n > 0) {
      *got = static_cast<std::size_t>(n);
      return 1;
    }
    if (n == 0) {
      self->wire_ended_ = true;
      return 0;
    }
    if (errno == EAGAIN || errno == EINTR) {
      BIO_set_retry_read(bio);
    } else {
      self->wire_failed_ = true;
    }
    return 0;
  }

  static int write(BIO*, const char* from, std::size_t size, std::size_t* taken) {
    gathered().insert(gathered().end(), from, from + size);
    *taken = size;
    return 1;
  }

  static long control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_FLUSH) return 1;
    if (command != BIO_CTRL_EOF) return 0;
    return static_cast<TlsTransport*>(BIO_get_data(bio))->wire_ended_ ? 1 : 0;
  }

  static const BIO_METHOD* method() {
    static const BioMethodPtr kMethod = [] {
      BioMethodPtr made(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream"));
      BIO_meth_set_read_ex(made.get(), &TlsWire::read);
      BIO_meth_set_write_ex(made.get(), &TlsWire::write);
      BIO_meth_set_ctrl(made.get(), &TlsWire::control);
      return made;
    }();
    return kMethod.get();
  }
};

TlsTransport::TlsTransport(SslPtr ssl, std::string received, std::string unsent)
    : ssl_(std::move(ssl)),
      received_(std::move(received)),
      unsent_(std::move(unsent)),
      has_input_(!received_.empty()),
      to_begin_(SSL_is_server(ssl_.get()) == 0) {
  BIO* bio = BIO_new(TlsWire::method());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
}

TlsTransport::~TlsTransport() {
  // Without it OpenSSL takes every connection that was not shut down for a broken one, and forbids that its session is
  // resumed. Since TLS 1.1 only a failure does (RFC 4346 7.2.1).
  const bool failed = failure_ != TlsFailure::none && failure_ != TlsFailure::closed;
  if (!failed) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

Transport::Io TlsTransport::read(int fd, evbuffer* in, std::size_t room) {
  fd_ = fd;
  has_input_ = false;
  Io io = handshake();
  if (io == Io::ok) io = room <= kSmallRead ? read_small(in, room) : read_large(in, room);
  // Answers of the handshake, a key update. A socket that takes no more is no reason to stop reading.
  send_gathered(fd);
  return io;
}

// One record, by way of the thread's own space: most reads bring one small head, and what is kept for it should be
// small.
Transport::Io TlsTransport::read_small(evbuffer* in, std::size_t room) {
  static thread_local char space[kSmallRead];
  std::size_t got = 0;
  const Io io = after(SSL_read_ex(ssl_.get(), space, std::min(room, sizeof space), &got));
  if (io == Io::ok) {
    evbuffer_add(in, space, got);
    has_input_ = SSL_has_pending(ssl_.get()) == 1;
  }
  return io;
}

Transport::Io TlsTransport::read_large(evbuffer* in, std::size_t room) {
  evbuffer_iovec space;
  if (evbuffer_reserve_space(in, static_cast<ev_ssize_t>(room), &space, 1) < 1) return Io::failed;
  char* const to = static_cast<char*>(space.iov_base);
  std::size_t filled = 0;
  Io io = Io::ok;
  while (io == Io::ok && filled < room) {
    std::size_t got = 0;
    io = after(SSL_read_ex(ssl_.get(), to + filled, room - filled, &got));
    filled += got;
    // One read of the socket a turn: what it left there is told of by the loop.
    if (io == Io::ok && SSL_has_pending(ssl_.get()) == 0) break;
  }
  space.iov_len = filled;
  evbuffer_commit_space(in, &space, 1);
  has_input_ = io == Io::ok && filled == room;
  // Bytes that came before the end are given first; the end is met again by the next call.
  if (filled > 0 && io != Io::ok && io != Io::blocked) {
    has_input_ = true;
    return Io::ok;
  }
  return io;
}

Transport::Io TlsTransport::write(int fd, evbuffer* out) {
  fd_ = fd;
  if (const Io io = send_gathered(fd); io != Io::ok) return io;
  const bool shaking = !takes_output();
  Io io = handshake();
  // It reads as well, and what came behind its last message the socket will not tell of again.
  if (shaking && SSL_has_pending(ssl_.get()) == 1) has_input_ = true;
  while (io == Io::ok && evbuffer_get_length(out) > 0 && unsent_.empty()) {
    std::size_t encrypted = 0;
    while (io == Io::ok && encrypted < kWriteBatch && evbuffer_get_length(out) > 0) {
      // A whole record at a time: the pieces of a body are often smaller than one.
      evbuffer_iovec piece;
      evbuffer_peek(out, kRecord, nullptr, &piece, 1);
      const std::size_t size = std::min(evbuffer_get_length(out), kRecord);
      const void* from = piece.iov_len >= size ? piece.iov_base : evbuffer_pullup(out, static_cast<ev_ssize_t>(size));
      std::size_t taken = 0;
      io = after(SSL_write_ex(ssl_.get(), from, size, &taken));
      evbuffer_drain(out, taken);
      encrypted += taken;
    }
    if (const Io sent = send_gathered(fd); sent != Io::ok) return sent;
  }
  if (const Io sent = send_gathered(fd); sent != Io::ok) return sent;
  return io == Io::ended ? Io::failed : io;
}

void TlsTransport::shut_write(int fd) {
  fd_ = fd;
  if (failure_ != TlsFailure::none || !established()) return;
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
  send_gathered(fd);
}

Transport::Io TlsTransport::handshake() {
  if (failure_ != TlsFailure::none) return Io::failed;
  if (takes_output()) return Io::ok;  // false again inside a message after the handshake that came in pieces
  to_begin_ = false;
  ERR_clear_error();  // looking for roots leaves some there although all is well
  const Io io = after(SSL_do_handshake(ssl_.get()));
  if (io == Io::ok) established_ = true;
  return io;
}

// What a call of OpenSSL's came to.
Transport::Io TlsTransport::after(int result) {
  if (result == 1) return Io::ok;
  const int error = SSL_get_error(ssl_.get(), result);
  switch (error) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return Io::blocked;
    case SSL_ERROR_ZERO_RETURN:
      return Io::ended;
    default:
      note_failure(error);
      return Io::failed;
  }
}

void TlsTransport::note_failure(int error) {
  const unsigned long code = ERR_peek_last_error();
  const int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
  const char* const words = ERR_reason_error_string(code);
  const bool verifies = SSL_get_verify_mode(ssl_.get()) != SSL_VERIFY_NONE;
  const long verified = SSL_get_verify_result(ssl_.get());
  if (verifies && verified != X509_V_OK && !established()) {
    failure_ = TlsFailure::certificate;
    failure_text_ = X509_verify_cert_error_string(verified);
  } else if (reason > SSL_AD_REASON_OFFSET) {
    const int alert = reason - SSL_AD_REASON_OFFSET;
    const bool ours = alert == SSL_AD_BAD_CERTIFICATE || alert == SSL_AD_UNSUPPORTED_CERTIFICATE ||
                      alert == SSL_AD_CERTIFICATE_REVOKED || alert == SSL_AD_CERTIFICATE_EXPIRED ||
                      alert == SSL_AD_CERTIFICATE_UNKNOWN || alert == SSL_AD_UNKNOWN_CA;
    failure_ = ours ? TlsFailure::rejected : TlsFailure::alert;
    // "tlsv13 alert certificate required"; SSL_alert_desc_string_long() knows no alert of TLS 1.3.
    const std::string_view all = words != nullptr ? words : "";
    failure_text_ = all.find("alert ") != all.npos ? all.substr(all.find("alert ")) : "alert " + std::to_string(alert);
  } else if (reason == SSL_R_NO_APPLICATION_PROTOCOL) {
    failure_ = TlsFailure::application;
    failure_text_ = "no http/1.1 in ALPN";
  } else if (wire_ended_ || wire_failed_ || error == SSL_ERROR_SYSCALL ||
             reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    failure_ = TlsFailure::closed;
    failure_text_ = wire_failed_ ? "connection reset" : "closed without close_notify";
  } else {
    failure_ = TlsFailure::protocol;
    failure_text_ = words != nullptr ? words : "TLS error";
  }
  ERR_clear_error();
}

// All to the socket that it takes; the rest waits in unsent_.
Transport::Io TlsTransport::send_gathered(int fd) {
  std::vector<char>& fresh = gathered();
  if (unsent_.empty() && fresh.empty()) return Io::ok;
  const iovec parts[2] = {{unsent_.data(), unsent_.size()}, {fresh.data(), fresh.size()}};
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts);
  message.msg_iovlen = 2;
  const ssize_t n = ::sendmsg(fd, &message, MSG_NOSIGNAL);
  const int error = errno;
  std::size_t sent = n > 0 ? static_cast<std::size_t>(n) : 0;
  const std::size_t of_unsent = std::min(sent, unsent_.size());
  sent -= of_unsent;
  if (of_unsent == unsent_.size()) {
    unsent_.assign(fresh.data() + sent, fresh.size() - sent);
    if (unsent_.empty()) unsent_ = std::string();
  } else {
    unsent_.erase(0, of_unsent);
    unsent_.append(fresh.data(), fresh.size());
  }
  fresh.clear();
  if (n < 0 && error != EAGAIN && error != EINTR) {
    unsent_ = std::string();
    return Io::failed;
  }
  return unsent_.empty() ? Io::ok : Io::blocked;
}

std::string TlsTransport::reason() const {
  return failure_ == TlsFailure::rejected || failure_ == TlsFailure::alert ? failure_text_ : std::string();
}

std::string TlsTransport::server_name() const {
  const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name);
  return name != nullptr ? name : "";
}

}  // namespace backoffd::proxy
