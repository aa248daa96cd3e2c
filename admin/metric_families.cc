#include "admin/metric_families.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <sstream>

namespace backoffd::admin {

struct MetricFamilies::All {
  std::vector<prometheus::MetricFamily> families;

  prometheus::ClientMetric& add(Labels labels) {
    prometheus::ClientMetric& metric = families.back().metric.emplace_back();
    for (const auto& [name, value] : labels) metric.label.push_back({name, std::string(value)});
    return metric;
  }
};

MetricFamilies::MetricFamilies() : all_(std::make_unique<All>()) {}
MetricFamilies::~MetricFamilies() = default;

void MetricFamilies::begin(Type type, std::string name, std::string help) {
  using prometheus::MetricType;
  constexpr MetricType kTypes[] = {MetricType::Counter, MetricType::Gauge, MetricType::Histogram, MetricType::Summary};
  all_->families.push_back({std::move(name), std::move(help), kTypes[static_cast<std::size_t>(type)], {}});
}

void MetricFamilies::sample(double value, Labels labels) {
  prometheus::ClientMetric& metric = all_->add(labels);
  metric.counter.value = value;
  metric.gauge.value = value;
}

void MetricFamilies::histogram(const std::vector<double>& bounds, const std::vector<std::uint64_t>& counts,
                               double sum) {
  prometheus::ClientMetric& metric = all_->add({});
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    count += counts[i];
    metric.histogram.bucket.push_back({count, i < bounds.size() ? bounds[i] : std::numeric_limits<double>::infinity()});
  }
  metric.histogram.sample_count = count;
  metric.histogram.sample_sum = sum;
}

void MetricFamilies::summary(std::uint64_t count, double sum, Labels labels) {
  prometheus::ClientMetric& metric = all_->add(labels);
  metric.summary.sample_count = count;
  metric.summary.sample_sum = sum;
}

std::string MetricFamilies::text() const {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, all_->families);
  return out.str();
}

}  // namespace backoffd::admin
