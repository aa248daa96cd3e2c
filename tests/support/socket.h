// Blocking sockets for the scripted sides of a test. Every wait has a bound, so that a broken proxy fails a test and
// does not hang it; no test asserts how long something took.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/net/handles.h"

namespace backoffd::test {

class TlsLayer;  // tests/support/tls.h

// One connected end, the client's or the upstream's.
class Peer {
 public:
  explicit Peer(proxy::Fd fd);
  ~Peer();
  Peer(Peer&& other) noexcept;
  Peer& operator=(Peer&& other) noexcept;

  bool send(std::string_view bytes);
  // One octet a segment.
  bool send_slowly(std::string_view bytes);
  // Up to and including `end`; what was read when the peer ended or the bound passed otherwise.
  std::string read_until(std::string_view end);
  std::string read_head() { return read_until("\r\n\r\n"); }
  std::string read_exactly(std::size_t bytes);
  std::string read_chunked();  // a whole chunked body with its trailers, as it came
  std::string read_all();      // until the peer ends
  // The next complete response: head and body as the head's framing says (`head_only`: answer to HEAD). 1xx included
  // in front.
  std::string read_response(bool head_only = false);
  std::string read_request();  // the next one, head and body as its framing says

  // From here on all that is sent and read is inside TLS. False: the handshake failed; tls()->error() says why.
  bool start_tls(std::unique_ptr<TlsLayer> tls);
  TlsLayer* tls() { return tls_.get(); }
  // TLS has ended as it should: by close_notify, not by the connection's end.
  bool ended_by_close_notify() const { return close_notified_; }
  void close_notify();                    // says so to the peer
  bool send_raw(std::string_view bytes);  // past TLS

  bool ended();  // waits: has the peer ended (or reset) without a further byte?
  bool was_reset() const { return reset_; }
  bool readable_within(int milliseconds);

  void end_write();  // FIN
  void close();
  void reset();  // RST
  int fd() const { return fd_.get(); }
  void set_patience(int milliseconds) { patience_ = milliseconds; }
  void set_small_receive_buffer();

 private:
  bool fill();
  std::string receive();  // some octets of the socket; empty: the end, or the bound

  proxy::Fd fd_;
  std::unique_ptr<TlsLayer> tls_;
  std::string buffer_;
  bool reset_ = false;
  bool over_ = false;
  bool close_notified_ = false;
  int patience_ = 10000;
};

// Connects, or returns a Peer whose every read is empty.
Peer connect_to(std::uint16_t port, const char* address = "127.0.0.1");

// For when no descriptor will be had any more at the time of connecting.
class UnconnectedSocket {
 public:
  UnconnectedSocket();
  Peer connect_to(std::uint16_t port) &&;

 private:
  proxy::Fd fd_;
};

// A listening socket on a free port of 127.0.0.1 (or the address given), or on this port where it is not 0.
proxy::Fd listen_on_free_port(std::uint16_t& port, const char* address = "127.0.0.1");

}  // namespace backoffd::test
