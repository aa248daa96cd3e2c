#include "admin/child_process.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

namespace backoffd::admin {
namespace {

// Our environment with `variables` in place of those of the same name.
std::vector<std::string> environment_with(const Variables& variables) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    const bool replaced =
        std::any_of(variables.begin(), variables.end(), [&](const auto& variable) { return variable.first == name; });
    if (!replaced) out.emplace_back(text);
  }
  for (const auto& [name, value] : variables) (out.emplace_back(name) += '=') += value;
  return out;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// posix_spawn has no attribute for limits: the command gets those that hold while it is started.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(const rlimit& during) {
    getrlimit(RLIMIT_NOFILE, &ours_);
    setrlimit(RLIMIT_NOFILE, &during);
  }
  ~DescriptorLimit() { setrlimit(RLIMIT_NOFILE, &ours_); }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;

 private:
  rlimit ours_{};
};

}  // namespace

Inherited Inherited::now() {
  Inherited out{};
  pthread_sigmask(SIG_BLOCK, nullptr, &out.blocked);
  struct sigaction pipe {};
  sigaction(SIGPIPE, nullptr, &pipe);
  out.ignores_pipe = pipe.sa_handler == SIG_IGN;
  getrlimit(RLIMIT_NOFILE, &out.descriptors);
  return out;
}

std::unique_ptr<ChildProcess> ChildProcess::start(const std::vector<std::string>& command, const Variables& variables,
                                                  const Inherited& inherited, Failure& failure) {
  std::vector<std::string> arguments = command;
  std::vector<std::string> environment = environment_with(variables);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t to_default;
  sigemptyset(&to_default);
  if (!inherited.ignores_pipe) sigaddset(&to_default, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &to_default);
  posix_spawnattr_setsigmask(&attributes, &inherited.blocked);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  pid_t pid = 0;
  int error = 0;
  {
    const DescriptorLimit limit(inherited.descriptors);
    error = posix_spawnp(&pid, arguments[0].c_str(), nullptr, &attributes, pointers(arguments).data(),
                         pointers(environment).data());
  }
  posix_spawnattr_destroy(&attributes);
  if (error == 0) return std::unique_ptr<ChildProcess>(new ChildProcess(pid));
  const bool found = error != ENOENT;
  failure = {found ? kNotExecutable : kNotFound,
             command[0] + ": " + (found ? std::strerror(error) : "command not found")};
  return nullptr;
}

std::optional<int> ChildProcess::status() {
  if (status_) return status_;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  if (WIFEXITED(status)) status_ = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) status_ = 128 + WTERMSIG(status);
  return status_;
}

void ChildProcess::signal(int number) const { ::kill(pid_, number); }

}  // namespace backoffd::admin
