// The walker of chunk extensions (RFC 9112 7.1.1). The proxy has no use for one, but whoever disagrees on where it
// ends disagrees on where the next request begins: so the grammar is checked, byte by byte, and nothing is kept.
#pragma once

#include <cstdint>

namespace backoffd::proxy {

// chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
class ChunkExtension {
 public:
  // `c` is the first byte behind the size that is neither a digit nor CR. False: it begins no extension.
  bool begin(char c) {
    state_ = State::before;
    return step(c);
  }
  bool step(char c);  // false: not in the grammar
  // May CR end the size line here?
  bool may_end() const { return state_ == State::name || state_ == State::value || state_ == State::quoted_end; }

 private:
  enum class State : std::uint8_t {
    before,      // white space, then ";"
    name_begin,  // behind ";"
    name,
    name_end,     // white space behind a name: "=" or ";" must follow
    value_begin,  // behind "="
    value,
    quoted,
    quoted_pair,
    quoted_end,
  };
  State state_ = State::before;
};

}  // namespace backoffd::proxy
