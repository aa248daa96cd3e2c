#include "proxy/http/replay_body.h"

namespace backoffd::proxy {

ReplayBody::ReplayBody(Framing framing, const HeadLimits& trailer_limits, std::uint64_t replay_limit)
    : replay_limit_(replay_limit) {
  if (framing.kind == Framing::Kind::none || (framing.kind == Framing::Kind::length && framing.length == 0)) return;
  reader_ = BodyReader(framing, trailer_limits);
  writer_ = BodyWriter(framing);
  payload_ = new_buffer();
  kept_ = new_buffer();
  // Known from the start to be too large: nothing need be kept until the limit is met.
  replayable_ = framing.kind != Framing::Kind::length || framing.length <= replay_limit;
}

void ReplayBody::replay(evbuffer* out) {
  finished_ = false;
  if (!kept_) return;
  if (evbuffer_get_length(kept_.get()) > 0) {
    evbuffer_add_buffer_reference(payload_.get(), kept_.get());
    writer_.write(payload_.get(), out);
  }
  if (complete()) {
    writer_.finish(reader_.trailers(), out);
    finished_ = true;
  }
}

BodyReader::State ReplayBody::move(evbuffer* in, evbuffer* out, std::size_t room) {
  if (!payload_ || finished_) return reader_.state();
  const BodyReader::State state = reader_.read(in, payload_.get(), room);
  if (replayable_ && reader_.received() > replay_limit_) {
    replayable_ = false;
    evbuffer_drain(kept_.get(), evbuffer_get_length(kept_.get()));
  }
  if (evbuffer_get_length(payload_.get()) > 0) {
    if (replayable_) {
      // The chains stay with kept_, the attempt gets references to them.
      const BufferPtr fresh = new_buffer();
      evbuffer_add_buffer_reference(fresh.get(), payload_.get());
      evbuffer_add_buffer(kept_.get(), payload_.get());
      writer_.write(fresh.get(), out);
    } else {
      writer_.write(payload_.get(), out);
    }
  }
  if (state == BodyReader::State::done) {
    writer_.finish(reader_.trailers(), out);
    finished_ = true;
  }
  return state;
}

}  // namespace backoffd::proxy
