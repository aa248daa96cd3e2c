#include "proxy/access_log.h"

#include <fcntl.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>

namespace backoffd::proxy {

namespace {

constexpr std::size_t kFlushAt = 32 << 10;

// Writes one line into space that is known to be enough. A log line is built for every exchange: a cursor over plain
// memory costs a third of as many appends to a string.
class Line {
 public:
  explicit Line(char* at) : at_(at) {}
  char* end() const { return at_; }

  void text(std::string_view text) {
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }

  void number(std::uint64_t n) { at_ = std::to_chars(at_, at_ + kDigits, n).ptr; }

  // Milliseconds with microseconds behind the point.
  void milliseconds(policy::Duration d) {
    const auto us = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(d).count());
    number(us / 1000);
    *at_++ = '.';
    digits(us % 1000);
  }

  // A value that came from outside: quoted when it is not a plain word, control characters and quotes escaped, so that
  // no request can forge a line or a key. At most 4 characters for each of its own, and the quotes.
  void value(std::string_view value) {
    bool plain = !value.empty();
    for (const char c : value) plain &= is_plain(static_cast<unsigned char>(c));
    if (plain) {
      text(value);
      return;
    }
    static constexpr char kHex[] = "0123456789abcdef";
    *at_++ = '"';
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        *at_++ = '\\';
        *at_++ = c;
      } else if (byte < 0x20 || byte >= 0x7f) {
        text("\\x");
        *at_++ = kHex[byte >> 4];
        *at_++ = kHex[byte & 15];
      } else {
        *at_++ = c;
      }
    }
    *at_++ = '"';
  }

  void time(policy::WallTime t) {
    // gmtime and its formatting once a second; the milliseconds each time.
    thread_local std::time_t cached = -1;
    thread_local char second_text[32];
    const auto ms = std::chrono::floor<std::chrono::milliseconds>(t).time_since_epoch().count();
    const std::time_t second = static_cast<std::time_t>(ms / 1000);
    if (second != cached) {
      std::tm tm{};
      gmtime_r(&second, &tm);
      std::strftime(second_text, sizeof second_text, "%Y-%m-%dT%H:%M:%S", &tm);
      cached = second;
    }
    text(second_text);
    *at_++ = '.';
    digits(static_cast<std::uint64_t>(ms % 1000));
    *at_++ = 'Z';
  }

  void arm(std::string_view key, policy::Arm arm) {
    if (!arm.treated) return;
    text(key);
    text(arm.shadow ? "shadow" : arm.overridden ? "override" : "treatment");
  }

 private:
  static constexpr std::ptrdiff_t kDigits = 20;

  static bool is_plain(unsigned char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '='; }

  void digits(std::uint64_t below_1000) {
    *at_++ = static_cast<char>('0' + below_1000 / 100);
    *at_++ = static_cast<char>('0' + below_1000 / 10 % 10);
    *at_++ = static_cast<char>('0' + below_1000 % 10);
  }

  char* at_;
};

// Names of keys, numbers and times of one line, all at their longest.
constexpr std::size_t kFixedPart = 768;

Fd open_for_append(const std::string& path) {
  return Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
}

}  // namespace

policy::Result<std::unique_ptr<LogFile>> LogFile::open(const std::string& where) {
  auto file = std::make_unique<LogFile>();
  if (where == "off") return file;
  if (where == "-") {
    file->writer_ = std::make_unique<LogWriter>(Fd(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)));
    return file;
  }
  Fd fd = open_for_append(where);
  if (!fd) return policy::Error{"access_log", where + ": cannot be opened: " + std::strerror(errno)};
  file->path_ = where;
  file->writer_ = std::make_unique<LogWriter>(std::move(fd));
  return file;
}

policy::Result<bool> LogFile::reopen() {
  if (path_.empty()) return false;
  Fd fresh = open_for_append(path_);
  if (!fresh) return policy::Error{"access_log", path_ + ": cannot be opened again: " + std::strerror(errno)};
  writer_->redirect(std::move(fresh));
  return true;
}

void AccessLog::write(const AccessRecord& r) {
  if (!on()) return;
  const std::size_t held = lines_.size();
  const std::size_t outside = r.client.size() + r.method.size() + r.host.size() + r.path.size() + r.key.size() +
                              r.detail.size() + r.request_id.size() + r.verdict.size();
  lines_.resize(held + kFixedPart + 4 * outside);
  Line line(lines_.data() + held);
  line.text("time=");
  line.time(r.start);
  line.text(" id=");
  line.text(r.request_id);
  line.text(" client=");
  line.value(r.client);
  line.text(" method=");
  line.value(r.method);
  line.text(" scheme=");
  line.text(r.scheme);
  line.text(" host=");
  line.value(r.host);
  line.text(" port=");
  line.number(r.port);
  line.text(" path=");
  line.value(r.path);
  line.text(" status=");
  line.number(static_cast<std::uint64_t>(r.status));
  if (!r.key.empty()) {
    line.text(" key=");
    line.value(r.key);
    line.text(" operation=");
    line.text(r.operation);
    line.text(" policy=");
    line.text(name(r.retry_policy));
    line.arm(" contextual-retry=", r.contextual_retry);
    line.arm(" provider-learning=", r.provider_learning);
  }
  line.text(" attempts=");
  line.number(static_cast<std::uint64_t>(r.attempts));
  line.text(" verdict=");
  line.text(r.verdict);
  if (!r.shadow.empty()) {
    line.text(" shadow=");
    line.text(r.shadow);
  }
  if (!r.detail.empty()) {
    line.text(" detail=");
    line.value(r.detail);
  }
  line.text(" bytes_in=");
  line.number(r.bytes_in);
  line.text(" bytes_out=");
  line.number(r.bytes_out);
  if (r.resumed_at > 0) {
    line.text(" resumed_at=");
    line.number(r.resumed_at);
  }
  line.text(" queued_ms=");
  line.milliseconds(r.queued);
  line.text(" backoff_ms=");
  line.milliseconds(r.backoff);
  line.text(" head_ms=");
  line.milliseconds(r.head);
  line.text(" total_ms=");
  line.milliseconds(r.total);
  line.text("\n");
  lines_.resize(static_cast<std::size_t>(line.end() - lines_.data()));
  if (lines_.size() >= kFlushAt) flush();
}

void AccessLog::flush() {
  if (lines_.empty()) return;
  file_.writer().write(lines_);
  lines_.clear();
}

}  // namespace backoffd::proxy
