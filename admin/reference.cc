#include "admin/reference.h"

namespace backoffd::admin {
namespace {

std::string type_and_range(const KeyRow& row) {
  return row.range.empty() ? row.type : row.type + " (" + row.range + ")";
}

}  // namespace

std::string reference_text(const KeyRows& rows) {
  std::string out = "Keys of the configuration file, also of --set KEY=VALUE:\n\n";
  for (const KeyRow& row : rows) {
    const std::string preset = row.preset == "required" ? row.preset : "default " + row.preset;
    out += row.path + ": " + type_and_range(row) + ", " + preset + "\n    " + row.meaning + "\n";
  }
  return out;
}

std::string reference_row(const KeyRow& row) {
  const bool is_word = row.preset == "required" || row.preset == "none";
  const std::string preset = is_word ? row.preset : '`' + row.preset + '`';
  return "| `" + row.path + "` | " + type_and_range(row) + " | " + preset + " | " + row.meaning + " |";
}

}  // namespace backoffd::admin
