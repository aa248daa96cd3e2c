// A listening socket, and the connections that come of it.
#pragma once

#include <string>

#include "policy/result.h"
#include "proxy/net/address.h"
#include "proxy/net/handles.h"
#include "proxy/net/loop.h"

namespace backoffd::proxy {

enum class Port {
  own,     // nobody else listens there
  shared,  // further sockets of ours may join it (SO_REUSEPORT)
};
// Errors name `where` (the key), the address and the call. Bound only, or listening too.
policy::Result<Fd> bind_to(const Endpoint& endpoint, const std::string& where, Port port);
policy::Result<Fd> listen_on(const Endpoint& endpoint, const std::string& where, Port port);

// Takes connections, one a turn: asking once more to hear EAGAIN would cost a system call for each, and the event stays
// ready. Where there is no room for more, or no descriptor, it pauses, or the loop would spin on it; new clients wait
// in the kernel's backlog. The loop's thread only.
class Acceptor {
 public:
  class Owner {
   public:
    virtual bool has_room() = 0;
    virtual void accepted(Fd fd, const Address& peer) = 0;

   protected:
    ~Owner() = default;
  };

  Acceptor(Loop& loop, Fd listening, Owner& owner);
  void start();
  Loop& loop() { return loop_; }

 private:
  void on_ready(short what);
  void pause();
  friend EventPtr make_event<Acceptor, &Acceptor::on_ready>(Loop&, int, short, Acceptor*);

  Loop& loop_;
  const Fd fd_;
  Owner& owner_;
  EventPtr readable_;
  Timer pause_;
};

}  // namespace backoffd::proxy
