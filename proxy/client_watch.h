// Is the client still there? One that leaves is heard of when its side is read or written. While an exchange waits
// neither happens: the client has ended its side, or its body lies unread. Owned by the Exchange; worker's thread.
#pragma once

#include "proxy/net/stream.h"

namespace backoffd::proxy {

class ClientWatch {
 public:
  class Owner {
   public:
    virtual void client_gone() = 0;

   protected:
    ~Owner() = default;
  };

  // `takes_interim`: the client understands 1xx responses.
  ClientWatch(Stream& client, bool takes_interim, Owner& owner);

  // The exchange waits for its turn or its next try, with a part of the request unread or not.
  void waits(bool body_unread);
  void moves() { waiting_ = false; }  // it waits no longer
  void client_ended();                // the client sends no more
  // The answer has begun: from here on writing it tells, and nothing may come in between.
  void stop() {
    over_ = true;
    timer_.disarm();
  }

 private:
  void look();

  Stream& client_;
  const bool takes_interim_;
  Owner& owner_;
  Timer timer_;
  bool waiting_ = false;
  bool over_ = false;
  int probes_ = 0;
};

}  // namespace backoffd::proxy
