// What is known of the place where a command's text goes, and colours for it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "admin/environment.h"

namespace backoffd::admin {

struct Terminal {
  bool is_terminal = false;
  bool colours = false;    // a terminal that has them, and nobody set NO_COLOR
  std::size_t width = 0;   // columns; 0: as many as the text needs
  std::size_t height = 0;  // lines; 0: not known

  // As it is now: it may become larger or smaller.
  static Terminal of(int fd, const Environment& environment);
};

enum class Tone { plain, strong, good, warning, bad, faint };

std::string painted(std::string_view text, Tone tone, const Terminal& terminal);

// Without anything that could move a cursor: text that others chose stays text.
std::string printable(std::string_view text);

// Columns of valid UTF-8, as far as names, figures and signs need it: a code point is one.
std::size_t columns_of(std::string_view text);

}  // namespace backoffd::admin
