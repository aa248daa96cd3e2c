#include "proxy/exchange_info.h"

namespace backoffd::proxy {

namespace {

constexpr std::size_t kLongestPath = 512;

std::string cut(std::string_view path) {
  std::string out(path.substr(0, kLongestPath));
  if (path.size() > kLongestPath) out += "...";
  return out;
}

}  // namespace

ExchangeInfo::ExchangeInfo(const AccessRecord& record, Stage at)
    : stage(at),
      start(record.start),
      id(record.request_id),
      client(record.client),
      method(record.method),
      scheme(record.scheme),
      host(record.host),
      path(cut(record.path)),
      key(record.key),
      operation(record.operation),
      port(record.port),
      attempts(record.attempts),
      bytes_in(record.bytes_in),
      bytes_out(record.bytes_out),
      resumed_at(record.resumed_at),
      queued(record.queued),
      backoff(record.backoff),
      total(record.total),
      status(record.status),
      verdict(record.verdict),
      detail(record.detail) {}

}  // namespace backoffd::proxy
