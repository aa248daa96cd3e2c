#include "proxy/log_writer.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>

namespace backoffd::proxy {

namespace {

constexpr policy::Duration kLastTry = std::chrono::seconds(1);
constexpr std::size_t kKept = 256 << 10;  // capacity of an empty buffer: what a stall has made it is given back

std::uint64_t lines_in(std::string_view text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

// Tells how much of it was written: all, unless an error came.
std::size_t write_all(int fd, std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const ssize_t n = ::write(fd, text.data() + at, text.size() - at);
    if (n > 0) {
      at += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      pollfd writable{fd, POLLOUT, 0};  // another process has set O_NONBLOCK
      ::poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      break;
    }
  }
  return at;
}

// Signals are for the threads that expect them.
template <class Body>
std::thread start_without_signals(Body body) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(body));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

struct LogWriter::Shared {
  explicit Shared(Fd to) : fd(std::move(to)) {}
  bool idle() const { return waiting.empty() && in_hand == 0; }

  const Fd fd;
  std::atomic<std::uint64_t> lost_lines{0};
  std::mutex mutex;
  std::condition_variable woken;  // the thread has something to do
  std::condition_variable done;   // all is written
  // GUARDED_BY(mutex):
  std::string waiting;
  std::size_t in_hand = 0;  // bytes that the thread has taken
  bool ending = false;
};

LogWriter::LogWriter(Fd fd) : shared_(std::make_shared<Shared>(std::move(fd))) {}

LogWriter::~LogWriter() {
  if (!thread_.joinable()) return;
  const bool written = flush(kLastTry);
  {
    std::lock_guard lock(shared_->mutex);
    shared_->ending = true;
    shared_->waiting.clear();
  }
  shared_->woken.notify_one();
  if (written) {
    thread_.join();
  } else {
    thread_.detach();
  }
}

void LogWriter::write(std::string_view lines) {
  if (lines.empty()) return;
  {
    std::lock_guard lock(shared_->mutex);
    if (shared_->waiting.size() + shared_->in_hand + lines.size() > kMost) {
      shared_->lost_lines += lines_in(lines);
      return;
    }
    shared_->waiting += lines;
    if (!thread_.joinable()) thread_ = start_without_signals([shared = shared_] { run(shared); });
  }
  shared_->woken.notify_one();
}

void LogWriter::run(const std::shared_ptr<Shared>& shared) {
  std::string lines;
  bool torn = false;  // the last line that was written is not whole
  std::unique_lock lock(shared->mutex);
  for (;;) {
    shared->woken.wait(lock, [&] { return !shared->waiting.empty() || shared->ending; });
    if (shared->waiting.empty()) return;
    lines.swap(shared->waiting);  // both keep their room
    shared->in_hand = lines.size();
    lock.unlock();
    const std::size_t mended = torn ? 1 : 0;
    lines.insert(0, mended, '\n');
    const std::size_t written = write_all(shared->fd.get(), lines);
    shared->lost_lines += lines_in(std::string_view(lines).substr(std::max(written, mended)));
    torn = written > 0 ? lines[written - 1] != '\n' : torn;
    lines.clear();
    if (lines.capacity() > kKept) lines.shrink_to_fit();
    lock.lock();
    shared->in_hand = 0;
    if (shared->waiting.empty()) shared->done.notify_all();
  }
}

bool LogWriter::flush(policy::Duration at_most) {
  std::unique_lock lock(shared_->mutex);
  return shared_->done.wait_for(lock, at_most, [this] { return shared_->idle(); });
}

void LogWriter::redirect(Fd to) {
  // Onto the same number: the next write goes there.
  dup3(to.get(), shared_->fd.get(), O_CLOEXEC);
}

std::uint64_t LogWriter::lost_lines() const { return shared_->lost_lines; }

}  // namespace backoffd::proxy
