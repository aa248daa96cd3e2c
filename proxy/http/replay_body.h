// The client's request body on its way to one attempt after another. While it is within the replay limit everything
// sent is kept (by reference, nothing is copied), so that the next attempt can have it again; beyond the limit it
// streams once.
#pragma once

#include <cstdint>
#include <memory>

#include "proxy/http/body.h"
#include "proxy/net/handles.h"

namespace backoffd::proxy {

class ReplayBody {
 public:
  // Of this request.
  ReplayBody(const Head& request, Framing framing, const HeadLimits& trailer_limits, std::uint64_t replay_limit);

  // Puts what earlier attempts had into `out`. REQUIRES: replayable().
  void replay(evbuffer* out);
  // Moves what the client sent on, at most `room` bytes of payload.
  BodyReader::State move(evbuffer* in, evbuffer* out, std::size_t room);

  const Framing& framing() const { return framing_; }
  // All that was sent is kept, or nothing of the body has been read yet.
  bool replayable() const { return !body_ || body_->replayable || received() == 0; }
  // ... and will be, however much is still to come.
  bool always_replayable() const {
    return !body_ || (body_->replayable && (complete() || framing_.kind == Framing::Kind::length));
  }
  bool complete() const { return !body_ || body_->reader.state() == BodyReader::State::done; }
  std::uint64_t received() const { return body_ ? body_->reader.received() : 0; }
  std::string_view error() const { return body_ ? body_->reader.error() : std::string_view(); }

 private:
  struct Body {
    BodyReader reader;
    BodyWriter writer;
    ConnectionOptions options;         // of the request
    BufferPtr payload = new_buffer();  // between reader and writer
    BufferPtr kept = new_buffer();
    std::uint64_t replay_limit = 0;
    bool replayable = true;
    bool finished = false;  // the end has been written to the current attempt
  };

  Framing framing_;
  std::unique_ptr<Body> body_;  // none: a request without a body, as most are
};

}  // namespace backoffd::proxy
