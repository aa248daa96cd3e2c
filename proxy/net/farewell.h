// The end of a connection behind its last answer. What is left of it is written as long as the peer takes it, however
// slowly. A peer that may still send is heard out for a while: closing with unread input would reset the connection and
// could take the answer with it (RFC 9112 9.6).
#pragma once

#include "proxy/net/stream.h"
#include "proxy/net/uptake.h"

namespace backoffd::proxy {

class Farewell {
 public:
  enum class Manner {
    close,     // the peer expects no word of the end but FIN
    say_end,   // TLS has one of its own, without which the end could not be told from a break
    hear_out,  // FIN follows what is left, and what still comes is dropped
  };
  // `patience`: how long the peer may take nothing. The stream outlives this.
  Farewell(Stream& stream, Manner manner, Duration patience);

  // At each progress(): true when there is nothing more to wait for, and the stream may be closed.
  bool over();

 private:
  Stream& stream_;
  const Manner manner_;
  const Duration patience_;
  bool written_ = false;
  Uptake uptake_;
};

}  // namespace backoffd::proxy
