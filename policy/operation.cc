#include "policy/operation.h"

#include <algorithm>

#include "policy/facts.h"
#include "policy/text.h"

namespace backoffd::policy {
namespace {

constexpr std::array<std::string_view, 3> kManifests = {"manifest.json", "sitemap.xml", "robots.txt"};

// Documents, archives, media: what a path that names a file of them ends in.
constexpr std::array<std::string_view, 62> kArtifacts = {
    "7z",   "aac",  "apk",  "avi",  "bin", "bmp", "bz2",  "cab", "deb",  "djvu", "dmg",  "doc",  "docx",
    "epub", "exe",  "flac", "gif",  "gz",  "img", "iso",  "jar", "jpeg", "jpg",  "m4a",  "mkv",  "mobi",
    "mov",  "mp3",  "mp4",  "mpeg", "mpg", "msi", "odp",  "ods", "odt",  "ogg",  "opus", "pdf",  "png",
    "ppt",  "pptx", "ps",   "rar",  "rpm", "rtf", "svg",  "tar", "tex",  "tgz",  "tif",  "tiff", "txz",
    "wav",  "webm", "webp", "whl",  "wmv", "xls", "xlsx", "xz",  "zip",  "zst",
};
static_assert(std::is_sorted(kArtifacts.begin(), kArtifacts.end()));

constexpr std::array<std::string_view, 3> kMediaPrefixes = {"image/", "audio/", "video/"};
constexpr std::array<std::string_view, 18> kArtifactTypes = {
    "application/epub+zip",
    "application/gzip",
    "application/java-archive",
    "application/msword",
    "application/octet-stream",
    "application/pdf",
    "application/postscript",
    "application/rtf",
    "application/vnd.debian.binary-package",
    "application/vnd.rar",
    "application/x-7z-compressed",
    "application/x-bzip2",
    "application/x-gzip",
    "application/x-rar-compressed",
    "application/x-tar",
    "application/x-xz",
    "application/zip",
    "application/zstd",
};
constexpr std::array<std::string_view, 3> kOfficePrefixes = {
    "application/vnd.openxmlformats-officedocument.", "application/vnd.oasis.opendocument.", "application/vnd.ms-"};

bool is_artifact_path(std::string_view path) {
  const std::string_view file = path.substr(path.rfind('/') + 1);
  const auto dot = file.rfind('.');
  if (dot == std::string_view::npos) return false;
  const std::string_view extension = file.substr(dot + 1);
  std::array<char, 4> lower;
  if (extension.empty() || extension.size() > lower.size()) return false;
  std::transform(extension.begin(), extension.end(), lower.begin(), to_lower);
  return std::binary_search(kArtifacts.begin(), kArtifacts.end(), std::string_view(lower.data(), extension.size()));
}

bool is_artifact_type(std::string_view type) {
  const auto same = [&](std::string_view known) { return equals_ignoring_case(type, known); };
  const auto begins = [&](std::string_view prefix) { return starts_with_ignoring_case(type, prefix); };
  return std::any_of(kMediaPrefixes.begin(), kMediaPrefixes.end(), begins) ||
         std::any_of(kArtifactTypes.begin(), kArtifactTypes.end(), same) ||
         std::any_of(kOfficePrefixes.begin(), kOfficePrefixes.end(), begins);
}

// JSON or XML, also as the syntax below another type (RFC 6839); a page in XHTML is for reading, not data.
bool is_structured_type(std::string_view type) {
  if (equals_ignoring_case(type, "application/xhtml+xml")) return false;
  return equals_ignoring_case(type, "application/json") || equals_ignoring_case(type, "application/xml") ||
         equals_ignoring_case(type, "text/xml") || ends_with_ignoring_case(type, "+json") ||
         ends_with_ignoring_case(type, "+xml");
}

template <class Test>
bool any_accepted(std::string_view accept, Test test) {
  ListReader ranges(accept);
  while (const auto range = ranges.next()) {
    if (test(trim(range->substr(0, range->find(';'))))) return true;
  }
  return false;
}

// First segment api, works, or v and a number: "/v1", "/v2.1".
bool is_api_path(std::string_view path) {
  if (!path.starts_with('/')) return false;
  std::string_view first = path.substr(1);
  first = first.substr(0, first.find('/'));
  if (equals_ignoring_case(first, "api") || equals_ignoring_case(first, "works")) return true;
  return first.size() >= 2 && to_lower(first[0]) == 'v' && is_digit(first[1]) &&
         first.find_first_not_of("0123456789.", 1) == std::string_view::npos;
}

}  // namespace

std::optional<Operation> parse_operation(std::string_view text) {
  const auto it = std::find(kOperationNames.begin(), kOperationNames.end(), text);
  if (it == kOperationNames.end()) return std::nullopt;
  return static_cast<Operation>(it - kOperationNames.begin());
}

Operation infer_operation(const RequestFacts& request) {
  if (request.method == "HEAD") return Operation::validate;
  const auto ends = [&](std::string_view suffix) { return ends_with_ignoring_case(request.path, suffix); };
  if (std::any_of(kManifests.begin(), kManifests.end(), ends)) return Operation::manifest_fetch;
  if (request.has_range || is_artifact_path(request.path) || any_accepted(request.accept, is_artifact_type)) {
    return Operation::download;
  }
  if (any_accepted(request.accept, is_structured_type) || is_api_path(request.path)) return Operation::resolve;
  return Operation::download;
}

}  // namespace backoffd::policy
