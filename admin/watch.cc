#include "admin/watch.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>

#include "admin/json.h"
#include "admin/units.h"
#include "proxy/net/loop.h"

namespace backoffd::admin {
namespace {

using proxy::Loop;

proxy::Fd take_signals() {
  sigset_t numbers;
  sigemptyset(&numbers);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&numbers, number);
  sigprocmask(SIG_BLOCK, &numbers, nullptr);
  return proxy::Fd(signalfd(-1, &numbers, SFD_CLOEXEC | SFD_NONBLOCK));
}

// False: nobody reads it any more.
bool write_out(const std::string& text) { return std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0; }

// The terminal's other screen while this lives, so that what stood on the first is there afterwards. Lines are cut at
// the margin instead of wrapped: a wrapped one would move all below it.
class OtherScreen {
 public:
  OtherScreen() { write_out("\x1b[?1049h\x1b[?25l\x1b[?7l"); }
  ~OtherScreen() { write_out("\x1b[?7h\x1b[?25h\x1b[?1049l"); }
  OtherScreen(const OtherScreen&) = delete;
  OtherScreen& operator=(const OtherScreen&) = delete;

  bool show(const std::string& text, std::size_t height) {
    std::string frame = "\x1b[H";
    std::size_t lines = 0;
    for (std::size_t begin = 0; begin < text.size();) {
      const auto end = std::min(text.find('\n', begin), text.size());
      if (height != 0 && lines + 1 >= height) break;
      frame.append(text, begin, end - begin).append("\x1b[K\r\n");
      ++lines;
      begin = end + 1;
    }
    return write_out(frame + "\x1b[J");
  }
};

std::string one_line(const std::string& text) {
  const auto document = json::parse(text, json::Dialect::strict, {.bytes = 64 << 20, .depth = 32});
  return document ? json::write(document->root) + "\n" : text;
}

}  // namespace

Watch::Watch() : signals_(take_signals()) {}

bool Watch::interrupted_within(policy::Duration wait) const {
  pollfd watched{signals_.get(), POLLIN, 0};
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(std::max(wait, policy::Duration::zero()));
  return ::poll(&watched, 1, static_cast<int>(milliseconds.count())) != 0;
}

CommandResult Watch::run(const Look& look, policy::Duration interval, Output output, const Environment& environment) {
  const bool redraws = output == Output::table && Terminal::of(STDOUT_FILENO, environment).is_terminal;
  std::optional<OtherScreen> screen;
  std::string last;
  bool seen = false;
  CommandResult result;
  for (auto next = Loop::now();;) {
    const Terminal terminal = Terminal::of(STDOUT_FILENO, environment);
    result = look(redraws ? Output::table : Output::json, terminal);
    if (interrupted_within({})) {
      result = {};
      break;
    }
    if (result.exit_code != kExitOk) {
      if (seen && result.exit_code == kExitNoProxy) result.complaint = "the proxy has gone: " + result.complaint;
      break;
    }
    seen = true;
    if (redraws) {
      if (!screen) screen.emplace();
      last = result.out;
      const std::string head =
          painted("every " + format_duration(interval) + ", " + format_time(Loop::wall_now()) + "; control-C ends it",
                  Tone::faint, terminal);
      if (!screen->show(head + "\n\n" + result.out, terminal.height)) break;
    } else if (!write_out(one_line(result.out))) {
      break;
    }
    result = {};
    next = std::max(next + interval, Loop::now());
    if (interrupted_within(next - Loop::now())) break;
  }
  if (screen) {
    screen.reset();
    write_out(last);  // what was seen last stays
  }
  return result;
}

}  // namespace backoffd::admin
