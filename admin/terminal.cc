#include "admin/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace backoffd::admin {
namespace {

constexpr std::string_view kReset = "\x1b[0m";
constexpr std::array<std::string_view, 6> kTones = {"", "\x1b[1m", "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[2m"};

}  // namespace

Terminal Terminal::of(int fd, const Environment& environment) {
  Terminal terminal;
  terminal.is_terminal = ::isatty(fd) == 1;
  if (!terminal.is_terminal) return terminal;
  terminal.colours = environment("NO_COLOR").value_or("").empty() && environment("TERM") != "dumb";
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0) {
    terminal.width = size.ws_col;
    terminal.height = size.ws_row;
  }
  return terminal;
}

std::string painted(std::string_view text, Tone tone, const Terminal& terminal) {
  std::string out(text);
  if (!terminal.colours || tone == Tone::plain || text.empty()) return out;
  return std::string(kTones[static_cast<std::size_t>(tone)]) + out + std::string(kReset);
}

std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F are controls, too.
    const bool wide_control = c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (wide_control) ++i;
    out += c < 0x20 || c == 0x7f || wide_control ? '?' : text[i];
  }
  return out;
}

std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace backoffd::admin
