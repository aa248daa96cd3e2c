// One DNS question over TCP (RFC 7766): what is left to do when the answer did not fit a datagram.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "proxy/net/address.h"
#include "proxy/net/handles.h"
#include "proxy/net/loop.h"

namespace backoffd::proxy {

class DnsTcp {
 public:
  class Owner {
   public:
    // Once: the answer, empty when there is none. The owner buries the DnsTcp.
    virtual void dns_tcp_done(DnsTcp& tcp, std::span<const std::uint8_t> message) = 0;

   protected:
    ~Owner() = default;
  };

  // No deadline of its own: the owner has one.
  DnsTcp(Loop& loop, const Endpoint& server, const std::vector<std::uint8_t>& question, Owner& owner);

  bool started() const { return event_ != nullptr; }  // false: no connection could be begun, the owner is not called
  Loop& loop() { return loop_; }

 private:
  void on_ready(short what);
  bool send_rest();     // false: failed
  bool receive_some();  // false: failed or over
  bool whole() const;

  Loop& loop_;
  Owner& owner_;
  std::vector<std::uint8_t> out_;  // a two-octet length and the question (RFC 1035 4.2.2)
  std::size_t sent_ = 0;
  std::vector<std::uint8_t> in_;  // ... and the answer
  Fd fd_;
  EventPtr event_;
};

}  // namespace backoffd::proxy
