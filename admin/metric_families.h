// Metrics on their way to the Prometheus text format. The only file pair that knows prometheus-cpp. Plain values; any
// thread.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace backoffd::admin {

// Families in the order in which they are begun; a sample goes to the one begun last.
class MetricFamilies {
 public:
  MetricFamilies();
  ~MetricFamilies();

  enum class Type { counter, gauge, histogram, summary };
  using Label = std::pair<const char*, std::string_view>;
  using Labels = std::initializer_list<Label>;

  // `name`: the whole one.
  void begin(Type type, std::string name, std::string help);
  void sample(double value, Labels labels = {});  // of a counter or a gauge
  // `counts`: by the upper bounds and one more for what is above all of them; not cumulative.
  void histogram(const std::vector<double>& bounds, const std::vector<std::uint64_t>& counts, double sum);
  void summary(std::uint64_t count, double sum, Labels labels);  // without quantiles

  std::string text() const;

 private:
  struct All;
  std::unique_ptr<All> all_;
};

}  // namespace backoffd::admin
