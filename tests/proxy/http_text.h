// Text in, text out: what the tests of proxy/http share.
#pragma once

#include <event2/buffer.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "proxy/http/body.h"
#include "proxy/http/parser.h"
#include "proxy/net/handles.h"

namespace backoffd::proxy {

inline std::string text_of(evbuffer* buffer) {
  std::string text(evbuffer_get_length(buffer), '\0');
  evbuffer_copyout(buffer, text.data(), text.size());
  return text;
}

// Text in pieces of `step` bytes, each in a chain of its own, as segments off the wire are. 0: in one piece.
class Wire {
 public:
  explicit Wire(std::string_view text, std::size_t step = 0)
      : buffer_(new_buffer()), text_(text), step_(step == 0 ? std::max<std::size_t>(text.size(), 1) : step) {}

  evbuffer* in() { return buffer_.get(); }
  bool more() {
    if (at_ >= text_.size()) return false;
    const std::size_t size = std::min(step_, text_.size() - at_);
    const std::string_view piece = text_.substr(at_, size);
    evbuffer* segment = evbuffer_new();
    evbuffer_add(segment, piece.data(), piece.size());
    evbuffer_add_buffer(buffer_.get(), segment);
    evbuffer_free(segment);
    at_ += size;
    return true;
  }
  // What nobody has read yet, here or still on its way.
  std::string rest() { return text_of(in()) + std::string(text_.substr(at_)); }

 private:
  BufferPtr buffer_;
  std::string_view text_;
  std::size_t step_, at_ = 0;
};

inline HeadParser::State feed_all(HeadParser& parser, Wire& wire) {
  HeadParser::State state = parser.feed(wire.in());
  while (state == HeadParser::State::more && wire.more()) state = parser.feed(wire.in());
  return state;
}

// The head of a message that is expected to have one, or an empty head.
inline Head parse_head(std::string_view text, HeadParser::Kind kind = HeadParser::Kind::request) {
  HeadParser parser(kind, HeadLimits());
  Wire wire(text);
  return feed_all(parser, wire) == HeadParser::State::done ? parser.take() : Head();
}
inline Head parse_response(std::string_view text) { return parse_head(text, HeadParser::Kind::response); }

// "ok", "more", or the refusal as "400 name".
inline std::string outcome(std::string_view text, HeadParser::Kind kind, std::size_t step = 0,
                           const HeadLimits& limits = {}) {
  HeadParser parser(kind, limits);
  Wire wire(text, step);
  switch (feed_all(parser, wire)) {
    case HeadParser::State::more:
      return "more";
    case HeadParser::State::done:
      return "ok";
    case HeadParser::State::error:
      break;
  }
  return std::to_string(parser.error().status) + " " + std::string(parser.error().name);
}

}  // namespace backoffd::proxy
