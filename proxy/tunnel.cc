#include "proxy/tunnel.h"

#include "proxy/worker.h"

namespace backoffd::proxy {

Tunnel::Tunnel(Worker& worker, Stream& client, std::unique_ptr<Stream> upstream, Owner& owner)
    : worker_(worker),
      owner_(owner),
      upstream_(std::move(upstream)),
      up_{client, *upstream_},
      down_{*upstream_, client} {
  upstream_->set_owner(this);
  upstream_->clear_deadline();
  upstream_->set_in_limit(worker.config.limits.body_buffer);
  client.set_in_limit(worker.config.limits.body_buffer);
  client.set_deadline(worker.config.timeouts.tunnel_idle);
  worker.counters.open_tunnels.add();
  upstream_->touch();
  client.touch();
}

Tunnel::~Tunnel() { worker_.counters.open_tunnels.sub(); }

// From here on the kernel moves the bytes, once what was read before is written.
void Tunnel::begin_splicing() {
  Stream& client = up_.from;
  Stream& upstream = *upstream_;
  if (!client.can_be_raw() || !upstream.can_be_raw()) return;
  if (client.in_size() + client.out_size() + upstream.in_size() + upstream.out_size() > 0) return;
  if (client.read_ended() || upstream.read_ended()) return;
  client.set_raw(true);
  upstream.set_raw(true);
  up_.splice = std::make_unique<Splice>(worker_.pipes);
  down_.splice = std::make_unique<Splice>(worker_.pipes);
}

void Tunnel::end_splicing() {
  up_.splice.reset();
  down_.splice.reset();
  up_.from.set_raw(false);
  upstream_->set_raw(false);
}

void Tunnel::progress() {
  const std::uint64_t before = up_.moved + down_.moved;
  if (!up_.splice) begin_splicing();
  no_pipe_ = false;
  move(up_);
  move(down_);
  // While the other direction has bytes in a pipe of its own, it may yet be that this one takes it over.
  if (no_pipe_ && !up_.splice->holds_bytes() && !down_.splice->holds_bytes()) end_splicing();
  if (up_.moved + down_.moved != before) up_.from.set_deadline(worker_.config.timeouts.tunnel_idle);
  if (failed_) {
    owner_.tunnel_ended("reset");
  } else if (up_.ended && down_.ended) {
    owner_.tunnel_ended("closed");
  } else if (up_.from.timed_out() && !taken_slowly()) {
    owner_.tunnel_ended("tunnel_idle");
  }
}

// Nothing was moved, but an end still takes what lies in the kernel's buffer. Then the deadline is renewed.
bool Tunnel::taken_slowly() {
  const bool up = up_.uptake.goes_on(up_.to);
  const bool down = down_.uptake.goes_on(down_.to);
  if (up || down) up_.from.set_deadline(worker_.config.timeouts.tunnel_idle);
  return up || down;
}

void Tunnel::move(Direction& direction) {
  if (direction.ended || failed_) return;
  if (!direction.splice) {
    move_buffered(direction);
    return;
  }
  const std::uint64_t before = direction.splice->moved();
  const Splice::State state = direction.splice->move(direction.from, direction.to, UINT64_MAX);
  direction.moved += direction.splice->moved() - before;
  switch (state) {
    case Splice::State::yielded:
      direction.from.raw_again();
      break;
    case Splice::State::source_ended:
      direction.ended = true;
      direction.to.end_write();
      break;
    case Splice::State::blocked:
    case Splice::State::limit:
      break;
    case Splice::State::no_pipe:
      no_pipe_ = true;
      break;
    default:
      failed_ = true;
  }
}

void Tunnel::move_buffered(Direction& direction) {
  if (direction.to.cut_short()) {
    direction.ended = true;  // nobody is there to take it
    return;
  }
  const std::size_t room = direction.to.out_room(worker_.config.limits.body_buffer);
  const std::size_t size = std::min(room, direction.from.in_size());
  if (size > 0) {
    evbuffer_remove_buffer(direction.from.in(), direction.to.out(), size);
    direction.moved += size;
    direction.from.touch();
    direction.to.touch();
    direction.to.tell_when_flushed();  // then splicing may begin
  }
  // Many servers leave out the end of TLS, because what runs inside has one of its own. Passed on as it is.
  const bool cut_short = direction.from.cut_short();
  if (direction.to.write_failed() || (direction.from.failed() && !cut_short)) {
    failed_ = true;
  } else if ((direction.from.read_ended() || cut_short) && direction.from.in_size() == 0) {
    if (cut_short) {
      direction.to.cut_write();
    } else {
      direction.to.end_write();
    }
    direction.ended = direction.to.flushed() || direction.to.write_ended();
  }
}

}  // namespace backoffd::proxy
