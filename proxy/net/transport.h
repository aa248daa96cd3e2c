// How a Stream's bytes get to and from its socket. Plain TCP is built into Stream; anything else (TLS) is one of these.
#pragma once

#include <event2/buffer.h>
#include <sys/types.h>

namespace backoffd::proxy {

class Transport {
 public:
  virtual ~Transport() = default;

  // What one call came to. `blocked`: nothing more until the socket is readable / writable again.
  enum class Io { ok, blocked, ended, failed };

  virtual Io read(int fd, evbuffer* in, std::size_t room) = 0;
  virtual Io write(int fd, evbuffer* out) = 0;
  // Says to the peer that no more will come (close_notify), after everything is written.
  virtual void shut_write(int fd) = 0;
};

}  // namespace backoffd::proxy
