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

inline constexpr std::int64_t kLearningVersion = 1;   // of the form of the file
inline constexpr std::size_t kMaxLearnedKeys = 4096;  // as many as the engine keeps; neither written nor read are more

struct LearnedFile {
  std::int64_t version = kLearningVersion;
  std::int64_t algorithm = policy::kLearningAlgorithm;  // that learned what it says
  policy::WallTime saved{};
  std::vector<policy::LearnedKey> keys;

  // Not for this program: then neither `saved` nor `keys` were read.
  bool newer() const { return version > kLearningVersion || algorithm > policy::kLearningAlgorithm; }
};

std::string write_learned(const LearnedFile& file);

// An error says what no file of ours can hold. Unknown members are passed over: a later program of the same version may
// write more.
policy::Result<LearnedFile> parse_learned(std::string_view text);

}  // namespace backoffd::admin
