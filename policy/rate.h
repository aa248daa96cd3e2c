// A rate limit as people write it: "10/SECOND", "50/s", "10000/HOUR", "1/3SECOND". A value that cannot be wrong: it is
// checked when it is made.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "policy/result.h"
#include "policy/time.h"

namespace backoffd::policy {

class Rate {
 public:
  // "COUNT/UNIT" or "COUNT/NUNIT" with an integer COUNT of 1..10^9, N of 1..10^6, and UNIT one of s, SECOND(S), m,
  // MINUTE(S), h, HOUR(S), d, DAY(S) in any case; a window of at most 100000 days. The error quotes the text and says
  // which part is wrong.
  static Result<Rate> parse(std::string_view text);
  static Rate per_second(double requests);  // a window of one second. REQUIRES: requests > 0

  double count() const { return count_; }
  Duration window() const { return window_; }
  double per_second() const { return count_ / seconds(window_); }
  std::string text() const;  // the canonical spelling, longest unit that fits: "10/SECOND", "1/3SECOND", "100/6HOUR"

  bool operator==(const Rate&) const = default;

 private:
  Rate(double count, Duration window) : count_(count), window_(window) {}

  double count_;
  Duration window_;
};

}  // namespace backoffd::policy
