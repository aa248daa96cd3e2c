#include "admin/exec_summary.h"

#include <array>
#include <cstdio>

namespace backoffd::admin {
namespace {

std::string count(std::uint64_t n, const char* one, const char* many) {
  return std::to_string(n) + ' ' + (n == 1 ? one : many);
}

// With one digit behind the point where it has a unit: nobody copies these into a configuration.
std::string rounded(std::uint64_t bytes) {
  constexpr std::array kUnits = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return count(bytes, "byte", "bytes");
  auto value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %s", value, kUnits[unit]);
  return text.data();
}

std::string rounded(double seconds) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f s", seconds);
  return text.data();
}

}  // namespace

ExecSummary ExecSummary::of(const std::vector<const proxy::Counters*>& workers) {
  ExecSummary sum;
  for (const proxy::Counters* counters : workers) {
    for (const proxy::Counter& answers : counters->responses) sum.requests += answers.get();
    sum.retries += counters->retries.get();
    sum.resumed_bodies += counters->resumed_bodies.get();
    sum.resumed_bytes += counters->resumed_bytes.get();
    sum.queued += counters->queued.get();
    sum.queued_seconds += counters->queue_seconds.sum();
    sum.absorbed_throttles += counters->absorbed_throttles.get();
  }
  return sum;
}

std::string ExecSummary::text() const {
  std::string out = count(requests, "request", "requests") + ", " + count(retries, "retry", "retries");
  if (resumed_bodies > 0) {
    out +=
        "; " + count(resumed_bodies, "body", "bodies") + " resumed, " + rounded(resumed_bytes) + " not fetched again";
  }
  if (queued > 0)
    out += "; " + count(queued, "request", "requests") + " held for " + rounded(queued_seconds) + " in all";
  if (absorbed_throttles > 0) out += "; " + count(absorbed_throttles, "429", "429s") + " avoided";
  return out;
}

}  // namespace backoffd::admin
