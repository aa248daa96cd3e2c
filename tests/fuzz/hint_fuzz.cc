// Fuzzes read_hint(): the input is a response head, a status on its first line and "Name: value" on the others. What is
// believed must lie within its bounds, whatever the server wrote.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <vector>

#include "policy/hint.h"
#include "policy/text.h"

using namespace backoffd::policy;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool sane(const std::optional<Duration>& time) {
  return !time || (*time > Duration::zero() && *time <= std::chrono::hours(24 * 366));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto line = [&] {
    const std::string_view text = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(text.size() + 1, rest.size()));
    return text;
  };
  ResponseFacts response;
  response.received = std::chrono::sys_days(std::chrono::year(2026) / 11 / 23);
  response.status = static_cast<int>(parse_unsigned(line().substr(0, 3)).value_or(429));
  std::vector<FieldView> fields;
  while (!rest.empty()) {
    const std::string_view text = line();
    const auto colon = text.find(':');
    if (colon != std::string_view::npos) fields.push_back({text.substr(0, colon), trim(text.substr(colon + 1))});
  }
  response.fields = fields;

  const Hint hint = read_hint(response);
  require(sane(hint.retry_after) && sane(hint.reset) && sane(hint.window));
  require(!hint.limit || *hint.limit > 0);
  require(!hint.remaining || *hint.remaining >= 0);
  require(!hint.concurrency || *hint.concurrency > 0);
  require(hint.ignored >= 0 && static_cast<std::size_t>(hint.ignored) <= size);
  (void)is_throttle_answer(response.status, hint);
  return 0;
}
