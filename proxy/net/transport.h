// How a Stream's bytes get to and from its socket. Plain TCP is built into Stream; anything else (TLS) is one of these.
#pragma once

#include <event2/buffer.h>
#include <sys/types.h>

#include <string>

namespace backoffd::proxy {

class Transport {
 public:
  virtual ~Transport() = default;

  // What one call came to. `blocked`: nothing more until the socket is readable / writable again.
  enum class Io { ok, blocked, ended, failed };

  virtual Io read(int fd, evbuffer* in, std::size_t room) = 0;
  // Takes what it can from `out`. `blocked` too where it cannot take anything before more was read (a handshake).
  virtual Io write(int fd, evbuffer* out) = 0;
  // Says to the peer that no more will come (close_notify), after everything is written. Once; has_output() may be true
  // after it.
  virtual void shut_write(int fd) = 0;

  // The peer has closed the connection in good order, but without the word that nothing is missing (close_notify).
  virtual bool cut_short() const = 0;

  // It holds bytes that read() would give although the socket is silent.
  virtual bool has_input() const = 0;
  // It holds bytes of its own that the socket has not taken yet; write() sends them.
  virtual bool has_output() const = 0;
  // write() would take bytes of `out` as soon as the socket does.
  virtual bool takes_output() const = 0;
  // What the peer gave as its reason to end the connection ("alert certificate required"); empty: none, or it has not.
  virtual std::string reason() const = 0;
};

}  // namespace backoffd::proxy
