// Two sockets joined until both directions have ended: CONNECT and Upgrade. Spliced where both are plain TCP. A side
// that ends is ended on the other side too, and the other direction goes on (half-close).
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "proxy/net/splice.h"
#include "proxy/net/stream.h"
#include "proxy/net/uptake.h"

namespace backoffd::proxy {

struct Worker;

class Tunnel final : private Stream::Owner {
 public:
  class Owner {
   public:
    // Both directions have ended, one has failed, or nothing moved for timeouts.tunnel_idle. The owner may destroy the
    // tunnel in it. `why`: "closed", "reset", "tunnel_idle".
    virtual void tunnel_ended(std::string_view why) = 0;

   protected:
    ~Owner() = default;
  };

  // What is still buffered on either stream is passed on first. `client` belongs to the owner, who calls
  // client_progress() for it.
  Tunnel(Worker& worker, Stream& client, std::unique_ptr<Stream> upstream, Owner& owner);
  ~Tunnel();

  void client_progress() { progress(); }
  std::uint64_t bytes_up() const { return up_.moved; }
  std::uint64_t bytes_down() const { return down_.moved; }

 private:
  struct Direction {
    Stream& from;
    Stream& to;
    std::unique_ptr<Splice> splice = nullptr;  // both directions or neither
    std::uint64_t moved = 0;
    bool ended = false;
    Uptake uptake = {};  // of `to`
  };
  void progress() override;
  void move(Direction& direction);
  void move_buffered(Direction& direction);
  bool taken_slowly();
  void begin_splicing();  // where both streams allow it
  void end_splicing();    // REQUIRES: no bytes in a pipe

  Worker& worker_;
  Owner& owner_;
  std::unique_ptr<Stream> upstream_;
  Direction up_;
  Direction down_;
  bool no_pipe_ = false;  // a direction found none this time
  bool failed_ = false;
};

}  // namespace backoffd::proxy
