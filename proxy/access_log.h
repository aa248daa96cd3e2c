// One line an exchange, key=value, with the reason in the same words as the metrics and the answer. Never a credential,
// a query string or a body.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "policy/gate.h"
#include "policy/result.h"
#include "policy/retry.h"
#include "policy/time.h"
#include "proxy/log_writer.h"

namespace backoffd::proxy {

// Where the lines go: a file, standard output, or nowhere. Shared by all workers. open() and reopen() belong to the
// main thread; the others to any.
class LogFile {
 public:
  // "-", "off" or a path. The error names the path and the cause.
  static policy::Result<std::unique_ptr<LogFile>> open(const std::string& where);
  // After the file was moved away (SIGHUP). Keeps the old one where the path cannot be opened, and says so.
  policy::Result<bool> reopen();
  bool on() const { return writer_ != nullptr; }
  LogWriter& writer() { return *writer_; }  // REQUIRES: on()
  std::uint64_t lost_lines() const { return writer_ ? writer_->lost_lines() : 0; }

 private:
  std::string path_;
  std::unique_ptr<LogWriter> writer_;  // null: off
};

// What the line says of one exchange.
struct AccessRecord {
  policy::WallTime start{};
  std::string_view request_id, client, method, scheme, host, path;
  std::uint16_t port = 0;
  std::string_view key, operation;
  policy::RetryPolicy retry_policy = policy::RetryPolicy::standard;
  policy::Arm contextual_retry, provider_learning;
  int status = 0;  // given to the client; 0: none
  int attempts = 0;
  std::string_view verdict;      // the reason's or refusal's name
  std::string_view shadow;       // first decision that the gate in shadow would have taken otherwise
  std::string_view detail;       // of the last failure, "" when there was none
  std::uint64_t bytes_in = 0;    // request body
  std::uint64_t bytes_out = 0;   // response body given to the client
  std::uint64_t resumed_at = 0;  // offset of the last resume, 0: none
  policy::Duration queued{};     // in the throttle's queue
  policy::Duration backoff{};    // between attempts
  policy::Duration head{};       // until the response head was given
  policy::Duration total{};
};

// One worker's end of it: lines are collected and handed over together. Worker's thread.
class AccessLog {
 public:
  explicit AccessLog(LogFile& file) : file_(file) {}
  ~AccessLog() { flush(); }

  bool on() const { return file_.on(); }
  void write(const AccessRecord& record);
  void flush();

 private:
  LogFile& file_;
  std::string lines_;
};

}  // namespace backoffd::proxy
