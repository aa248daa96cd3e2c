// An upstream answer that is being retried, held whole in case nothing better comes: the client then gets the
// upstream's own last word. Reading it to its end also gives the connection back to the pool.
#pragma once

#include <cstdint>

#include "proxy/http/body.h"
#include "proxy/http/head.h"
#include "proxy/net/handles.h"
#include "proxy/net/stream.h"

namespace backoffd::proxy {

class KeptAnswer {
 public:
  // `limit`: bytes of body that may be held; an answer with more cannot be kept.
  KeptAnswer(Head head, Framing framing, const HeadLimits& trailer_limits, std::size_t limit);

  // Takes what has come. `more`: not whole yet; `done`: whole; `error`: broken off, malformed or too large.
  BodyReader::State absorb(Stream& upstream);

  bool whole() const { return reader_.state() == BodyReader::State::done; }
  const Head& head() const { return head_; }
  Head take_head() && { return std::move(head_); }
  // As it goes to the client: what is held has a known length, whatever the framing was. A body-less answer (to HEAD,
  // 204, 304) stays one.
  Framing framing() const;
  // REQUIRES: whole(). Moves the body to `out`.
  std::uint64_t write_body(evbuffer* out);

 private:
  Head head_;
  BodyReader reader_;
  BufferPtr body_;
  std::size_t limit_;
};

}  // namespace backoffd::proxy
