// Moving body bytes between buffers: BodyReader takes the framing off, BodyWriter puts a framing on. Neither holds
// payload; the buffers between them are the back-pressure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/http/chunk_extension.h"
#include "proxy/http/connection_options.h"
#include "proxy/http/framing.h"
#include "proxy/http/head.h"
#include "proxy/http/parser.h"

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
  // Where in a chunked body the next byte stands (RFC 9112 7.1). `size` has seen a digit, `size_begin` has not.
  //
  //   size_begin -> size -> [extension ->] size_lf -> data -> data_cr -> data_lf -> size_begin
  //                                           `-> trailers (behind the size 0)
  enum class Chunk : std::uint8_t {
    size_begin,
    size,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailers,
  };

  State read_chunked(evbuffer* in, evbuffer* payload, std::size_t room);
  bool step(char c);  // one byte of chunk framing
  bool count_extension();
  State read_trailers(evbuffer* in);
  bool refuse(std::string_view name);

  Framing framing_;
  State state_ = State::done;
  Chunk chunk_ = Chunk::size_begin;
  ChunkExtension extension_;
  std::uint8_t size_digits_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t left_ = 0;  // of the body; chunked: of the chunk
  std::uint64_t extension_bytes_ = 0;
  std::string_view error_;
  HeadLimits trailer_limits_;
  std::optional<HeadParser> trailer_parser_;
  Head trailers_;
};

class BodyWriter {
 public:
  BodyWriter() = default;
  explicit BodyWriter(Framing framing) : framing_(framing) {}

  // Moves all of `payload` to `out`, framed. REQUIRES: a length body is not exceeded.
  void write(evbuffer* payload, evbuffer* out);
  // The end of the body: for chunked the last chunk and the trailer section, without what may not be one (trailer.h)
  // and what the message's Connection fields name.
  void finish(const Head& trailers, const ConnectionOptions& options, evbuffer* out);
  const Framing& framing() const { return framing_; }

 private:
  Framing framing_;
};

}  // namespace backoffd::proxy
