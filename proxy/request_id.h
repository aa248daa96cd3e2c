// The name of one exchange, for log, answer and operator.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace backoffd::proxy {

class RequestId {
 public:
  // `number`: unique in the process. Mixed it looks like what it is, an opaque name.
  explicit RequestId(std::uint64_t number) {
    std::uint64_t x = number * 0x9e3779b97f4a7c15;
    x ^= x >> 32;
    for (char& digit : text_) {
      digit = "0123456789abcdef"[x >> 60];
      x <<= 4;
    }
  }
  std::string_view text() const { return {text_.data(), text_.size()}; }

 private:
  std::array<char, 16> text_;
};

}  // namespace backoffd::proxy
