#include "admin/key_history.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "admin/units.h"

namespace backoffd::admin {
namespace {

using json::Array;
using json::Value;

template <class T>
T clipped(std::uint64_t n) {
  return static_cast<T>(std::min<std::uint64_t>(n, std::numeric_limits<T>::max()));
}

// Three figures are what a chart shows, and a fifth of the bytes.
Value rate_or_null(float per_second) {
  if (!(per_second > 0) || !std::isfinite(per_second)) return {};
  const double unit = std::pow(10.0, std::floor(std::log10(per_second)) - 3);
  return std::round(per_second / unit) * unit;
}

}  // namespace

void KeyHistory::Ring::add(const Sample& sample) {
  if (samples.size() < kSamples) {
    samples.push_back(sample);
    return;
  }
  samples[next] = sample;
  next = (next + 1) % kSamples;
}

void KeyHistory::add(const std::vector<policy::KeyStatus>& keys, policy::WallTime now) {
  const std::int64_t second = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  // The civil clock may be set: what is older than the ring, or not yet, is no gap.
  const std::int64_t gap = second_ == 0 ? 0 : second - second_ - 1;
  const std::int64_t missed = gap > 0 && gap < static_cast<std::int64_t>(kSamples) ? gap : 0;
  if (gap == -1) return;  // the same second; what was counted since belongs to the next one
  second_ = second;
  for (auto& [text, ring] : rings_) ring.chosen = false;
  for (const policy::KeyStatus& key : keys) {
    const auto [found, is_new] = rings_.try_emplace(key.key);
    Ring& ring = found->second;
    ring.chosen = true;
    Sample sample{.configured = static_cast<float>(key.configured_limit),
                  .effective = static_cast<float>(key.effective_limit),
                  .queued = clipped<std::uint16_t>(static_cast<std::uint64_t>(std::max(0, key.queued))),
                  .state = static_cast<std::uint8_t>(key.learner.state)};
    if (!is_new) {
      for (std::int64_t i = 0; i < missed; ++i) ring.add(sample);
    }
    // Counters begin anew when a key was forgotten by the engine meanwhile.
    const bool grew = key.requests >= ring.requests && key.throttle_answers >= ring.throttle_answers;
    sample.requests = clipped<std::uint32_t>(key.requests - (grew ? ring.requests : 0));
    sample.throttle_answers = clipped<std::uint16_t>(key.throttle_answers - (grew ? ring.throttle_answers : 0));
    ring.requests = key.requests;
    ring.throttle_answers = key.throttle_answers;
    ring.add(sample);
  }
  std::erase_if(rings_, [](const auto& entry) { return !entry.second.chosen; });
}

Value KeyHistory::show() const {
  Value out;
  out["end"] = format_time(policy::WallTime(std::chrono::seconds(second_)));
  out["step"] = 1;
  out["states"] = Array(policy::kLearnerStateNames.begin(), policy::kLearnerStateNames.end());
  out["keys"] = json::Object();
  for (const auto& [key, ring] : rings_) {
    Array requests, throttle_answers, queued, configured, effective, state;
    for (std::size_t i = 0; i < ring.samples.size(); ++i) {
      const Sample& sample = ring.samples[(ring.next + i) % ring.samples.size()];
      requests.emplace_back(static_cast<std::int64_t>(sample.requests));
      throttle_answers.emplace_back(static_cast<std::int64_t>(sample.throttle_answers));
      queued.emplace_back(static_cast<std::int64_t>(sample.queued));
      configured.push_back(rate_or_null(sample.configured));
      effective.push_back(rate_or_null(sample.effective));
      state.emplace_back(static_cast<std::int64_t>(sample.state));
    }
    Value& series = out["keys"][key];
    series["requests"] = std::move(requests);
    series["throttle_answers"] = std::move(throttle_answers);
    series["queued"] = std::move(queued);
    series["configured_limit"] = std::move(configured);
    series["effective_limit"] = std::move(effective);
    series["state"] = std::move(state);
  }
  return out;
}

}  // namespace backoffd::admin
