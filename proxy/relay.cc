#include "proxy/relay.h"

#include <algorithm>

#include "proxy/worker.h"

namespace backoffd::proxy {

namespace {
// Below this a splice's extra system calls cost more than the copy they save.
constexpr std::uint64_t kSpliceFrom = 512 << 10;
}  // namespace

Relay::Relay(Worker& worker, const Head& head, Framing upstream, Framing client)
    : worker_(worker), reader_(upstream, worker.response_limits), writer_(client), options_(head) {}

void Relay::continue_with(const Head& head, Framing upstream, std::uint64_t discard,
                          std::optional<std::uint64_t> left) {
  reader_ = BodyReader(upstream, worker_.response_limits);
  options_ = ConnectionOptions(head);
  discard_ = discard;
  left_ = left;
  splice_.reset();
  splice_counted_ = 0;
}

Relay::State Relay::move(Stream& upstream, Stream& client, bool upload_done) {
  if (splice_) return move_spliced(upstream, client);
  const State state = move_buffered(upstream, client);
  if (state != State::more || !upload_done || !should_splice(upstream, client)) return state;
  if (!client.flushed()) {
    client.tell_when_flushed();
    return state;
  }
  if (upstream.in_size() == 0) {
    upstream.set_raw(true);
    client.set_raw(true);
    splice_ = std::make_unique<Splice>(worker_.pipes);
    splice_counted_ = 0;
    return move_spliced(upstream, client);
  }
  return state;
}

bool Relay::should_splice(Stream& upstream, Stream& client) const {
  return reader_.state() == BodyReader::State::more && reader_.direct() >= kSpliceFrom && discard_ == 0 && !left_ &&
         writer_.framing().kind != Framing::Kind::chunked && !upstream.read_ended() && upstream.can_be_raw() &&
         client.can_be_raw() && !client.write_failed();
}

Relay::State Relay::move_buffered(Stream& upstream, Stream& client) {
  for (;;) {
    if (client.write_failed()) return State::client_failed;
    if (left_ && *left_ + discard_ == 0) return finished(client);
    std::size_t room = client.out_room(worker_.config.limits.body_buffer);
    if (room == 0) return wait_for_client(upstream, client);
    if (left_) room = static_cast<std::size_t>(std::min<std::uint64_t>(room, *left_ + discard_));
    evbuffer* payload = worker_.payload.get();  // empty before and after
    const std::size_t held = upstream.in_size();
    const BodyReader::State state = reader_.read(upstream.in(), payload, room);
    if (upstream.in_size() != held) {
      upstream.touch();
      upstream.set_deadline(worker_.config.timeouts.stall);
    }
    if (discard_ > 0) {
      const std::size_t drop =
          static_cast<std::size_t>(std::min<std::uint64_t>(discard_, evbuffer_get_length(payload)));
      evbuffer_drain(payload, drop);
      discard_ -= drop;
    }
    if (const std::size_t size = evbuffer_get_length(payload); size > 0) {
      delivered_ += size;
      if (left_) *left_ -= size;
      writer_.write(payload, client.out());
      client.touch();
    }
    if (state == BodyReader::State::error) return broken(std::string(reader_.error()));
    if (state == BodyReader::State::done) {
      if (discard_ > 0 || left_.value_or(0) > 0) return broken("the continuation ended early");
      return finished(client);
    }
    if (upstream.in_size() == held) return ended(upstream, client);
  }
}

// The client is the slow one. A deadline that passes now is its, not the upstream's.
Relay::State Relay::wait_for_client(Stream& upstream, const Stream& client) {
  if (!upstream.timed_out()) return State::more;
  if (!uptake_.goes_on(client)) return State::client_failed;
  upstream.set_deadline(worker_.config.timeouts.stall);
  return State::more;
}

// Nothing more can be read for the moment: is it for good?
Relay::State Relay::ended(Stream& upstream, Stream& client) {
  if (upstream.failed()) return broken("connection reset inside the body");
  if (upstream.read_ended()) {
    if (reader_.end() != BodyReader::State::done) return broken("connection closed inside the body");
    return finished(client);
  }
  if (upstream.timed_out()) return broken("no byte of the body within timeouts.stall");
  return State::more;
}

Relay::State Relay::move_spliced(Stream& upstream, Stream& client) {
  const Splice::State state = splice_->move(upstream, client, reader_.direct());
  const std::uint64_t moved = splice_->moved() - splice_counted_;
  if (moved > 0) {
    splice_counted_ += moved;
    delivered_ += moved;
    reader_.skip(moved);
    upstream.set_deadline(worker_.config.timeouts.stall);
  }
  switch (state) {
    case Splice::State::yielded:
      upstream.raw_again();
      return State::more;
    case Splice::State::blocked:
      // What is in the pipe waits for the client; an empty pipe waits for the upstream.
      if (splice_->holds_bytes()) return wait_for_client(upstream, client);
      if (!upstream.timed_out()) return State::more;
      end_splice(upstream, client);
      return broken("no byte of the body within timeouts.stall");
    case Splice::State::sink_failed:
      return State::client_failed;
    default:
      break;
  }
  end_splice(upstream, client);
  return move_buffered(upstream, client);
}

// The client's stream outlives the relay: whoever comes next finds it as it was.
void Relay::end_splice(Stream& upstream, Stream& client) {
  splice_.reset();
  upstream.set_raw(false);
  client.set_raw(false);
}

Relay::State Relay::finished(Stream& client) {
  writer_.finish(reader_.trailers(), options_, client.out());
  client.touch();
  return State::done;
}

Relay::State Relay::broken(std::string detail) {
  detail_ = std::move(detail);
  return State::broken;
}

}  // namespace backoffd::proxy
