#include "proxy/notice.h"

#include <spdlog/spdlog.h>

#include "proxy/net/loop.h"

namespace backoffd::proxy {

void notice(const std::string& sentence) {
  constexpr int kMost = 10;
  static thread_local policy::MonoTime since{};
  static thread_local int told = 0;
  static thread_local int left_out = 0;
  if (const policy::MonoTime now = Loop::now(); now - since >= std::chrono::seconds(1)) {
    since = now;
    told = 0;
  }
  if (++told > kMost) {
    ++left_out;
    return;
  }
  std::string shown;
  for (const char c : sentence) shown += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  if (left_out > 0) shown += " (" + std::to_string(std::exchange(left_out, 0)) + " more notices were left out)";
  spdlog::warn("{}", shown);
}

}  // namespace backoffd::proxy
