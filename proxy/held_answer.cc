#include "proxy/held_answer.h"

#include "proxy/worker.h"

namespace backoffd::proxy {

HeldAnswer::HeldAnswer(Worker& worker, Owner& owner, Attempt& attempt, Framing framing, bool request_complete)
    : worker_(worker),
      owner_(owner),
      pool_key_(attempt.origin().pool_key()),
      request_complete_(request_complete),
      stream_(attempt.take_stream()),
      head_(std::move(attempt.head())),
      reader_(framing, worker.response_limits),
      body_(new_buffer()) {
  stream_->set_owner(this);
  absorb();
}

HeldAnswer::~HeldAnswer() = default;

void HeldAnswer::progress() {
  if (!coming()) return;
  absorb();
  if (!coming()) owner_.held_answer_ended();
}

void HeldAnswer::absorb() {
  // One byte over the limit is let in, to tell a body that just fits from one that does not.
  const std::size_t limit = worker_.config.limits.body_buffer;
  const auto size = [this] { return static_cast<std::size_t>(evbuffer_get_length(body_.get())); };
  BodyReader::State state = reader_.state();
  while (state == BodyReader::State::more && size() <= limit) {
    const std::size_t before = stream_->in_size();
    state = reader_.read(stream_->in(), body_.get(), limit + 1 - size());
    if (stream_->in_size() == before) break;
    stream_->touch();
  }
  const bool fits = size() <= limit;
  if (state == BodyReader::State::more && fits && !stream_->failed()) {
    if (!stream_->read_ended()) return;
    state = reader_.end();
  }
  whole_ = state == BodyReader::State::done && fits;
  if (whole_ && request_complete_ && may_carry_another(head_, reader_.framing(), *stream_)) {
    worker_.idle_pool.give(pool_key_, std::move(stream_));
  } else {
    worker_.loop.bury(std::move(stream_));
  }
}

Framing HeldAnswer::framing() const {
  if (reader_.framing().kind == Framing::Kind::none) return reader_.framing();
  return {Framing::Kind::length, evbuffer_get_length(body_.get())};
}

std::uint64_t HeldAnswer::write_body(evbuffer* out) {
  const std::size_t size = evbuffer_get_length(body_.get());
  evbuffer_add_buffer(out, body_.get());
  return size;
}

}  // namespace backoffd::proxy
