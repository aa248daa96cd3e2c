#include "admin/temporary_folder.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "admin/file.h"

namespace backoffd::admin {

policy::Result<TemporaryFolder> TemporaryFolder::make(const Environment& environment) {
  std::string wrong;
  for (const char* name : {"XDG_RUNTIME_DIR", "TMPDIR", ""}) {
    const std::string parent = *name ? environment(name).value_or("") : "/tmp";
    if (parent.empty() || parent.front() != '/') continue;
    std::string path = parent + "/backoffd-XXXXXX";
    if (::mkdtemp(path.data())) return TemporaryFolder(std::move(path));
    wrong += (wrong.empty() ? "" : "; ") + parent + ": " + std::strerror(errno);
  }
  return policy::Error{"", "cannot make a temporary folder: " + wrong};
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;  // nobody is left to be told, and nothing secret is in it
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

policy::Result<std::string> TemporaryFolder::write(const std::string& name, const std::string& text) const {
  std::string path = path_ + "/" + name;
  const std::string wrong = replace_file(path, text);
  if (!wrong.empty()) return policy::Error{"", wrong};
  return path;
}

}  // namespace backoffd::admin
