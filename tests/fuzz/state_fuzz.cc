// Fuzzes the file of learned state. What is taken lies within the bounds the learner relies on, and what is written of
// it is taken again as the same.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "admin/learning_file.h"

using namespace backoffd::admin;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool within(double value, double most) { return std::isfinite(value) && value >= 0 && value <= most; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = parse_learned(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!file || file->newer()) return 0;
  require(file->keys.size() <= kMaxLearnedKeys);
  for (const auto& key : file->keys) {
    require(!key.key.empty());
    require(within(key.reduction_pct, 100) && within(key.base_rate, 1e9) && key.concurrency >= 0);
    require(within(key.ban_seconds, 1e9) && within(key.paused_seconds, 1e9) && key.recovery_times.size() <= 50);
    for (const double seconds : key.recovery_times) require(within(seconds, 1e9));
  }
  // RapidJSON may read the last of 17 digits differently, so the first pass settles them.
  const auto settled = parse_learned(write_learned(*file));
  require(settled.ok());
  require(settled->keys.size() == file->keys.size());
  return 0;
}
