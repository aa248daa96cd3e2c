// The client's request body on its way to one attempt after another. While it is within the replay limit everything
// sent is kept (by reference, nothing is copied), so that the next attempt can have it again; beyond the limit it
// streams once.
#pragma once

#include <cstdint>

#include "proxy/http/body.h"
#include "proxy/net/handles.h"

namespace backoffd::proxy {

class ReplayBody {
 public:
  ReplayBody(Framing framing, const HeadLimits& trailer_limits, std::uint64_t replay_limit);

  // Puts what earlier attempts had into `out`. REQUIRES: replayable().
  void replay(evbuffer* out);
  // Moves what the client sent on, at most `room` bytes of payload.
  BodyReader::State move(evbuffer* in, evbuffer* out, std::size_t room);

  const Framing& framing() const { return reader_.framing(); }
  bool replayable() const { return replayable_; }
  bool complete() const { return reader_.state() == BodyReader::State::done; }
  std::uint64_t received() const { return reader_.received(); }
  std::string_view error() const { return reader_.error(); }

 private:
  BodyReader reader_;
  BodyWriter writer_;
  BufferPtr payload_;
  BufferPtr kept_;
  std::uint64_t replay_limit_;
  bool replayable_ = true;
  bool finished_ = false;  // the end has been written to the current attempt
};

}  // namespace backoffd::proxy
