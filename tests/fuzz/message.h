// What the fuzzers of messages share: a message read in pieces, and checks that abort.
#pragma once

#include <event2/buffer.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "proxy/http/body.h"
#include "proxy/http/framing.h"
#include "proxy/http/parser.h"
#include "proxy/net/handles.h"

#define CHECK(condition)                                                   \
  do {                                                                     \
    if (!(condition)) {                                                    \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                        \
    }                                                                      \
  } while (false)

namespace backoffd::proxy::fuzz {

inline std::string text_of(evbuffer* buffer) {
  std::string text(evbuffer_get_length(buffer), '\0');
  evbuffer_copyout(buffer, text.data(), text.size());
  return text;
}

// One message: what was made of it, and how much of the input it took.
struct Message {
  std::string refusal;  // "" when head, framing and body are right
  Head head;
  Framing framing;
  bool whole = false;  // the body is complete
  std::string payload;
  Head trailers;
  std::size_t taken = 0;  // only where it is whole
};

// Reads the first message of `text` in pieces of `step` bytes (0: in one). `method`: of the request a response answers.
inline Message read_message(std::string_view text, HeadParser::Kind kind, std::size_t step, std::string_view method,
                            std::size_t room) {
  Message message;
  BufferPtr in = new_buffer(), payload = new_buffer();
  std::size_t at = 0;
  const auto more = [&] {
    const std::size_t size = std::min(step == 0 ? text.size() : step, text.size() - at);
    evbuffer_add(in.get(), text.data() + at, size);
    at += size;
    return size > 0;
  };
  HeadParser parser(kind, {8 << 10, 2 << 10, 64});
  HeadParser::State head_state = parser.feed(in.get());
  while (head_state == HeadParser::State::more && more()) head_state = parser.feed(in.get());
  if (head_state == HeadParser::State::more) message.refusal = "incomplete head";
  if (head_state == HeadParser::State::error) message.refusal = parser.error().name;
  if (head_state != HeadParser::State::done) return message;
  message.head = parser.take();

  const FramingResult framing =
      kind == HeadParser::Kind::request ? frame_request(message.head) : frame_response(message.head, method);
  if (!framing.ok) {
    message.refusal = framing.error.name;
    return message;
  }
  message.framing = framing.framing;
  BodyReader reader(framing.framing, {4 << 10, 1 << 10, 16});
  BodyReader::State state = reader.state();
  while (state == BodyReader::State::more) {
    const std::size_t held = evbuffer_get_length(in.get());
    state = reader.read(in.get(), payload.get(), room);
    CHECK(evbuffer_get_length(payload.get()) <= room);
    message.payload += text_of(payload.get());
    evbuffer_drain(payload.get(), evbuffer_get_length(payload.get()));
    if (state == BodyReader::State::more && evbuffer_get_length(in.get()) == held && !more()) state = reader.end();
  }
  CHECK(reader.received() == message.payload.size());
  message.refusal = reader.error();
  message.whole = state == BodyReader::State::done;
  message.trailers = reader.trailers();
  if (message.whole) message.taken = at - evbuffer_get_length(in.get());
  return message;
}

inline void check_same_fields(const Head& a, const Head& b) {
  CHECK(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    CHECK(a.field(i).id == b.field(i).id);
    CHECK(a.field(i).name == b.field(i).name);
    CHECK(a.field(i).value == b.field(i).value);
  }
}

// However the bytes come, the message is the same one.
inline void check_same(const Message& a, const Message& b) {
  CHECK(a.refusal == b.refusal);
  CHECK(a.head.method() == b.head.method());
  CHECK(a.head.status() == b.head.status());
  CHECK(a.head.target() == b.head.target());
  check_same_fields(a.head, b.head);
  CHECK(a.framing == b.framing);
  CHECK(a.whole == b.whole);
  CHECK(a.payload == b.payload);
  check_same_fields(a.trailers, b.trailers);
  CHECK(a.taken == b.taken);
}

// The body as it would be sent on in `framing`.
inline std::string write_body(const Message& message, const Framing& framing) {
  BufferPtr payload = new_buffer(), out = new_buffer();
  BodyWriter writer(framing);
  const std::size_t half = message.payload.size() / 2;
  for (const std::string& piece : {message.payload.substr(0, half), message.payload.substr(half)}) {
    evbuffer_add(payload.get(), piece.data(), piece.size());
    writer.write(payload.get(), out.get());
  }
  writer.finish(message.trailers, {}, out.get());
  return text_of(out.get());
}

}  // namespace backoffd::proxy::fuzz
