#include "proxy/access_log.h"

#include <fcntl.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>

namespace backoffd::proxy {

namespace {

constexpr std::size_t kFlushAt = 32 << 10;

void append_number(std::string& out, std::uint64_t n) {
  char text[24];
  const auto end = std::to_chars(text, text + sizeof text, n).ptr;
  out.append(text, end);
}

// Milliseconds with microseconds behind the point.
void append_ms(std::string& out, policy::Duration d) {
  const auto us = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(d).count());
  append_number(out, us / 1000);
  const char digits[4] = {'.', static_cast<char>('0' + us / 100 % 10), static_cast<char>('0' + us / 10 % 10),
                          static_cast<char>('0' + us % 10)};
  out.append(digits, 4);
}

// A value that came from outside: quoted when it is not a plain word, control characters and quotes escaped, so that
// no request can forge a line or a key.
void append_value(std::string& out, std::string_view value) {
  const auto plain = [](unsigned char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '='; };
  bool quote = value.empty();
  for (const char c : value) quote |= !plain(static_cast<unsigned char>(c));
  if (!quote) {
    out += value;
    return;
  }
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_time(std::string& out, policy::WallTime t) {
  // gmtime and its formatting once a second; the milliseconds each time.
  thread_local std::time_t cached = -1;
  thread_local char text[32];
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(t).time_since_epoch().count();
  const std::time_t second = static_cast<std::time_t>(ms / 1000);
  if (second != cached) {
    std::tm tm{};
    gmtime_r(&second, &tm);
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    cached = second;
  }
  const int fraction = static_cast<int>(ms % 1000);
  out += text;
  const char tail[5] = {'.', static_cast<char>('0' + fraction / 100), static_cast<char>('0' + fraction / 10 % 10),
                        static_cast<char>('0' + fraction % 10), 'Z'};
  out.append(tail, 5);
}

void append_arm(std::string& out, std::string_view key, policy::Arm arm) {
  if (!arm.treated) return;
  out += key;
  out += arm.shadow ? "shadow" : arm.overridden ? "override" : "treatment";
}

Fd open_for_append(const std::string& path) {
  return Fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
}

}  // namespace

policy::Result<std::unique_ptr<LogFile>> LogFile::open(const std::string& where) {
  auto file = std::make_unique<LogFile>();
  if (where == "off") return file;
  if (where == "-") {
    file->fd_ = Fd(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    return file;
  }
  file->path_ = where;
  file->fd_ = open_for_append(where);
  if (!file->fd_) return policy::Error{"access_log", where + ": cannot be opened: " + std::strerror(errno)};
  return file;
}

policy::Result<bool> LogFile::reopen() {
  if (path_.empty()) return false;
  const Fd fresh = open_for_append(path_);
  if (!fresh) return policy::Error{"access_log", path_ + ": cannot be opened again: " + std::strerror(errno)};
  // Onto the same number: the workers' writes go from the old file to the new one between two lines.
  dup3(fresh.get(), fd_.get(), O_CLOEXEC);
  return true;
}

void AccessLog::write(const AccessRecord& r) {
  if (!on()) return;
  std::string& out = lines_;
  out += "time=";
  append_time(out, r.start);
  out += " id=";
  out += r.request_id;
  out += " client=";
  append_value(out, r.client);
  out += " method=";
  append_value(out, r.method);
  out += " scheme=";
  out += r.scheme;
  out += " host=";
  append_value(out, r.host);
  out += " port=";
  append_number(out, r.port);
  out += " path=";
  append_value(out, r.path);
  out += " status=";
  append_number(out, static_cast<std::uint64_t>(r.status));
  if (!r.key.empty()) {
    out += " key=";
    append_value(out, r.key);
    out += " operation=";
    out += r.operation;
    out += " policy=";
    out += name(r.retry_policy);
    append_arm(out, " contextual-retry=", r.contextual_retry);
    append_arm(out, " provider-learning=", r.provider_learning);
  }
  out += " attempts=";
  append_number(out, static_cast<std::uint64_t>(r.attempts));
  out += " verdict=";
  out += r.verdict;
  if (!r.detail.empty()) {
    out += " detail=";
    append_value(out, r.detail);
  }
  out += " bytes_in=";
  append_number(out, r.bytes_in);
  out += " bytes_out=";
  append_number(out, r.bytes_out);
  if (r.resumed_at > 0) {
    out += " resumed_at=";
    append_number(out, r.resumed_at);
  }
  out += " queued_ms=";
  append_ms(out, r.queued);
  out += " backoff_ms=";
  append_ms(out, r.backoff);
  out += " head_ms=";
  append_ms(out, r.head);
  out += " total_ms=";
  append_ms(out, r.total);
  out += '\n';
  if (lines_.size() >= kFlushAt) flush();
}

void AccessLog::flush() {
  std::size_t at = 0;
  while (at < lines_.size()) {
    const ssize_t n = ::write(file_.fd(), lines_.data() + at, lines_.size() - at);
    if (n > 0) {
      at += static_cast<std::size_t>(n);
    } else if (errno != EINTR) {
      // A full disk or a reader that left must not stop the proxy: the lines are lost, and counted.
      for (std::size_t i = at; i < lines_.size(); ++i) lost_ += lines_[i] == '\n' ? 1 : 0;
      break;
    }
  }
  lines_.clear();
}

}  // namespace backoffd::proxy
