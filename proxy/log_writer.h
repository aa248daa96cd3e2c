// Lines on their way to a file, a pipe, a terminal or a socket. A thread of their own writes them in order: a write
// takes as long as the disk or whoever reads the other end likes, and nobody else is to wait for it. O_NONBLOCK is no
// way out: it belongs to the open file, which a standard output shares with other processes, and a disk ignores it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <thread>

#include "policy/time.h"
#include "proxy/net/handles.h"

namespace backoffd::proxy {

class LogWriter {
 public:
  // Bytes that may wait to be written: a second of a busy proxy's lines. Lines for which there is no room are lost.
  static constexpr std::size_t kMost = 4 << 20;

  explicit LogWriter(Fd fd);
  // What still waits has a second to get out; a write that lasts longer is left to itself.
  ~LogWriter();

  // Any thread, but for redirect(), which belongs to one.
  void write(std::string_view lines);    // whole lines; does not wait for the other end
  bool flush(policy::Duration at_most);  // waits until all is written; false: it is not
  void redirect(Fd to);                  // from here on it is written there
  std::uint64_t lost_lines() const;      // no room, or writing failed

 private:
  struct Shared;
  static void run(const std::shared_ptr<Shared>& shared);

  const std::shared_ptr<Shared> shared_;  // with the thread, which may outlive this
  std::thread thread_;                    // from the first line on; GUARDED_BY(shared_->mutex)
};

}  // namespace backoffd::proxy
