#include "proxy/http/chunk_extension.h"

#include "policy/text.h"

namespace backoffd::proxy {
namespace {

bool is_tchar(char c) { return policy::is_token({&c, 1}); }
bool is_space(char c) { return c == ' ' || c == '\t'; }
bool is_text(char c) { return (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) || c == '\t'; }

}  // namespace

bool ChunkExtension::step(char c) {
  const auto go = [this](State next) {
    state_ = next;
    return true;
  };
  switch (state_) {
    case State::before:
      if (c == ';') return go(State::name_begin);
      return is_space(c);
    case State::name_begin:
      if (is_tchar(c)) return go(State::name);
      return is_space(c);
    case State::name:
      if (is_tchar(c)) return true;
      if (is_space(c)) return go(State::name_end);
      [[fallthrough]];
    case State::name_end:
      if (c == '=') return go(State::value_begin);
      if (c == ';') return go(State::name_begin);
      return is_space(c);
    case State::value_begin:
      if (c == '"') return go(State::quoted);
      if (is_tchar(c)) return go(State::value);
      return is_space(c);
    case State::value:
      if (is_tchar(c)) return true;
      [[fallthrough]];
    case State::quoted_end:
      if (c == ';') return go(State::name_begin);
      return is_space(c) && go(State::before);
    case State::quoted:
      if (c == '"') return go(State::quoted_end);
      if (c == '\\') return go(State::quoted_pair);
      return is_text(c);
    case State::quoted_pair:
      return is_text(c) && go(State::quoted);
  }
  return false;
}

}  // namespace backoffd::proxy
