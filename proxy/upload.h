// The client's request body on its way to one attempt after another: what moves it, and who is to blame when it stops.
// Owned by the Exchange; worker's thread.
#pragma once

#include "proxy/http/head.h"
#include "proxy/http/replay_body.h"
#include "proxy/net/stream.h"

namespace backoffd::proxy {

class Upload {
 public:
  Upload(const Head& request, Framing framing, const HeadLimits& trailer_limits, std::uint64_t replay_limit);

  ReplayBody& body() { return body_; }
  const ReplayBody& body() const { return body_; }
  bool complete() const { return body_.complete(); }

  enum class Moved {
    nothing,    // waits for bytes or room, or is complete
    some,       // so each side has made progress
    malformed,  // body().error() says how
    cut,        // the client has ended in the middle of it: the origin must never see it as a whole one
  };
  // From `client` to `upstream`, of which at most `buffer` bytes may wait.
  Moved move(Stream& client, Stream& upstream, std::size_t buffer);

  // A client is asked for its body once, however many attempts there are. False: it has been already.
  bool ask();
  // It is the client that keeps `upstream` waiting: all it has sent is gone, and it was not told to hold back the rest
  // (RFC 9110 10.1.1).
  bool is_owed(const Stream& upstream) const { return !complete() && !holds_back() && upstream.flushed(); }

 private:
  bool holds_back() const { return expects_continue_ && !asked_ && body_.received() == 0; }

  const bool expects_continue_;
  bool asked_ = false;
  ReplayBody body_;
};

}  // namespace backoffd::proxy
