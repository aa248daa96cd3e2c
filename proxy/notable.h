// The last exchanges of one worker that a person may want to look at: tried again, resumed, refused, or queued for
// long. Worker's thread. Most exchanges are none of these, and cost a few comparisons here.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "proxy/access_log.h"
#include "proxy/exchange_info.h"

namespace backoffd::proxy {

class Notable {
 public:
  static constexpr std::size_t kKept = 64;

  void finished(const AccessRecord& record);
  // Appends those since `seen`, which is what an earlier call returned, or 0. Those that were pushed out are missing.
  std::uint64_t copy(std::uint64_t seen, std::vector<ExchangeInfo>& to) const;

 private:
  std::deque<ExchangeInfo> last_;
  std::uint64_t count_ = 0;  // of all so far
};

}  // namespace backoffd::proxy
