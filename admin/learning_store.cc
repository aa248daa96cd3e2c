#include "admin/learning_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "admin/file.h"
#include "admin/learning_file.h"

namespace backoffd::admin {
namespace {

constexpr std::size_t kLargestFile = 32 << 20;

// A folder, /dev/null, a pipe: to be neither read (a pipe would block), nor moved aside, nor replaced.
bool is_no_file(const std::string& path) {
  std::error_code ignored;  // what cannot be looked at is told when it is opened
  const auto found = std::filesystem::status(path, ignored);
  return std::filesystem::exists(found) && !std::filesystem::is_regular_file(found);
}

// Behind links: a file is replaced where it lies, and one lock guards it by whatever name it is called.
std::string behind_links(std::string path) {
  constexpr int kMostLinks = 40;  // as the kernel follows (path_resolution(7))
  std::filesystem::path file = path;
  std::error_code error;
  for (int i = 0; i < kMostLinks; ++i) {
    const auto target = std::filesystem::read_symlink(file, error);
    if (error) return file;  // it is no link
    file = file.parent_path() / target;
  }
  return path;  // of links that lead nowhere opening tells
}

bool is_same_file(int fd, const std::string& path) {
  struct stat ours {
  }, there{};
  return ::fstat(fd, &ours) == 0 && ::stat(path.c_str(), &there) == 0 && ours.st_dev == there.st_dev &&
         ours.st_ino == there.st_ino;
}

}  // namespace

LearningStore::LearningStore(std::string path, Tell tell)
    : path_(behind_links(std::move(path))), tell_(std::move(tell)) {}

LearningStore::Learned LearningStore::open(policy::WallTime now) {
  if (is_no_file(path_)) {
    keep_nothing("is no file");
    return {};
  }
  take_lock();
  if (state_ == State::never) return {};
  const auto text = read_file(path_, kLargestFile);
  absent_ = !text && (errno == ENOENT || errno == ENOTDIR);
  if (absent_) return {};  // if that is wrong, take_lock() has told it already
  if (!text) {
    start_empty(now, std::strerror(errno));
    return {};
  }
  auto file = parse_learned(*text);
  if (!file) {
    start_empty(now, file.error().text());
    return {};
  }
  if (file->newer()) {
    keep_nothing("is of version " + std::to_string(file->version) + " and algorithm " +
                 std::to_string(file->algorithm) + ", newer than " + std::to_string(kLearningVersion) + " and " +
                 std::to_string(policy::kLearningAlgorithm) + ", the newest known here");
    return {};
  }
  return {std::move(file->keys), std::max(policy::Duration::zero(), policy::Duration(now - file->saved))};
}

// The lock is a file of its own, because the state file is replaced by every save. It is never removed: another process
// might have opened it already.
bool LearningStore::take_lock() {
  std::error_code ignored;  // opening the lock tells
  if (const auto folder = std::filesystem::path(path_).parent_path(); !folder.empty()) {
    std::filesystem::create_directories(folder, ignored);
  }
  const std::string lock_path = this->lock_path();
  proxy::Fd fd(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) {
    fail("cannot open " + lock_path + ": " + std::strerror(errno));
    return false;
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      fail("cannot lock " + lock_path + ": " + std::strerror(errno));
      return false;
    }
    keep_nothing("is in use by another process");
    return false;
  }
  lock_ = std::move(fd);
  state_ = State::keeping;
  return true;
}

void LearningStore::keep_nothing(const std::string& why) {
  state_ = State::never;
  tell_(Weight::error,
        "learning: " + path_ + " " + why + "; it is left alone, and this run neither reads nor keeps learned state");
}

void LearningStore::start_empty(policy::WallTime now, const std::string& why) {
  unread_ = true;
  std::string done = "it stays there until it can be locked";  // it may be another process's
  if (state_ == State::keeping) {
    const std::string aside = move_aside(now);
    done = unread_ ? "it cannot be moved aside (" + std::string(std::strerror(errno)) + ")" : "moved to " + aside;
  }
  tell_(Weight::warning, "learning: " + path_ + " is not usable (" + why + "); " + done + ", learning starts empty");
}

// Returns where to; unread_ tells whether it was done.
std::string LearningStore::move_aside(policy::WallTime now) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  std::string aside = path_ + ".corrupt-" + std::to_string(seconds);
  unread_ = std::rename(path_.c_str(), aside.c_str()) != 0 && errno != ENOENT;
  return aside;
}

void LearningStore::maybe_save(policy::MonoTime now, policy::WallTime wall, std::uint64_t version,
                               const Snapshot& snapshot) {
  if (version == saved_version_ || now < next_save_) return;
  next_save_ = now + kBetweenSaves;
  save(wall, version, snapshot);
}

void LearningStore::save(policy::WallTime wall, std::uint64_t version, const Snapshot& snapshot) {
  if (version == saved_version_ || state_ == State::never) return;
  // Removed (by what cleans /tmp, maybe), the lock keeps nobody out.
  if (state_ == State::keeping && !is_same_file(lock_.get(), lock_path())) state_ = State::waiting;
  if (state_ == State::waiting) {
    if (!take_lock()) return;
    // A disk that was mounted late: its file holds what this run does not know.
    std::error_code ignored;  // then saving tells
    if (absent_ && std::filesystem::exists(path_, ignored)) return keep_nothing("was not there when this run began");
  }
  if (unread_) {
    const std::string aside = move_aside(wall);
    if (unread_) return fail("cannot move " + path_ + " to " + aside + ": " + std::strerror(errno));
    tell_(Weight::warning, "learning: what was not usable is moved to " + aside);
  }
  const std::string wrong = replace_file(path_, write_learned({.saved = wall, .keys = snapshot()}));
  if (!wrong.empty()) return fail(wrong);
  saved_version_ = version;
  absent_ = false;
  if (!failure_.empty()) tell_(Weight::info, "learning: state is kept in " + path_ + " again");
  failure_.clear();
}

void LearningStore::fail(const std::string& what) {
  if (what != failure_) tell_(Weight::warning, "learning: state is not kept: " + what + "; it will be tried again");
  failure_ = what;
}

}  // namespace backoffd::admin
