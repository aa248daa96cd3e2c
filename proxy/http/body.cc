#include "proxy/http/body.h"

#include <event2/buffer.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>

#include "proxy/http/trailer.h"

namespace backoffd::proxy {
namespace {

constexpr std::uint64_t kNoEnd = std::numeric_limits<std::uint64_t>::max();

// Sizes are read up to 2^63-1 (framing.cc says why); sixteen digits hold that, also with zeros in front.
constexpr std::uint8_t kMaxSizeDigits = 16;
constexpr std::uint64_t kMaxSize = std::numeric_limits<std::int64_t>::max();

// Extensions are thrown away (RFC 9112 7.1.1), so a body of them alone would be work without an end. A sender that
// signs or labels each of its chunks stays below one byte of extension for a byte of payload.
constexpr std::uint64_t kFreeExtensionBytes = 16 << 10;

// How many bytes a piece of a chain must have before moving it costs less than copying it.
constexpr std::size_t kWorthMoving = 4 << 10;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

BodyReader::BodyReader(Framing framing, const HeadLimits& trailer_limits)
    : framing_(framing), trailer_limits_(trailer_limits) {
  switch (framing.kind) {
    case Framing::Kind::none:
      return;
    case Framing::Kind::length:
      left_ = framing.length;
      state_ = left_ == 0 ? State::done : State::more;
      return;
    case Framing::Kind::chunked:
    case Framing::Kind::until_close:
      state_ = State::more;
  }
}

BodyReader::State BodyReader::read(evbuffer* in, evbuffer* payload, std::size_t room) {
  if (state_ != State::more) return state_;
  if (framing_.kind == Framing::Kind::chunked) return read_chunked(in, payload, room);
  const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>({evbuffer_get_length(in), room, direct()}));
  if (size > 0) evbuffer_remove_buffer(in, payload, size);
  skip(size);
  return state_;
}

std::uint64_t BodyReader::direct() const {
  if (state_ != State::more) return 0;
  switch (framing_.kind) {
    case Framing::Kind::length:
      return left_;
    case Framing::Kind::until_close:
      return kNoEnd;
    default:
      return 0;
  }
}

void BodyReader::skip(std::uint64_t n) {
  received_ += n;
  if (framing_.kind != Framing::Kind::length) return;
  left_ -= n;
  if (left_ == 0) state_ = State::done;
}

BodyReader::State BodyReader::end() {
  if (state_ != State::more) return state_;
  if (framing_.kind == Framing::Kind::until_close)
    state_ = State::done;
  else
    refuse("incomplete_body");
  return state_;
}

bool BodyReader::refuse(std::string_view name) {
  error_ = name;
  state_ = State::error;
  return false;
}

// Works on one contiguous piece of `in` at a time and drains it once, so that a megabyte of one-byte chunks costs a
// megabyte's worth of steps and not a million buffer calls that each look for their place.
BodyReader::State BodyReader::read_chunked(evbuffer* in, evbuffer* payload, std::size_t room) {
  while (state_ == State::more) {
    if (chunk_ == Chunk::trailers) return read_trailers(in);
    // Not the peek's result: a read that found the peer's end leaves a chain without a byte in it.
    if (evbuffer_get_length(in) == 0) return state_;
    evbuffer_iovec piece;
    evbuffer_peek(in, -1, nullptr, &piece, 1);
    const char* const begin = static_cast<const char*>(piece.iov_base);
    const char* const end = begin + piece.iov_len;
    const char* at = begin;
    std::size_t to_move = 0;  // payload at the end of the piece that is moved behind the drain
    while (at < end && state_ == State::more && chunk_ != Chunk::trailers) {
      if (chunk_ != Chunk::data) {
        step(*at++);
        continue;
      }
      const std::uint64_t wanted = std::min<std::uint64_t>(left_, room);
      const std::size_t here = static_cast<std::size_t>(end - at);
      if (wanted >= here && here >= kWorthMoving) {
        to_move = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, evbuffer_get_length(in) - (at - begin)));
        break;
      }
      const std::size_t size = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, here));
      if (size == 0) break;  // no room
      evbuffer_add(payload, at, size);
      at += size;
      room -= size;
      left_ -= size;
      received_ += size;
      if (left_ == 0) chunk_ = Chunk::data_cr;
    }
    evbuffer_drain(in, static_cast<std::size_t>(at - begin));
    if (to_move > 0) {
      evbuffer_remove_buffer(in, payload, to_move);
      room -= to_move;
      left_ -= to_move;
      received_ += to_move;
      if (left_ == 0) chunk_ = Chunk::data_cr;
    }
    if (chunk_ == Chunk::data && room == 0) return state_;
  }
  return state_;
}

// chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF (RFC 9112 7.1), with no leniency: every character some other
// reader skips here (space, sign, "0x", "_", a bare LF or CR) has been somebody's request smuggling.
bool BodyReader::step(char c) {
  switch (chunk_) {
    case Chunk::size_begin:
    case Chunk::size:
      if (const int digit = hex_digit(c); digit >= 0) {
        if (chunk_ == Chunk::size_begin) left_ = size_digits_ = 0;
        if (++size_digits_ > kMaxSizeDigits || left_ > kMaxSize >> 4) return refuse("bad_chunk_size");
        left_ = left_ << 4 | static_cast<std::uint64_t>(digit);
        chunk_ = Chunk::size;
        return true;
      }
      if (chunk_ == Chunk::size_begin) return refuse("bad_chunk_size");
      if (c == '\r') {
        chunk_ = Chunk::size_lf;
        return true;
      }
      if (!extension_.begin(c)) return refuse("bad_chunk_size");
      chunk_ = Chunk::extension;
      return count_extension();
    case Chunk::extension:
      if (c == '\r' && extension_.may_end()) {
        chunk_ = Chunk::size_lf;
        return true;
      }
      return extension_.step(c) ? count_extension() : refuse("bad_chunk_extension");
    case Chunk::size_lf:
      if (c != '\n') return refuse("bad_chunk_size");
      chunk_ = left_ == 0 ? Chunk::trailers : Chunk::data;
      return true;
    case Chunk::data_cr:
      if (c != '\r') return refuse("bad_chunk_end");
      chunk_ = Chunk::data_lf;
      return true;
    case Chunk::data_lf:
      if (c != '\n') return refuse("bad_chunk_end");
      chunk_ = Chunk::size_begin;
      return true;
    case Chunk::data:
    case Chunk::trailers:
      break;
  }
  return true;
}

bool BodyReader::count_extension() {
  return ++extension_bytes_ <= kFreeExtensionBytes + received_ || refuse("chunk_extension_too_long");
}

BodyReader::State BodyReader::read_trailers(evbuffer* in) {
  if (!trailer_parser_) trailer_parser_.emplace(HeadParser::Kind::trailers, trailer_limits_);
  switch (trailer_parser_->feed(in)) {
    case HeadParser::State::more:
      break;
    case HeadParser::State::error:
      refuse("bad_trailer");
      break;
    case HeadParser::State::done:
      trailers_ = trailer_parser_->take();
      state_ = State::done;
  }
  return state_;
}

void BodyWriter::write(evbuffer* payload, evbuffer* out) {
  const std::size_t size = evbuffer_get_length(payload);
  if (size == 0) return;  // as a chunk it would be the last one
  if (framing_.kind != Framing::Kind::chunked) {
    evbuffer_add_buffer(out, payload);
    return;
  }
  char line[18];
  char* end = std::to_chars(line, line + 16, size, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  evbuffer_add(out, line, static_cast<std::size_t>(end - line));
  evbuffer_add_buffer(out, payload);
  evbuffer_add(out, "\r\n", 2);
}

void BodyWriter::finish(const Head& trailers, const ConnectionOptions& options, evbuffer* out) {
  if (framing_.kind != Framing::Kind::chunked) return;
  std::string text = "0\r\n";
  for (std::size_t i = 0; i < trailers.size(); ++i) {
    const Field field = trailers.field(i);
    if (!may_be_trailer(field.name) || options.names(field)) continue;
    text.append(field.name).append(": ").append(field.value).append("\r\n");
  }
  text += "\r\n";
  evbuffer_add(out, text.data(), text.size());
}

}  // namespace backoffd::proxy
