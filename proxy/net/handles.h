// Owners for what libevent and the kernel hand out. Destroying one frees the thing; a freed event never fires.
#pragma once

#include <event2/buffer.h>
#include <event2/event.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>

namespace backoffd::proxy {

struct HandleDelete {
  void operator()(event_base* base) const { event_base_free(base); }
  void operator()(event* e) const { event_free(e); }
  void operator()(evbuffer* buffer) const { evbuffer_free(buffer); }
};
using EventBasePtr = std::unique_ptr<event_base, HandleDelete>;
using EventPtr = std::unique_ptr<event, HandleDelete>;
using BufferPtr = std::unique_ptr<evbuffer, HandleDelete>;

inline BufferPtr new_buffer() { return BufferPtr(evbuffer_new()); }

// All that is in it, which leaves it empty.
inline std::string take_all(evbuffer* buffer) {
  std::string text(evbuffer_get_length(buffer), '\0');
  evbuffer_remove(buffer, text.data(), text.size());
  return text;
}

// A file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

}  // namespace backoffd::proxy
