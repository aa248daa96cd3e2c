// A command that is run as if this process were not there: same terminal and process group, signals and limits as this
// process got them itself. The main thread only.
#pragma once

#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admin/tool_environment.h"

namespace backoffd::admin {

// What a process got from the one that started it, before it changes any of that for itself.
struct Inherited {
  sigset_t blocked;
  bool ignores_pipe;
  rlimit descriptors;

  static Inherited now();
};

class ChildProcess {
 public:
  // As shells have them.
  static constexpr int kNotExecutable = 126;
  static constexpr int kNotFound = 127;

  struct Failure {
    int exit_status;
    std::string why;
  };
  // Starts `command`, looked up in PATH, in our environment with `variables` set in it. `failure` is set where null is
  // returned. REQUIRES: SIGCHLD is not ignored; `command` is not empty; no other thread runs (the limits are those of
  // the command for a moment).
  static std::unique_ptr<ChildProcess> start(const std::vector<std::string>& command, const Variables& variables,
                                             const Inherited& inherited, Failure& failure);
  ~ChildProcess() = default;  // does not end the command
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // The exit status as a shell tells it: 128 + n where signal n ended it; none: it runs.
  std::optional<int> status();
  void signal(int number) const;  // REQUIRES: no status() yet

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}

  const pid_t pid_;
  std::optional<int> status_;
};

}  // namespace backoffd::admin
