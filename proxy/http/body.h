// Moving body bytes between buffers: BodyReader takes the framing off, BodyWriter puts a framing on. Neither holds
// payload; the buffers between them are the back-pressure.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/http/framing.h"
#include "proxy/http/head.h"

struct evbuffer;

namespace backoffd::proxy {

class BodyReader {
 public:
  BodyReader() = default;  // no body: done at once
  BodyReader(Framing framing, const HeadLimits& trailer_limits);

  enum class State { more, done, error };
  // Moves at most `room` payload bytes from `in` to `payload` (whole chains where it can, no copy). Bytes behind the
  // end of the body stay in `in`.
  State read(evbuffer* in, evbuffer* payload, std::size_t room);
  // The peer has ended and `in` is drained as far as it goes: complete (until_close only) or broken.
  State end();

  State state() const { return state_; }
  const Framing& framing() const { return framing_; }
  std::uint64_t received() const { return received_; }  // payload bytes so far
  // Bytes that may be moved past the reader (spliced) without asking: what is left of a `length` body, "no end" for
  // until_close, else 0. skip() accounts for them. REQUIRES: n <= direct().
  std::uint64_t direct() const;
  void skip(std::uint64_t n);
  const Head& trailers() const { return trailers_; }  // only fields; empty without a trailer section
  std::string_view error() const {
    return error_;
  }  // refusal's name: "bad_chunk_size", "chunk_extension_too_long", ...

 private:
  Framing framing_;
  State state_ = State::done;
  std::uint64_t received_ = 0;
  std::uint64_t left_ = 0;
  Head trailers_;
  std::string_view error_;
};

class BodyWriter {
 public:
  BodyWriter() = default;
  explicit BodyWriter(Framing framing) : framing_(framing) {}

  // Moves all of `payload` to `out`, framed. REQUIRES: a length body is not exceeded.
  void write(evbuffer* payload, evbuffer* out);
  // The end of the body: for chunked the last chunk and the trailer section (hop-by-hop and framing fields left out).
  void finish(const Head& trailers, evbuffer* out);
  const Framing& framing() const { return framing_; }

 private:
  Framing framing_;
};

}  // namespace backoffd::proxy
