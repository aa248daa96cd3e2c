// Every key with a range is tried at both of its ends: the data plane serves there as well.
#include <gtest/gtest.h>

#include "admin/config_keys.h"
#include "admin/config_reader.h"
#include "tests/support/play.h"

namespace backoffd::admin {
namespace {

using test::Peer;
using test::Play;

struct End {
  std::string path;
  std::string value;
  bool least;
};

// A key that is bound by another has its ends where the other leaves room.
constexpr struct {
  std::string_view of, path, value;
} kCompanions[] = {
    {"gates.contextual-retry.", "gates.contextual-retry.mode", "on"},
    {"gates.provider-learning.", "gates.provider-learning.mode", "on"},
    {"gates.contextual-retry.slice", "gates.contextual-retry.washout", "0s"},
    {"gates.provider-learning.slice", "gates.provider-learning.washout", "0s"},
    {"retry.base_delay", "retry.max_backoff", "1h"},
    {"retry.max_backoff", "retry.base_delay", "1ms"},
    {"limits.request_target", "limits.head_bytes", "1MiB"},
    {"limits.head_bytes", "limits.request_target", "1KiB"},
};

std::vector<Assignment> assignments_of(const End& end) {
  std::vector<Assignment> all{assignment_of_text("--set", end.path, end.value)};
  for (const auto& [of, path, value] : kCompanions) {
    if (end.path.starts_with(of) && end.path != path) {
      all.push_back(assignment_of_text("--set", std::string(path), std::string(value)));
    }
  }
  return all;
}

std::vector<End> ends_of_all_ranges() {
  std::vector<End> ends;
  for (const KeyRow& row : key_rows()) {
    const auto dots = row.range.find("..");
    // The ends of a share of error are themselves refused.
    if (row.path == "gates.thresholds.alpha") continue;
    // One inside a list is of no list in particular; workers are the machine's matter.
    if (dots == std::string::npos || row.path.find('[') != std::string::npos || row.path == "workers") continue;
    ends.push_back({row.path, row.range.substr(0, dots), true});
    // A washout ends before its slice does, and no slice is longer than the longest washout.
    if (!row.path.ends_with(".washout")) ends.push_back({row.path, row.range.substr(dots + 2), false});
  }
  return ends;
}

class ConfigEnds : public testing::TestWithParam<End> {};

TEST_P(ConfigEnds, AreServed) {
  const End& end = GetParam();
  const Loaded loaded = read_settings("", assignments_of(end));
  ASSERT_TRUE(loaded.problems.empty()) << loaded.problems.front().text();
  Play play(test::ok("x"), [&](test::ProxySettings& s) {
    const proxy::Config own = s.proxy;
    s.policy = loaded.settings.config.policy;
    s.proxy = loaded.settings.config.proxy;
    s.proxy.listen = own.listen;
    s.proxy.workers = own.workers;
    s.proxy.access_log = own.access_log;
    s.proxy.egress = own.egress;
  });
  static constexpr std::string_view kGet = "GET http://{}/ HTTP/1.1\r\nHost: {}\r\n\r\n";
  // What is kept of the first connection's requests is met by the second's.
  for (int i = 0; i < 2; ++i) {
    Peer client = play.client(std::string(kGet) + std::string(kGet));
    const std::string first = client.read_response();
    const std::string second = client.read_response();
    // A millisecond may be too little: then the answer says so, or the connection is ended.
    if (end.least && end.path.starts_with("timeouts.")) continue;
    EXPECT_EQ(200, test::status_of(first)) << first;
    EXPECT_EQ(200, test::status_of(second)) << second;
  }
}

INSTANTIATE_TEST_SUITE_P(OfTheReference, ConfigEnds, testing::ValuesIn(ends_of_all_ranges()), [](const auto& row) {
  return test::test_name(row.param.path) + "_at_" + test::test_name(row.param.value);
});

}  // namespace
}  // namespace backoffd::admin
