#include "policy/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "policy/random.h"

namespace backoffd::policy {
namespace {

using namespace std::chrono_literals;

// Latencies between `low` and `high` seconds, evenly in their logarithm.
std::vector<double> latencies(std::size_t count, double low, double high, std::uint64_t seed) {
  Random random(seed);
  std::vector<double> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(low * std::pow(high / low, random.uniform()));
  return all;
}

LatencyHistogram histogram_of(const std::vector<double>& values) {
  LatencyHistogram histogram;
  for (const double value : values) histogram.add(from_seconds(value));
  return histogram;
}

TEST(LatencyHistogram, AnEmptyOneHasNothing) {
  const LatencyHistogram empty;
  EXPECT_EQ(empty.count(), 0u);
  EXPECT_EQ(empty.mean(), 0);
  EXPECT_EQ(empty.quantile(0.5), 0);
}

TEST(LatencyHistogram, QuantilesAreWithinTheirError) {
  for (const auto& [low, high] : {std::pair{1e-5, 1e-3}, {1e-3, 10.0}, {0.5, 30000.0}}) {
    std::vector<double> values = latencies(20'000, low, high, 3);
    const LatencyHistogram histogram = histogram_of(values);
    std::sort(values.begin(), values.end());
    for (const double q : {0.001, 0.25, 0.5, 0.95, 0.99, 1.0}) {
      const double exact = values[static_cast<std::size_t>(std::ceil(q * 20'000)) - 1];
      EXPECT_NEAR(histogram.quantile(q), exact, exact * LatencyHistogram::kRelativeError + 1e-6) << q << " " << high;
    }
  }
}

TEST(LatencyHistogram, TheMeanIsExact) {
  LatencyHistogram histogram;
  for (const Duration d : {Duration(1ms), Duration(2ms), Duration(30s)}) histogram.add(d);
  EXPECT_DOUBLE_EQ(histogram.mean(), 30.003 / 3);
}

TEST(LatencyHistogram, ValuesThatMakeNoSenseDoNoHarm) {
  LatencyHistogram histogram;
  for (const Duration d : {Duration(-5s), Duration::min(), Duration::max(), Duration(0)}) histogram.add(d);
  EXPECT_EQ(histogram.count(), 4u);
  EXPECT_NEAR(histogram.quantile(1), 86400, 86400 / 32.0);
}

TEST(LatencyHistogram, MergedPartsAreTheWhole) {
  const std::vector<double> values = latencies(5000, 1e-4, 100, 5);
  const LatencyHistogram whole = histogram_of(values);
  LatencyHistogram merged;
  for (std::size_t i = 0; i < values.size(); i += 500) {
    merged.merge(histogram_of(
        {values.begin() + static_cast<std::ptrdiff_t>(i), values.begin() + static_cast<std::ptrdiff_t>(i + 500)}));
  }
  EXPECT_EQ(merged.count(), whole.count());
  EXPECT_NEAR(merged.mean(), whole.mean(), 1e-9);
  for (const double q : {0.01, 0.5, 0.9, 0.999}) EXPECT_EQ(merged.quantile(q), whole.quantile(q)) << q;
}

TEST(LatencyHistogram, MemoryIsBoundedAndTheUpperQuantilesStay) {
  std::vector<double> values = latencies(50'000, 1e-6, 86'000, 9);
  const LatencyHistogram histogram = histogram_of(values);
  EXPECT_LE(histogram.bins(), LatencyHistogram::kMostBins);
  std::sort(values.begin(), values.end());
  for (const double q : {0.6, 0.95, 0.99}) {
    const double exact = values[static_cast<std::size_t>(q * 50'000) - 1];
    EXPECT_NEAR(histogram.quantile(q), exact, exact * LatencyHistogram::kRelativeError) << q;
  }
}

}  // namespace
}  // namespace backoffd::policy
