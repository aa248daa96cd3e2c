#include "admin/private_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "admin/file.h"

namespace backoffd::admin {
namespace {

using policy::Error;
using policy::Result;

Error failed(const std::string& path, const char* doing) {
  return {path, std::string("cannot ") + doing + ": " + std::strerror(errno)};
}

// Empty when it is ours alone.
std::string too_open(const struct stat& found, const char* right_mode) {
  if (found.st_uid != ::geteuid()) {
    return "belongs to user " + std::to_string(found.st_uid) + ", not to user " + std::to_string(::geteuid()) +
           " who runs this; who owns it could change it";
  }
  if ((found.st_mode & 077) == 0) return {};
  char mode[8];
  std::snprintf(mode, sizeof mode, "%04o", found.st_mode & 07777);
  return std::string("has mode ") + mode + ", others may get at it; make it " + right_mode + " (chmod " + right_mode +
         "), and think of who may have had the key until now";
}

}  // namespace

Result<PrivateFolder> PrivateFolder::open(const std::string& path) {
  std::error_code ignored;  // told by mkdir
  if (const auto above = std::filesystem::path(path).parent_path(); !above.empty()) {
    std::filesystem::create_directories(above, ignored);
  }
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return failed(path, "make this folder");
  proxy::Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return failed(path, "open this folder");
  struct stat found {};
  if (::fstat(fd.get(), &found) != 0) return failed(path, "look at this folder");
  if (const std::string wrong = too_open(found, "0700"); !wrong.empty()) return Error{path, wrong};
  while (::flock(fd.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return failed(path, "lock this folder");
  }
  return PrivateFolder(path, std::move(fd));
}

Result<std::optional<std::string>> PrivateFolder::read(const std::string& name, std::size_t limit) const {
  const std::string path = path_of(name);
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return std::optional<std::string>();
    return failed(path, "look at it");
  }
  if (!S_ISREG(found.st_mode)) return Error{path, "is no plain file"};
  if (const std::string wrong = too_open(found, "0600"); !wrong.empty()) return Error{path, wrong};
  auto text = read_file(path, limit);
  if (!text) return failed(path, "read it");
  return text;
}

}  // namespace backoffd::admin
