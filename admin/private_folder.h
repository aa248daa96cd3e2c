// A folder that this user alone may look into, for what must not be read by others. Blocks on the disk.
//
// Held, it is locked: other processes that open it wait, so that what is read and then written is not changed between.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "policy/result.h"
#include "proxy/net/handles.h"

namespace backoffd::admin {

class PrivateFolder {
 public:
  // Made where there is none, with mode 0700 and the folders above it. Refused, with a sentence that names path and
  // mode, where others may look into it, or where it is theirs.
  static policy::Result<PrivateFolder> open(const std::string& path);

  // A whole file; none where there is none. Refused on the same grounds as the folder, and when it is no plain file.
  policy::Result<std::optional<std::string>> read(const std::string& name, std::size_t limit) const;

  std::string path_of(const std::string& name) const { return path_ + "/" + name; }

 private:
  PrivateFolder(std::string path, proxy::Fd lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  proxy::Fd lock_;
};

}  // namespace backoffd::admin
