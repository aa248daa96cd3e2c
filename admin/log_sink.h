// Where the program's own log goes: standard error, without anybody waiting for whoever reads it.
#pragma once

#include <spdlog/sinks/base_sink.h>

#include <mutex>
#include <utility>

#include "proxy/log_writer.h"

namespace backoffd::admin {

class LogSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit LogSink(proxy::Fd fd) : writer_(std::move(fd)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    writer_.write({line.data(), line.size()});
  }
  void flush_() override { writer_.flush(std::chrono::seconds(1)); }

  proxy::LogWriter writer_;
};

}  // namespace backoffd::admin
