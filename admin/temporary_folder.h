// A folder of this process alone, gone with it. Blocks on the disk.
#pragma once

#include <string>
#include <vector>

#include "admin/environment.h"
#include "policy/result.h"

namespace backoffd::admin {

class TemporaryFolder {
 public:
  // With mode 0700, in XDG_RUNTIME_DIR (memory, and this user's alone), else in TMPDIR, else in /tmp.
  static policy::Result<TemporaryFolder> make(const Environment& environment);
  TemporaryFolder(TemporaryFolder&& from) noexcept : path_(std::move(from.path_)) { from.path_.clear(); }
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  ~TemporaryFolder();  // removes it with all that is in it

  // Writes a file into it; its path. An error says what went wrong.
  policy::Result<std::string> write(const std::string& name, const std::string& text) const;

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}

  std::string path_;  // empty: moved away
};

}  // namespace backoffd::admin
