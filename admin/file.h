// Whole files: read with a bound, replaced in one step. Blocks on the disk.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace backoffd::admin {

// The whole file; none, with errno, when it cannot be read or is longer than `limit` (EFBIG).
std::optional<std::string> read_file(const std::string& path, std::size_t limit);

// Replaces the file at `path` by `text`: a reader, or a restart after a crash at any moment, finds the old or the new
// one whole. Of this `mode` whatever the umask, and never looser on the way. Returns what went wrong, empty when
// nothing did. One writer at a time.
std::string replace_file(const std::string& path, const std::string& text, mode_t mode = 0600);

}  // namespace backoffd::admin
