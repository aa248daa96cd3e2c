#include "admin/metrics.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "admin/metric_families.h"
#include "admin/process_usage.h"
#include "admin/version.h"

namespace backoffd::admin {
namespace {

using policy::KeyStatus;
using proxy::Counter;
using proxy::Counters;
using Type = MetricFamilies::Type;

// Ours, among those of everybody else.
class Families : public MetricFamilies {
 public:
  void begin(Type type, const std::string& name, std::string help) {
    MetricFamilies::begin(type, "backoffd_" + name, std::move(help));
  }
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
  Type type;
  Counter Counters::*counter;
};

constexpr Plain kPlain[] = {
    {"client_connections_total", "Client connections accepted.", Type::counter, &Counters::client_connections},
    {"open_client_connections", "Client connections open now.", Type::gauge, &Counters::open_client_connections},
    {"open_tunnels", "CONNECT tunnels open now.", Type::gauge, &Counters::open_tunnels},
    {"active_exchanges", "Requests under way now.", Type::gauge, &Counters::active_exchanges},
    {"attempts_total", "Tries of requests upstream.", Type::counter, &Counters::attempts},
    {"retries_total", "... of these, all but the first of a request.", Type::counter, &Counters::retries},
    {"upstream_connections_total", "Upstream connections dialled.", Type::counter, &Counters::upstream_connections},
    {"reused_connections_total", "Upstream connections taken from the idle pool.", Type::counter,
     &Counters::reused_connections},
    {"stale_connections_total", "Reused upstream connections that failed before any response byte.", Type::counter,
     &Counters::stale_connections},
    {"client_tls_handshakes_total", "TLS handshakes completed with clients whose connection is intercepted.",
     Type::counter, &Counters::client_tls_handshakes},
    {"client_tls_resumed_total", "... of these, by a ticket.", Type::counter, &Counters::client_tls_resumed},
    {"client_tls_failures_total", "TLS handshakes with such clients that came to nothing.", Type::counter,
     &Counters::client_tls_failures},
    {"client_tls_name_mismatches_total", "Clients that asked in TLS for another name than in their CONNECT.",
     Type::counter, &Counters::client_tls_name_mismatches},
    {"upstream_tls_handshakes_total", "TLS handshakes completed with upstreams.", Type::counter,
     &Counters::upstream_tls_handshakes},
    {"upstream_tls_resumed_total", "... of these, with a session of before.", Type::counter,
     &Counters::upstream_tls_resumed},
    {"upstream_tls_failures_total", "TLS handshakes with upstreams that came to nothing, bad certificates included.",
     Type::counter, &Counters::upstream_tls_failures},
    {"resumed_bodies_total", "Response bodies that were continued after a break.", Type::counter,
     &Counters::resumed_bodies},
    {"resumed_bytes_total", "Bytes of these that were not fetched again.", Type::counter, &Counters::resumed_bytes},
    {"queued_requests_total", "Requests that waited in a key's queue.", Type::counter, &Counters::queued},
    {"absorbed_throttles_total", "Answers 429 that were retried: no client saw them.", Type::counter,
     &Counters::absorbed_throttles},
    {"broken_bodies_total", "Response bodies that clients got as broken ones.", Type::counter,
     &Counters::broken_bodies},
    {"client_received_bytes_total", "Body and tunnel bytes received from clients.", Type::counter,
     &Counters::client_bytes_in},
    {"client_sent_bytes_total", "Body and tunnel bytes sent to clients.", Type::counter, &Counters::client_bytes_out},
};

// One histogram of all workers.
template <class Of>
void add_histogram(Families& families, const char* name, const char* help, const std::vector<const Counters*>& workers,
                   Of of) {
  using Histogram = std::remove_cvref_t<decltype(of(*workers.front()))>;
  families.begin(Type::histogram, name, help);
  std::vector<std::uint64_t> counts(Histogram::kBounds.size() + 1);
  double sum = 0;
  for (const Counters* counters : workers) {
    const Histogram& histogram = of(*counters);
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += histogram.bucket(i);
    sum += histogram.sum();
  }
  families.histogram({Histogram::kBounds.begin(), Histogram::kBounds.end()}, counts, sum);
}

void add_workers(Families& families, const std::vector<const Counters*>& workers) {
  for (const Plain& plain : kPlain) {
    families.begin(plain.type, plain.name, plain.help);
    families.sample(total(
        workers, [&](const Counters& c) -> auto& { return c.*plain.counter; }));
  }
  families.begin(Type::counter, "responses_total", "Answers given to clients, by class of status.");
  constexpr const char* kClasses[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
  for (std::size_t i = 0; i < std::size(kClasses); ++i) {
    families.sample(total(
                        workers, [&](const Counters& c) -> auto& { return c.responses[i]; }),
                    {{"class", kClasses[i]}});
  }
  families.begin(Type::counter, "outcomes_total", "How attempts ended.");
  for (std::size_t i = 0; i < policy::kOutcomeNames.size(); ++i) {
    families.sample(total(
                        workers, [&](const Counters& c) -> auto& { return c.outcomes[i]; }),
                    {{"outcome", policy::kOutcomeNames[i]}});
  }
  families.begin(Type::counter, "verdicts_total", "What the retry policy said of attempts.");
  for (std::size_t i = 0; i < policy::kReasonNames.size(); ++i) {
    families.sample(total(
                        workers, [&](const Counters& c) -> auto& { return c.verdicts[i]; }),
                    {{"verdict", policy::kReasonNames[i]}});
  }
  families.begin(Type::counter, "shadow_verdicts_total",
                 "What the contextual policy would have said of attempts, while its gate is in shadow.");
  for (std::size_t i = 0; i < policy::kReasonNames.size(); ++i) {
    families.sample(total(
                        workers, [&](const Counters& c) -> auto& { return c.shadow_verdicts[i]; }),
                    {{"verdict", policy::kReasonNames[i]}});
  }
  families.begin(Type::counter, "refusals_total", "Requests that the proxy refused itself, by reason.");
  std::map<std::string_view, std::uint64_t> refusals;
  for (const Counters* counters : workers) {
    for (const auto& [name, count] : counters->refusals()) refusals[name] += count;
  }
  for (const auto& [name, count] : refusals) families.sample(static_cast<double>(count), {{"refusal", name}});

  add_histogram(
      families, "exchange_duration_seconds", "From a request's admission to its last byte.", workers,
      [](const Counters& c) -> auto& { return c.exchange_seconds; });
  add_histogram(
      families, "queue_wait_seconds", "Waits in a key's queue, those of no time included.", workers,
      [](const Counters& c) -> auto& { return c.queue_seconds; });
  add_histogram(
      families, "response_head_duration_seconds", "From a request's admission to the response head.", workers,
      [](const Counters& c) -> auto& { return c.head_seconds; });
  add_histogram(
      families, "exchange_attempts", "Tries upstream of each request; 0: it was never sent.", workers,
      [](const Counters& c) -> auto& { return c.exchange_attempts; });
}

struct OfKey {
  const char* name;
  const char* help;
  Type type;
  double (*value)(const KeyStatus&);
};
constexpr OfKey kOfKey[] = {
    {"key_requests_total", "Attempts sent, of the busiest keys.", Type::counter,
     [](const KeyStatus& k) { return static_cast<double>(k.requests); }},
    {"key_retries_total", "Attempts that were retries.", Type::counter,
     [](const KeyStatus& k) { return static_cast<double>(k.retries); }},
    {"key_throttle_answers_total", "Throttle answers received.", Type::counter,
     [](const KeyStatus& k) { return static_cast<double>(k.throttle_answers); }},
    {"key_ignored_hints_total", "Bad or absurd limit fields that were ignored.", Type::counter,
     [](const KeyStatus& k) { return static_cast<double>(k.hints_ignored); }},
    {"key_queue_timeouts_total", "Requests whose wait in the queue was too long.", Type::counter,
     [](const KeyStatus& k) { return static_cast<double>(k.queue_timeouts); }},
    {"key_queue_fulls_total", "Requests that found the queue full.", Type::counter,
     [](const KeyStatus& k) { return static_cast<double>(k.queue_fulls); }},
    {"key_exhausted_answers_total", "Requests refused while the key was exhausted.", Type::counter,
     [](const KeyStatus& k) { return static_cast<double>(k.exhausted_answers); }},
    {"key_in_flight", "Requests that hold a slot now.", Type::gauge,
     [](const KeyStatus& k) { return static_cast<double>(k.in_flight); }},
    {"key_queued", "Requests that wait now.", Type::gauge,
     [](const KeyStatus& k) { return static_cast<double>(k.queued); }},
    {"key_configured_requests_per_second", "The configured limit; 0: none.", Type::gauge,
     [](const KeyStatus& k) { return k.configured_limit; }},
    {"key_effective_requests_per_second", "The limit in effect now; 0: not limited.", Type::gauge,
     [](const KeyStatus& k) { return k.effective_limit; }},
    {"key_reduction_ratio", "By which part the limit is reduced by learning.", Type::gauge,
     [](const KeyStatus& k) { return k.learner.reduction_pct / 100; }},
};

std::string_view provider_of(const KeyStatus& key) { return std::string_view(key.key).substr(0, key.key.rfind('@')); }

void add_keys(Families& families, const std::vector<KeyStatus>& keys, std::size_t count, policy::MonoTime now) {
  families.begin(Type::gauge, "keys", "Keys (provider@host) known now.");
  families.sample(static_cast<double>(count));
  for (const OfKey& of : kOfKey) {
    families.begin(of.type, of.name, of.help);
    for (const KeyStatus& key : keys)
      families.sample(of.value(key), {{"provider", provider_of(key)}, {"key", key.key}});
  }
  families.begin(Type::gauge, "key_paused", "1 while the key sends nothing because a server asked for it.");
  for (const KeyStatus& key : keys) {
    families.sample(key.learner.paused_until > now ? 1 : 0, {{"provider", provider_of(key)}, {"key", key.key}});
  }
}

void add_gates(Families& families, const std::vector<GateFigures>& gates) {
  families.begin(Type::gauge, "gate_mode", "1 for the mode each gate is in.");
  for (const auto& [status, arms] : gates) {
    for (const std::string_view mode : policy::kGateModeNames) {
      families.sample(mode == name(status.gate.effective().mode) ? 1 : 0, {{"gate", name(status.id)}, {"mode", mode}});
    }
  }
  families.begin(Type::gauge, "gate_treated_ratio", "Share of its units that a gate treats when it is not off.");
  for (const auto& [status, arms] : gates) {
    families.sample(status.gate.effective().percentage / 100, {{"gate", name(status.id)}});
  }
  families.begin(Type::gauge, "gate_verdict", "1 for what the comparison of each gate's arms last came to.");
  for (const auto& [status, arms] : gates) {
    for (const std::string_view verdict : policy::kGateVerdictNames) {
      families.sample(verdict == name(status.verdict) ? 1 : 0, {{"gate", name(status.id)}, {"verdict", verdict}});
    }
  }
  families.begin(Type::gauge, "gate_rolled_back", "1 while a gate is off because its guard took it back.");
  for (const auto& [status, arms] : gates) {
    families.sample(status.guard.rolled_back() ? 1 : 0, {{"gate", name(status.id)}});
  }
  families.begin(Type::counter, "gate_acts_total", "Flips by the admin interface, and what guards did.");
  for (const auto& [status, arms] : gates) {
    for (std::size_t i = 0; i < status.counts.size(); ++i) {
      families.sample(static_cast<double>(status.counts[i]),
                      {{"gate", name(status.id)}, {"act", policy::GuardAct::kKindNames[i]}});
    }
  }
}

struct OfArm {
  const char* name;
  const char* help;
  std::uint64_t policy::ArmFigures::*count;
};
constexpr OfArm kOfArm[] = {
    {"gate_arm_exchanges_total", "Requests that ended on each arm, since the gate's flip.",
     &policy::ArmFigures::exchanges},
    {"gate_arm_successes_total", "... of these, served as they should.", &policy::ArmFigures::successes},
    {"gate_arm_throttled_total", "... of these, with a throttle answer from upstream.",
     &policy::ArmFigures::throttled_exchanges},
    {"gate_arm_attempts_total", "Their tries upstream.", &policy::ArmFigures::attempts},
};

void add_arms(Families& families, const std::vector<GateFigures>& gates) {
  const auto each = [&](auto&& sample) {
    for (const auto& [status, arms] : gates) {
      for (std::size_t i = 0; i < arms.size(); ++i) sample(name(status.id), policy::kSideNames[i], arms[i]);
    }
  };
  for (const OfArm& of : kOfArm) {
    families.begin(Type::counter, of.name, of.help);
    each([&](auto gate, auto arm, const policy::ArmFigures& figures) {
      families.sample(static_cast<double>(figures.*of.count), {{"gate", gate}, {"arm", arm}});
    });
  }
  families.begin(Type::summary, "gate_arm_duration_seconds", "How long they took.");
  each([&](auto gate, auto arm, const policy::ArmFigures& figures) {
    const auto count = figures.latency.count();
    families.summary(count, figures.latency.mean() * static_cast<double>(count), {{"gate", gate}, {"arm", arm}});
  });
}

void add_interception(Families& families, const proxy::Interceptor* interceptor, policy::MonoTime now) {
  families.begin(Type::counter, "leaf_certificates_minted_total", "Certificates issued for intercepted hosts.");
  families.sample(interceptor ? static_cast<double>(interceptor->mint().minted()) : 0);
  families.begin(Type::gauge, "learned_passthroughs",
                 "Pairs of client and host that are tunnelled because the client does not trust our certificates.");
  families.sample(interceptor ? static_cast<double>(interceptor->pass_through().entries(now).size()) : 0);
}

void add_webhook(Families& families, const WebhookCounts& counts) {
  families.begin(Type::counter, "webhook_messages_total", "Messages of guards to the webhook, by what became of them.");
  families.sample(static_cast<double>(counts.delivered), {{"result", "delivered"}});
  families.sample(static_cast<double>(counts.lost), {{"result", "lost"}});
  families.begin(Type::counter, "webhook_retries_total", "Further tries to deliver one.");
  families.sample(static_cast<double>(counts.retries));
}

void add_log(Families& families, std::uint64_t lost_lines) {
  families.begin(Type::counter, "access_log_lost_lines_total", "Lines of the access log that could not be written.");
  families.sample(static_cast<double>(lost_lines));
}

void add_limits(Families& families, const MetricsSource& source) {
  families.begin(Type::gauge, "client_connections_limit", "Client connections that may be open at once.");
  families.sample(static_cast<double>(source.connection_limit));
  families.begin(Type::gauge, "draining", "1 while no new requests are taken.");
  families.sample(source.draining ? 1 : 0);
  if (!source.learning_kept) return;
  families.begin(Type::gauge, "learning_kept", "1 while what is learned reaches its file, 0 while it does not.");
  families.sample(*source.learning_kept ? 1 : 0);
}

struct OfProcess {
  Type type;
  const char* name;
  const char* help;
  double (*value)();
};
// Prometheus's own names.
constexpr OfProcess kOfProcess[] = {
    {Type::counter, "process_cpu_seconds_total", "CPU time used.", cpu_seconds},
    {Type::gauge, "process_resident_memory_bytes", "Resident memory.", resident_bytes},
    {Type::gauge, "process_virtual_memory_bytes", "Virtual memory.", virtual_bytes},
    {Type::gauge, "process_open_fds", "Open file descriptors.", open_descriptors},
    {Type::gauge, "process_max_fds", "File descriptors that may be open.", most_descriptors},
    {Type::gauge, "process_start_time_seconds", "When the process began, since 1970.", start_seconds},
};

void add_process(Families& families) {
  families.begin(Type::gauge, "build_info", "Always 1.");
  families.sample(1, {{"version", kVersion}});
  for (const OfProcess& of : kOfProcess) {
    families.MetricFamilies::begin(of.type, of.name, of.help);
    families.sample(of.value());
  }
}

}  // namespace

std::string metrics_text(const MetricsSource& source) {
  Families families;
  add_process(families);
  add_workers(families, source.workers);
  add_log(families, source.lost_log_lines);
  add_limits(families, source);
  add_keys(families, source.keys, source.key_count, source.now);
  add_gates(families, source.gates);
  add_arms(families, source.gates);
  if (source.webhook) add_webhook(families, *source.webhook);
  add_interception(families, source.interceptor, source.now);
  return families.text();
}

}  // namespace backoffd::admin
