// The files of admin/web/, as they were when the program was built.
#pragma once

#include <string_view>
#include <vector>

namespace backoffd::admin {

struct WebFile {
  std::string_view name;  // "app.js"
  std::string_view type;
  std::string_view content;
};

const std::vector<WebFile>& web_files();

}  // namespace backoffd::admin
