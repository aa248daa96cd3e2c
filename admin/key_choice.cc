#include "admin/key_choice.h"

#include <algorithm>

namespace backoffd::admin {
namespace {

using policy::KeyStatus;
using policy::LearnerState;

bool held_back(const KeyStatus& key) {
  return key.learner.state != LearnerState::unknown && key.learner.state != LearnerState::normal;
}

bool matters_more(const KeyStatus& a, const KeyStatus& b) {
  if (held_back(a) != held_back(b)) return held_back(a);
  const bool a_busy = a.in_flight + a.queued > 0;
  const bool b_busy = b.in_flight + b.queued > 0;
  if (a_busy != b_busy) return a_busy;
  return a.requests > b.requests;
}

}  // namespace

std::vector<KeyStatus> choose_keys(std::vector<KeyStatus> keys) {
  if (keys.size() > kMostShownKeys) {
    std::stable_sort(keys.begin(), keys.end(), matters_more);
    keys.resize(kMostShownKeys);
  }
  std::sort(keys.begin(), keys.end(), [](const KeyStatus& a, const KeyStatus& b) { return a.key < b.key; });
  return keys;
}

}  // namespace backoffd::admin
