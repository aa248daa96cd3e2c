#include "proxy/net/splice.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

namespace backoffd::proxy {

namespace {
// Twice the 256 KiB that are enough for tunnels: the cost per byte still falls a little. What a sleeping client leaves
// in a pipe is kernel memory, so no more than that.
constexpr int kPipeSize = 512 << 10;
constexpr std::uint64_t kTurnShare = 2 << 20;  // what one direction may move before other connections have their turn
}  // namespace

Pipe PipePool::take() {
  if (!spare_.empty()) {
    Pipe pipe = std::move(spare_.back());
    spare_.pop_back();
    return pipe;
  }
  int ends[2];
  if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return {};
  // May be refused where the user's pipe pages are used up: the default of 64 KiB works as well, only slower.
  fcntl(ends[1], F_SETPIPE_SZ, kPipeSize);
  return {Fd(ends[0]), Fd(ends[1])};
}

void PipePool::give(Pipe pipe) {
  if (spare_.size() < kMost) spare_.push_back(std::move(pipe));
}

Splice::~Splice() {
  if (pipe_ && piped_ == 0) pool_.give(std::move(pipe_));
}

Splice::State Splice::move(Stream& from, Stream& to, std::uint64_t limit) {
  const std::uint64_t start = moved_;
  State state = State::blocked;
  for (;;) {
    if (piped_ == 0 && (source_ended_ || source_failed_)) {
      state = source_failed_ ? State::source_failed : State::source_ended;
      break;
    }
    const std::uint64_t taken = moved_ - start + piped_;
    if (piped_ == 0 && taken >= limit) {
      state = State::limit;
      break;
    }
    if (moved_ - start >= kTurnShare) {
      state = State::yielded;
      break;
    }
    // Only an empty pipe is filled: EAGAIN then has one meaning, nothing in the socket.
    if (piped_ == 0) {
      if (!from.raw_readable()) break;
      if (!pipe_) pipe_ = pool_.take();
      if (!pipe_) return State::no_pipe;
      const std::size_t want = static_cast<std::size_t>(std::min<std::uint64_t>(limit - taken, kPipeSize));
      const ssize_t n = ::splice(from.fd(), nullptr, pipe_.in.get(), nullptr, want, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
      if (n > 0) {
        piped_ = static_cast<std::uint64_t>(n);
      } else if (n == 0) {
        from.raw_read_ended();
        source_ended_ = true;
        continue;
      } else if (errno == EAGAIN) {
        from.raw_read_blocked();
        break;
      } else if (errno != EINTR) {
        from.raw_failed();
        source_failed_ = true;
        continue;
      }
    }
    if (!to.raw_writable()) break;
    const ssize_t n = ::splice(pipe_.out.get(), nullptr, to.fd(), nullptr, static_cast<std::size_t>(piped_),
                               SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n > 0) {
      piped_ -= static_cast<std::uint64_t>(n);
      moved_ += static_cast<std::uint64_t>(n);
    } else if (n < 0 && errno == EAGAIN) {
      to.raw_write_blocked();
      break;
    } else if (n < 0 && errno != EINTR) {
      to.raw_failed();
      return State::sink_failed;
    }
  }
  if (pipe_ && piped_ == 0) pool_.give(std::move(pipe_));
  return state;
}

}  // namespace backoffd::proxy
