#include "proxy/http/replay_body.h"

namespace backoffd::proxy {

ReplayBody::ReplayBody(const Head& request, Framing framing, const HeadLimits& trailer_limits,
                       std::uint64_t replay_limit)
    : framing_(framing) {
  if (framing.kind == Framing::Kind::none || (framing.kind == Framing::Kind::length && framing.length == 0)) return;
  body_ = std::make_unique<Body>();
  body_->reader = BodyReader(framing, trailer_limits);
  body_->writer = BodyWriter(framing);
  body_->options = ConnectionOptions(request);
  body_->replay_limit = replay_limit;
  // Known from the start to be too large: nothing need be kept until the limit is met.
  body_->replayable = framing.kind != Framing::Kind::length || framing.length <= replay_limit;
}

void ReplayBody::replay(evbuffer* out) {
  if (!body_) return;
  Body& body = *body_;
  body.finished = false;
  if (evbuffer_get_length(body.kept.get()) > 0) {
    evbuffer_add_buffer_reference(body.payload.get(), body.kept.get());
    body.writer.write(body.payload.get(), out);
  }
  if (complete()) {
    body.writer.finish(body.reader.trailers(), body.options, out);
    body.finished = true;
  }
}

BodyReader::State ReplayBody::move(evbuffer* in, evbuffer* out, std::size_t room) {
  if (!body_) return BodyReader::State::done;
  Body& body = *body_;
  if (body.finished) return body.reader.state();
  const BodyReader::State state = body.reader.read(in, body.payload.get(), room);
  if (body.replayable && body.reader.received() > body.replay_limit) {
    body.replayable = false;
    evbuffer_drain(body.kept.get(), evbuffer_get_length(body.kept.get()));
  }
  if (evbuffer_get_length(body.payload.get()) > 0) {
    if (body.replayable) {
      // The chains stay with body.kept, the attempt gets references to them.
      const BufferPtr fresh = new_buffer();
      evbuffer_add_buffer_reference(fresh.get(), body.payload.get());
      evbuffer_add_buffer(body.kept.get(), body.payload.get());
      body.writer.write(fresh.get(), out);
    } else {
      body.writer.write(body.payload.get(), out);
    }
  }
  if (state == BodyReader::State::done) {
    body.writer.finish(body.reader.trailers(), body.options, out);
    body.finished = true;
  }
  return state;
}

}  // namespace backoffd::proxy
