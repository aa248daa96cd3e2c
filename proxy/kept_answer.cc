#include "proxy/kept_answer.h"

namespace backoffd::proxy {

KeptAnswer::KeptAnswer(Head head, Framing framing, const HeadLimits& trailer_limits, std::size_t limit)
    : head_(std::move(head)), reader_(framing, trailer_limits), body_(new_buffer()), limit_(limit) {}

BodyReader::State KeptAnswer::absorb(Stream& upstream) {
  BodyReader::State state = reader_.state();
  while (state == BodyReader::State::more) {
    const std::size_t held = upstream.in_size();
    // One byte over the limit is let in, to tell a body that just fits from one that does not.
    state = reader_.read(upstream.in(), body_.get(), limit_ + 1 - evbuffer_get_length(body_.get()));
    if (evbuffer_get_length(body_.get()) > limit_) return BodyReader::State::error;
    if (upstream.in_size() == held) break;
    upstream.touch();
  }
  if (state == BodyReader::State::more && upstream.failed()) return BodyReader::State::error;
  if (state == BodyReader::State::more && upstream.read_ended()) state = reader_.end();
  return state;
}

Framing KeptAnswer::framing() const {
  if (reader_.framing().kind == Framing::Kind::none) return reader_.framing();
  return {Framing::Kind::length, evbuffer_get_length(body_.get())};
}

std::uint64_t KeptAnswer::write_body(evbuffer* out) {
  const std::size_t size = evbuffer_get_length(body_.get());
  evbuffer_add_buffer(out, body_.get());
  return size;
}

}  // namespace backoffd::proxy
