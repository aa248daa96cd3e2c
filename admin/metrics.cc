#include "admin/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <map>
#include <sstream>

#include "admin/process_usage.h"
#include "admin/version.h"

namespace backoffd::admin {
namespace {

using policy::KeyStatus;
using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using proxy::Counter;
using proxy::Counters;
using proxy::Histogram;

using Label = std::pair<const char*, std::string_view>;

// Families in the order in which they are begun; a sample goes to the one begun last.
class Families {
 public:
  void begin(MetricType type, std::string name, std::string help) {
    all_.push_back({"backoffd_" + std::move(name), std::move(help), type, {}});
  }
  // For names that are Prometheus's own.
  void begin_plain(MetricType type, std::string name, std::string help) {
    all_.push_back({std::move(name), std::move(help), type, {}});
  }

  void sample(double value, std::initializer_list<Label> labels = {}) {
    ClientMetric& metric = add(labels);
    metric.counter.value = value;
    metric.gauge.value = value;
  }

  // Buckets by their upper bound, not cumulative; the last one is +Inf.
  void sample(const std::vector<std::uint64_t>& buckets, double sum) {
    ClientMetric& metric = add({});
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < buckets.size(); ++i) {
      count += buckets[i];
      const bool last = i == Histogram::kBounds.size();
      metric.histogram.bucket.push_back(
          {count, last ? std::numeric_limits<double>::infinity() : Histogram::kBounds[i]});
    }
    metric.histogram.sample_count = count;
    metric.histogram.sample_sum = sum;
  }

  std::string text() const {
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, all_);
    return out.str();
  }

 private:
  ClientMetric& add(std::initializer_list<Label> labels) {
    ClientMetric& metric = all_.back().metric.emplace_back();
    for (const auto& [name, value] : labels) metric.label.push_back({name, std::string(value)});
    return metric;
  }

  std::vector<MetricFamily> all_;
};

template <class Of>
double total(const std::vector<const Counters*>& workers, Of of) {
  std::uint64_t sum = 0;
  for (const Counters* counters : workers) sum += of(*counters).get();
  return static_cast<double>(sum);
}

struct Plain {
  const char* name;
  const char* help;
  MetricType type;
  Counter Counters::*counter;
};

constexpr Plain kPlain[] = {
    {"client_connections_total", "Client connections accepted.", MetricType::Counter, &Counters::client_connections},
    {"open_client_connections", "Client connections open now.", MetricType::Gauge, &Counters::open_client_connections},
    {"open_tunnels", "CONNECT tunnels open now.", MetricType::Gauge, &Counters::open_tunnels},
    {"active_exchanges", "Requests under way now.", MetricType::Gauge, &Counters::active_exchanges},
    {"attempts_total", "Tries of requests upstream.", MetricType::Counter, &Counters::attempts},
    {"retries_total", "... of these, all but the first of a request.", MetricType::Counter, &Counters::retries},
    {"upstream_connections_total", "Upstream connections dialled.", MetricType::Counter,
     &Counters::upstream_connections},
    {"reused_connections_total", "Upstream connections taken from the idle pool.", MetricType::Counter,
     &Counters::reused_connections},
    {"stale_connections_total", "Reused upstream connections that failed before any response byte.",
     MetricType::Counter, &Counters::stale_connections},
    {"client_tls_handshakes_total", "TLS handshakes completed with clients whose connection is intercepted.",
     MetricType::Counter, &Counters::client_tls_handshakes},
    {"client_tls_resumed_total", "... of these, by a ticket.", MetricType::Counter, &Counters::client_tls_resumed},
    {"client_tls_failures_total", "TLS handshakes with such clients that came to nothing.", MetricType::Counter,
     &Counters::client_tls_failures},
    {"client_tls_name_mismatches_total", "Clients that asked in TLS for another name than in their CONNECT.",
     MetricType::Counter, &Counters::client_tls_name_mismatches},
    {"upstream_tls_handshakes_total", "TLS handshakes completed with upstreams.", MetricType::Counter,
     &Counters::upstream_tls_handshakes},
    {"upstream_tls_resumed_total", "... of these, with a session of before.", MetricType::Counter,
     &Counters::upstream_tls_resumed},
    {"upstream_tls_failures_total", "TLS handshakes with upstreams that came to nothing, bad certificates included.",
     MetricType::Counter, &Counters::upstream_tls_failures},
    {"resumed_bodies_total", "Response bodies that were continued after a break.", MetricType::Counter,
     &Counters::resumed_bodies},
    {"resumed_bytes_total", "Bytes of these that were not fetched again.", MetricType::Counter,
     &Counters::resumed_bytes},
    {"queued_requests_total", "Requests that waited in a key's queue.", MetricType::Counter, &Counters::queued},
    {"absorbed_throttles_total", "Answers 429 that were retried: no client saw them.", MetricType::Counter,
     &Counters::absorbed_throttles},
    {"broken_bodies_total", "Response bodies that clients got as broken ones.", MetricType::Counter,
     &Counters::broken_bodies},
    {"access_log_lost_lines_total", "Lines of the access log that could not be written.", MetricType::Counter,
     &Counters::access_log_lost_lines},
    {"client_received_bytes_total", "Body and tunnel bytes received from clients.", MetricType::Counter,
     &Counters::client_bytes_in},
    {"client_sent_bytes_total", "Body and tunnel bytes sent to clients.", MetricType::Counter,
     &Counters::client_bytes_out},
};

struct Times {
  const char* name;
  const char* help;
  Histogram Counters::*histogram;
};
constexpr Times kTimes[] = {
    {"exchange_seconds", "From a request's admission to its last byte.", &Counters::exchange_seconds},
    {"queue_seconds", "Waits in a key's queue.", &Counters::queue_seconds},
    {"head_seconds", "From a request's admission to the response head.", &Counters::head_seconds},
};

void add_workers(Families& families, const std::vector<const Counters*>& workers) {
  for (const Plain& plain : kPlain) {
    families.begin(plain.type, plain.name, plain.help);
    families.sample(total(
        workers, [&](const Counters& c) -> auto& { return c.*plain.counter; }));
  }
  families.begin(MetricType::Counter, "responses_total", "Answers given to clients, by class of status.");
  constexpr const char* kClasses[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
  for (std::size_t i = 0; i < std::size(kClasses); ++i) {
    families.sample(total(
                        workers, [&](const Counters& c) -> auto& { return c.responses[i]; }),
                    {{"class", kClasses[i]}});
  }
  families.begin(MetricType::Counter, "outcomes_total", "How attempts ended.");
  for (std::size_t i = 0; i < policy::kOutcomeNames.size(); ++i) {
    families.sample(total(
                        workers, [&](const Counters& c) -> auto& { return c.outcomes[i]; }),
                    {{"outcome", policy::kOutcomeNames[i]}});
  }
  families.begin(MetricType::Counter, "verdicts_total", "What the retry policy said of attempts.");
  for (std::size_t i = 0; i < policy::kReasonNames.size(); ++i) {
    families.sample(total(
                        workers, [&](const Counters& c) -> auto& { return c.verdicts[i]; }),
                    {{"verdict", policy::kReasonNames[i]}});
  }
  families.begin(MetricType::Counter, "shadow_verdicts_total",
                 "What the contextual policy would have said of attempts, while its gate is in shadow.");
  for (std::size_t i = 0; i < policy::kReasonNames.size(); ++i) {
    families.sample(total(
                        workers, [&](const Counters& c) -> auto& { return c.shadow_verdicts[i]; }),
                    {{"verdict", policy::kReasonNames[i]}});
  }
  families.begin(MetricType::Counter, "refusals_total", "Requests that the proxy refused itself, by reason.");
  std::map<std::string_view, std::uint64_t> refusals;
  for (const Counters* counters : workers) {
    for (const auto& [name, count] : counters->refusals()) refusals[name] += count;
  }
  for (const auto& [name, count] : refusals) families.sample(static_cast<double>(count), {{"refusal", name}});

  for (const Times& times : kTimes) {
    families.begin(MetricType::Histogram, times.name, times.help);
    std::vector<std::uint64_t> buckets(Histogram::kBounds.size() + 1);
    double sum = 0;
    for (const Counters* counters : workers) {
      const Histogram& histogram = counters->*times.histogram;
      for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += histogram.bucket(i);
      sum += histogram.sum();
    }
    families.sample(buckets, sum);
  }
}

struct OfKey {
  const char* name;
  const char* help;
  MetricType type;
  double (*value)(const KeyStatus&);
};
constexpr OfKey kOfKey[] = {
    {"key_requests_total", "Attempts sent, of the busiest keys.", MetricType::Counter,
     [](const KeyStatus& k) { return static_cast<double>(k.requests); }},
    {"key_retries_total", "Attempts that were retries.", MetricType::Counter,
     [](const KeyStatus& k) { return static_cast<double>(k.retries); }},
    {"key_throttle_answers_total", "Throttle answers received.", MetricType::Counter,
     [](const KeyStatus& k) { return static_cast<double>(k.throttle_answers); }},
    {"key_ignored_hints_total", "Bad or absurd limit fields that were ignored.", MetricType::Counter,
     [](const KeyStatus& k) { return static_cast<double>(k.hints_ignored); }},
    {"key_queue_timeouts_total", "Requests whose wait in the queue was too long.", MetricType::Counter,
     [](const KeyStatus& k) { return static_cast<double>(k.queue_timeouts); }},
    {"key_queue_fulls_total", "Requests that found the queue full.", MetricType::Counter,
     [](const KeyStatus& k) { return static_cast<double>(k.queue_fulls); }},
    {"key_exhausted_answers_total", "Requests refused while the key was exhausted.", MetricType::Counter,
     [](const KeyStatus& k) { return static_cast<double>(k.exhausted_answers); }},
    {"key_in_flight", "Requests that hold a slot now.", MetricType::Gauge,
     [](const KeyStatus& k) { return static_cast<double>(k.in_flight); }},
    {"key_queued", "Requests that wait now.", MetricType::Gauge,
     [](const KeyStatus& k) { return static_cast<double>(k.queued); }},
    {"key_configured_limit", "Configured requests per second; 0: none.", MetricType::Gauge,
     [](const KeyStatus& k) { return k.configured_limit; }},
    {"key_effective_limit", "Requests per second allowed now; 0: not limited.", MetricType::Gauge,
     [](const KeyStatus& k) { return k.effective_limit; }},
    {"key_reduction_percent", "How much the limit is reduced by learning.", MetricType::Gauge,
     [](const KeyStatus& k) { return k.learner.reduction_pct; }},
};

void add_keys(Families& families, std::vector<KeyStatus>& keys, policy::MonoTime now) {
  families.begin(MetricType::Gauge, "keys", "Keys (provider@host) known now.");
  families.sample(static_cast<double>(keys.size()));
  const auto busier = [](const KeyStatus& a, const KeyStatus& b) { return a.requests > b.requests; };
  std::stable_sort(keys.begin(), keys.end(), busier);
  if (keys.size() > kMostKeySeries) keys.resize(kMostKeySeries);
  for (const OfKey& of : kOfKey) {
    families.begin(of.type, of.name, of.help);
    for (const KeyStatus& key : keys) families.sample(of.value(key), {{"key", key.key}});
  }
  families.begin(MetricType::Gauge, "key_paused", "1 while the key sends nothing because a server asked for it.");
  for (const KeyStatus& key : keys) families.sample(key.learner.paused_until > now ? 1 : 0, {{"key", key.key}});
}

void add_gates(Families& families, const std::vector<policy::GateStatus>& gates) {
  families.begin(MetricType::Gauge, "gate_mode", "1 for the mode each gate is in.");
  for (const policy::GateStatus& status : gates) {
    for (const std::string_view mode : policy::kGateModeNames) {
      families.sample(mode == name(status.gate.effective().mode) ? 1 : 0, {{"gate", name(status.id)}, {"mode", mode}});
    }
  }
  families.begin(MetricType::Gauge, "gate_percentage", "Share of its units that a gate treats when it is not off.");
  for (const policy::GateStatus& status : gates) {
    families.sample(status.gate.effective().percentage, {{"gate", name(status.id)}});
  }
  families.begin(MetricType::Gauge, "gate_verdict", "1 for what the comparison of each gate's arms last came to.");
  for (const policy::GateStatus& status : gates) {
    for (const std::string_view verdict : policy::kGateVerdictNames) {
      families.sample(verdict == name(status.verdict) ? 1 : 0, {{"gate", name(status.id)}, {"verdict", verdict}});
    }
  }
  families.begin(MetricType::Gauge, "gate_rolled_back", "1 while a gate is off because its guard took it back.");
  for (const policy::GateStatus& status : gates) {
    families.sample(status.guard.rolled_back() ? 1 : 0, {{"gate", name(status.id)}});
  }
  families.begin(MetricType::Counter, "gate_acts_total", "Flips by the admin interface, and what guards did.");
  for (const policy::GateStatus& status : gates) {
    for (std::size_t i = 0; i < status.counts.size(); ++i) {
      families.sample(static_cast<double>(status.counts[i]),
                      {{"gate", name(status.id)}, {"act", policy::GuardAct::kKindNames[i]}});
    }
  }
}

void add_interception(Families& families, const proxy::Interceptor* interceptor, policy::MonoTime now) {
  families.begin(MetricType::Counter, "leaf_certificates_minted_total", "Certificates issued for intercepted hosts.");
  families.sample(interceptor ? static_cast<double>(interceptor->mint().minted()) : 0);
  families.begin(MetricType::Gauge, "learned_passthroughs",
                 "Pairs of client and host that are tunnelled because the client does not trust our certificates.");
  families.sample(interceptor ? static_cast<double>(interceptor->pass_through().entries(now).size()) : 0);
}

void add_process(Families& families) {
  families.begin(MetricType::Gauge, "info", "Always 1.");
  families.sample(1, {{"version", kVersion}});
  families.begin_plain(MetricType::Counter, "process_cpu_seconds_total", "CPU time used.");
  families.sample(cpu_seconds());
  families.begin_plain(MetricType::Gauge, "process_resident_memory_bytes", "Resident memory.");
  families.sample(resident_bytes());
}

}  // namespace

std::string metrics_text(MetricsSource source) {
  Families families;
  add_process(families);
  add_workers(families, source.workers);
  add_keys(families, source.keys, source.now);
  add_gates(families, source.gates);
  add_interception(families, source.interceptor, source.now);
  return families.text();
}

}  // namespace backoffd::admin
