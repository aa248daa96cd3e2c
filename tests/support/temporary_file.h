// A file that goes with the test.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include "proxy/net/handles.h"

namespace backoffd::test {

class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view content) {
    const char* directory = std::getenv("TMPDIR");
    path_ = std::string(directory != nullptr ? directory : "/tmp") + "/backoffd-test-XXXXXX";
    const proxy::Fd created(::mkstemp(path_.data()));
    write(content);
  }
  ~TemporaryFile() { std::remove(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::string& path() const { return path_; }
  void write(std::string_view content) const { std::ofstream(path_) << content; }

 private:
  std::string path_;
};

}  // namespace backoffd::test
