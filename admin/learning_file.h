// Learned state as the text of its file. Pure: the file itself is admin/learning_store's business.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/learner.h"
#include "policy/result.h"
#include "policy/time.h"

namespace backoffd::admin {

inline constexpr std::int64_t kLearningVersion = 1;
inline constexpr std::size_t kMaxLearnedKeys = 4096;  // as many as the engine keeps

struct LearnedFile {
  std::int64_t version = kLearningVersion;  // a newer one than kLearningVersion: `keys` were not read
  policy::WallTime saved{};
  std::vector<policy::LearnedKey> keys;
};

std::string write_learned(const LearnedFile& file);

// An error says what no file of ours can hold. Unknown members are passed over: a later program of the same version may
// write more.
policy::Result<LearnedFile> parse_learned(std::string_view text);

}  // namespace backoffd::admin
