// TLS between a Stream and its socket, either side: OpenSSL with the socket's reads and writes gathered, so that a turn
// costs one system call each way and not one for each record.
//
// The handshake needs no call of its own: it moves along with read() and write(). Owned by the Stream; loop's thread.
#pragma once

#include <string>
#include <string_view>

#include "proxy/net/transport.h"
#include "proxy/tls/openssl.h"

namespace backoffd::proxy {

// How a handshake or connection failed.
enum class TlsFailure {
  none,
  certificate,  // the peer's certificate does not verify
  rejected,     // the peer sent a fatal alert about our certificate
  alert,        // ... about anything else
  application,  // the peer speaks none of our application protocols (ALPN)
  protocol,     // what came is not TLS, or not as it may be
  closed,       // the connection ended in the middle: reset, or no close_notify
};

class TlsTransport final : public Transport {
 public:
  // `ssl`: with the state set to accept or connect. `received`: bytes that were read from the socket before TLS began;
  // `unsent`: bytes that go to it before TLS begins.
  TlsTransport(SslPtr ssl, std::string received, std::string unsent = {});
  ~TlsTransport() override;

  Io read(int fd, evbuffer* in, std::size_t room) override;
  Io write(int fd, evbuffer* out) override;
  void shut_write(int fd) override;
  bool cut_short() const override { return failure_ == TlsFailure::closed && !wire_failed_; }
  bool has_input() const override { return has_input_; }
  bool has_output() const override { return !unsent_.empty() || to_begin_; }
  bool takes_output() const override { return SSL_is_init_finished(ssl_.get()) == 1; }
  std::string reason() const override;

  bool established() const { return established_; }  // the handshake came to its end, whatever happened since
  bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
  TlsFailure failure() const { return failure_; }
  // The failure in words, nothing of the peer's own among them: "certificate has expired", "alert unknown ca".
  const std::string& failure_text() const { return failure_text_; }
  // The server name the peer asked for; empty: none. Server side, after the handshake began.
  std::string server_name() const;
  SSL* ssl() const { return ssl_.get(); }

 private:
  friend struct TlsWire;
  Io after(int result);
  Io handshake();
  void note_failure(int error);
  Io send_gathered(int fd);
  Io read_small(evbuffer* in, std::size_t room);
  Io read_large(evbuffer* in, std::size_t room);

  SslPtr ssl_;
  std::string received_;  // not yet given to OpenSSL
  std::size_t received_used_ = 0;
  std::string unsent_;  // encrypted, and not taken by the socket
  int fd_ = -1;         // of the call under way
  bool has_input_;
  bool to_begin_;  // a client speaks first
  bool established_ = false;
  bool wire_ended_ = false;
  bool wire_failed_ = false;
  TlsFailure failure_ = TlsFailure::none;
  std::string failure_text_;
};

}  // namespace backoffd::proxy
