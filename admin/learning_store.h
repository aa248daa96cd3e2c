// Keeps learned state in its file over restarts. Nothing here ever fails a start or stops the proxy: what goes wrong is
// told, and learning goes on without the file.
//
// Owned by main; used on one thread, which may block on the disk (never a worker's).
//
//   open() --lock taken, file read--> keeping           saves replace the file as a whole, or not at all
//          --folder not usable yet--> waiting           each save tries again to take the lock; a file that has come
//                                                       with it meanwhile, unread, leads to never
//   keeping --lock file gone--> waiting
//          --lock held by another process, file of a newer version or algorithm, or no file at all but a folder or a
//            device--> never                   this run neither reads nor keeps anything, and leaves the file alone
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "policy/learner.h"
#include "policy/time.h"
#include "proxy/net/handles.h"

namespace backoffd::admin {

class LearningStore {
 public:
  enum class Weight { info, warning, error };  // error: this run keeps nothing
  using Tell = std::function<void(Weight weight, const std::string& sentence)>;
  using Snapshot = std::function<std::vector<policy::LearnedKey>()>;

  static constexpr policy::Duration kBetweenSaves = std::chrono::seconds(5);

  // `tell` is called during the calls below.
  LearningStore(std::string path, Tell tell);

  struct Learned {
    std::vector<policy::LearnedKey> keys;
    policy::Duration age{};  // since they were saved
  };
  // Takes the lock and reads the file. A file that does not parse is moved aside (".corrupt-<seconds>"), once the lock
  // is held; before that nothing takes its place.
  // REQUIRES: called once, before any save.
  Learned open(policy::WallTime now);

  // Saves when `version` is another than the one saved last, at most every kBetweenSaves. After a failure it is tried
  // again in the same rhythm; the same failure is told once. `snapshot` is called only when there is something to do.
  void maybe_save(policy::MonoTime now, policy::WallTime wall, std::uint64_t version, const Snapshot& snapshot);
  // The same without waiting for the time: at the end of a drain.
  void save(policy::WallTime wall, std::uint64_t version, const Snapshot& snapshot);

  // What is learned reaches the file, as far as is known.
  bool keeps() const { return state_ == State::keeping && failure_.empty(); }

 private:
  enum class State { waiting, keeping, never };

  std::string lock_path() const { return path_ + ".lock"; }
  bool take_lock();
  void keep_nothing(const std::string& why);
  void start_empty(policy::WallTime now, const std::string& why);
  std::string move_aside(policy::WallTime now);
  void fail(const std::string& what);

  // --- constant after construction ---
  const std::string path_;
  const Tell tell_;

  State state_ = State::waiting;
  proxy::Fd lock_;       // held as long as this lives
  bool absent_ = false;  // there was no file at the start, nor have we written one
  bool unread_ = false;  // there is one that could not be read
  std::uint64_t saved_version_ = 0;
  policy::MonoTime next_save_{};
  std::string failure_;  // the one told last; empty: the last save went well
};

}  // namespace backoffd::admin
