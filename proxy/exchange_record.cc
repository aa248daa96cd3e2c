// What is told of an exchange: to the access log, to counters and experiments, to who asks.
#include "proxy/exchange.h"
#include "proxy/worker.h"

namespace backoffd::proxy {

Stage Exchange::stage() const {
  if (tunnel_) return Stage::tunnel;
  constexpr Stage kStages[] = {Stage::queued,      Stage::attempting, Stage::backing_off,
                               Stage::backing_off, Stage::relaying,   Stage::finished};
  return kStages[static_cast<std::size_t>(state_)];
}

AccessRecord Exchange::record() const {
  AccessRecord line;
  line.start = record_.start;
  line.request_id = id_.text();
  line.client = client_name_;
  line.method = request_.method();
  line.scheme = is_connect() ? "connect" : target_.https ? "https" : "http";
  line.host = target_.host;
  line.port = target_.port;
  // A target that was refused has no path to speak of.
  line.path = is_connect() || target_.host.empty() ? std::string_view() : target_.path();
  line.key = plan_.key();
  line.operation = name(plan_.operation);
  line.retry_policy = plan_.retry_policy;
  line.contextual_retry = plan_.contextual_retry;
  line.provider_learning = plan_.provider_learning;
  line.status = record_.status;
  line.attempts = attempts_before_ + progress_.attempts;
  line.verdict = record_.verdict;
  line.shadow = record_.shadow;
  line.detail = record_.detail;
  line.bytes_in = tunnel_ ? tunnel_->bytes_up() : upload_.body().received();
  line.bytes_out = tunnel_ ? tunnel_->bytes_down() : body_ ? body_->delivered() : record_.bytes_out;
  line.resumed_at = record_.resumed_at;
  line.queued = record_.queued;
  line.backoff = record_.backoff;
  line.head = record_.head;
  line.total = Loop::now() - started_;
  return line;
}

void Exchange::account() {
  const AccessRecord line = record();
  Counters& counters = worker_.counters;
  counters.responses[static_cast<std::size_t>(record_.status / 100 % 6)].add();
  counters.client_bytes_in.add(line.bytes_in);
  counters.client_bytes_out.add(line.bytes_out);
  counters.exchange_seconds.observe(policy::seconds(line.total));
  counters.head_seconds.observe(policy::seconds(record_.head));
  counters.queue_seconds.observe(policy::seconds(record_.queued));
  counters.exchange_attempts.observe(line.attempts);
  if (record_.queued > policy::Duration::zero()) counters.queued.add();
  policy::ExchangeFigures figures;
  figures.status = record_.status;
  figures.ending = record_.ending;
  figures.tunnel = tunnel_ != nullptr;
  figures.resumed = record_.resumed_at > 0;
  figures.attempts = line.attempts;
  figures.queued = record_.queued;
  figures.to_head = record_.head;
  figures.to_end = line.total;
  figures.bytes = line.bytes_in + line.bytes_out;
  worker_.engine.finished(plan_, figures, Loop::now());
  worker_.notable.finished(line);
  if (!worker_.access_log.on()) return;
  worker_.access_log.write(line);
  worker_.flush_log_later();
}

}  // namespace backoffd::proxy
