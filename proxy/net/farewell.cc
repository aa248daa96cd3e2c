#include "proxy/net/farewell.h"

#include <utility>

namespace backoffd::proxy {

namespace {
constexpr Duration kHearOut = std::chrono::seconds(2);
constexpr std::size_t kDroppedAtOnce = 64 << 10;
}  // namespace

Farewell::Farewell(Stream& stream, Manner manner, Duration patience)
    : stream_(stream), manner_(manner), patience_(patience) {
  if (manner == Manner::hear_out) stream.set_in_limit(kDroppedAtOnce);
  if (manner == Manner::close) {
    stream.tell_when_flushed();
    stream.touch();
  } else {
    stream.end_write();
  }
  stream.set_deadline(patience);
}

bool Farewell::over() {
  if (stream_.write_failed()) return true;
  if (manner_ == Manner::hear_out && stream_.in_size() > 0) {
    evbuffer_drain(stream_.in(), stream_.in_size());
    stream_.touch();
  }
  const bool written = manner_ == Manner::close ? stream_.flushed() : stream_.write_ended();
  if (written && (manner_ != Manner::hear_out || stream_.read_ended())) return true;
  if (written && !std::exchange(written_, true)) {
    stream_.set_deadline(kHearOut);
  } else if (stream_.timed_out()) {
    // What is written is the kernel's, which may hold it for a slow peer for long.
    if (!uptake_.goes_on(stream_)) return true;
    stream_.set_deadline(patience_);
  }
  return false;
}

}  // namespace backoffd::proxy
