#include "admin/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "proxy/net/handles.h"

namespace backoffd::admin {
namespace {

std::string failed(const char* what, const std::string& path) {
  return std::string("cannot ") + what + " " + path + ": " + std::strerror(errno);
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

std::optional<std::string> read_file(const std::string& path, std::size_t limit) {
  const proxy::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::string text;
  char part[16384];
  for (;;) {
    const ssize_t n = ::read(fd.get(), part, sizeof part);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::nullopt;
    if (n == 0) return text;
    text.append(part, static_cast<std::size_t>(n));
    if (text.size() > limit) {
      errno = EFBIG;
      return std::nullopt;
    }
  }
}

std::string replace_file(const std::string& path, const std::string& text, mode_t mode) {
  const std::string temporary = path + ".tmp";
  ::unlink(temporary.c_str());  // left by a crash; it would keep the mode and the owner that it has
  proxy::Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return failed("open", temporary);
  std::string wrong;
  if (::fchmod(fd.get(), mode) != 0 || !write_all(fd.get(), text)) {
    wrong = failed("write", temporary);
  } else if (::fsync(fd.get()) != 0) {
    wrong = failed("sync", temporary);
  } else if (std::rename(temporary.c_str(), path.c_str()) != 0) {
    wrong = failed("replace", path);
  }
  fd.reset();
  if (!wrong.empty()) {
    ::unlink(temporary.c_str());
    return wrong;
  }
  // Without this the rename itself may be lost with the power.
  const auto parent = std::filesystem::path(path).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  const proxy::Fd folder_fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder_fd || ::fsync(folder_fd.get()) != 0) return failed("sync", folder);
  return {};
}

}  // namespace backoffd::admin
