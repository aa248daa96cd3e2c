#include "admin/config_keys.h"

#include <algorithm>

#include "admin/address.h"
#include "admin/gate_keys.h"
#include "policy/text.h"

namespace backoffd::admin {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t KiB = 1 << 10;
constexpr std::uint64_t MiB = 1 << 20;

// The field of a key. The lambda serves Config& and const Config&.
#define FIELD(member) ([](auto& c) -> auto& { return c.member; })

std::string check_listen(std::string_view text) {
  const auto endpoint = parse_listen(text);
  return endpoint ? "" : endpoint.error().what;
}

std::string check_admin_listen(std::string_view text) { return text == "off" ? "" : check_listen(text); }

std::string check_token(std::string_view text) { return policy::is_token(text) ? "" : "must be a token (RFC 9110)"; }

std::string check_not_empty(std::string_view text) { return text.empty() ? "must not be empty" : ""; }

// A list of ports, or "any".
struct ConnectPorts : Scalar {
  using Field = proxy::Egress;
  List<Integer<std::uint16_t>> ports{Integer<std::uint16_t>(1, 65535)};
  std::string type() const { return "list of ports, or \"any\""; }
  std::string range() const { return ports.range(); }
  Spelling spelling() const { return Spelling::list; }
  std::vector<std::string> words() const { return {"any"}; }
  bool read(proxy::Egress& field, const Place& place) const {
    const std::string* text = place.value.string();
    field.connect_any_port = text && *text == "any";
    if (field.connect_any_port) return true;
    if (!place.value.array()) return place.refuse("expected a list of ports, or \"any\"");
    return ports.read(field.connect_ports, place);
  }
  json::Value show(const proxy::Egress& field) const {
    return field.connect_any_port ? json::Value("any") : ports.show(field.connect_ports);
  }
};

// A set of status codes, kept sorted.
struct Statuses : List<Integer<int>> {
  Statuses() : List(Integer<int>(400, 599)) {}
  bool read(std::vector<int>& field, const Place& place) const {
    if (!List::read(field, place)) return false;
    std::sort(field.begin(), field.end());
    field.erase(std::unique(field.begin(), field.end()), field.end());
    return true;
  }
};

// default_limits: the keys of a provider's limits, or just the list of rates.
struct DefaultLimits : Section<policy::LimitConfig> {
  DefaultLimits() : Section(limit_keys()) {}
  bool read(policy::LimitConfig& field, const Place& place) const {
    if (place.value.array()) return List<RateText>(RateText()).read(field.limits, place);
    return Section::read(field, place);
  }
};

Keys<Config> general_keys() {
  const List<Word> endpoints(Word("address", check_listen), 1);
  const List<Word> clients(Word("range", check_cidr));
  const List<Word> hosts(Word("host", check_host_glob));
  return {
      key<Config>("listen", endpoints, FIELD(proxy.listen), "where the proxy listens: ADDRESS:PORT"),
      key<Config>("clients", clients, FIELD(proxy.clients),
                  "addresses that may use the proxy; needed for a listen that is not loopback; empty: any"),
      key<Config>("workers", Integer<unsigned>(0, 256), FIELD(proxy.workers),
                  "threads; 0: one for each CPU this process may use, its container's quota included"),
      key<Config>("state_dir", Word("path"), FIELD(state_dir),
                  "folder of what is kept over restarts: learned state (learning.json) where learning.path is empty, "
                  "the CA (ca/) with tls.ca state_dir; empty: nothing is kept"),
      key<Config>("access_log", Word("path", check_not_empty), FIELD(proxy.access_log),
                  "file of the access log, \"-\" (standard output) or \"off\""),
      key<Config>("log_level", Choice<LogLevel>(kLogLevelNames), FIELD(log_level),
                  "least grave messages that are logged"),
      key<Config>("response_headers", Boolean(), FIELD(proxy.response_headers),
                  "add Backoffd-Attempts, Backoffd-Verdict and Backoffd-Request-Id to answers"),
      key<Config>("via", Word("token", check_token), FIELD(proxy.via), "name of this proxy in Via and Proxy-Status"),
      key<Config>("admin.listen", Word("address", check_admin_listen), FIELD(admin.listen),
                  "where the admin interface listens: ADDRESS:PORT, or \"off\""),
      key<Config>("admin.token_file", Word("path"), FIELD(admin.token_file),
                  "file with the bearer token that calls which change something must bear; needed for a listen that is "
                  "not loopback"),
      key<Config>("admin.hosts", hosts, FIELD(admin.hosts),
                  "host names that admin calls may be addressed to, besides loopback ones and its own address"),
  };
}

Keys<Config> retry_keys() {
  return {
      key<Config>("retry.max_attempts", Integer<int>(1, 100), FIELD(policy.retry.max_attempts),
                  "attempts of one request, the first one included; 1: never retried"),
      key<Config>("retry.max_delay", Span(0s, 24h), FIELD(policy.retry.max_delay),
                  "longest time from the first attempt to the start of the last"),
      key<Config>("retry.base_delay", Span(1ms, 1h), FIELD(policy.retry.base_delay),
                  "full jitter: the wait after attempt n is uniform in 0..base_delay*2^n"),
      key<Config>("retry.max_backoff", Span(1ms, 24h), FIELD(policy.retry.max_backoff), "cap of that interval"),
      key<Config>("retry.statuses", Statuses(), FIELD(policy.retry.statuses), "statuses that may be retried"),
      key<Config>("retry.replay_limit", Size(0, 64 * MiB), FIELD(policy.retry.replay_limit),
                  "request bodies up to this size are kept, so that they can be sent again"),
      key<Config>("retry.retry_after_cap", Span(1s, 24h), FIELD(policy.retry.retry_after_cap),
                  "a longer Retry-After counts as this long"),
      key<Config>("retry.budget.ratio", Number(0, 1), FIELD(policy.retry.budget.ratio),
                  "share of a provider's requests over 10 s that retries may be"),
      key<Config>("retry.budget.min_per_second", Number(0, 100000), FIELD(policy.retry.budget.min_per_second),
                  "retries per second that are allowed whatever the share"),
  };
}

Keys<Config> timeout_keys() {
  const Span span(1ms, 24h);
  return {
      key<Config>("timeouts.client_head", span, FIELD(proxy.timeouts.client_head),
                  "first byte of a request head to its last"),
      key<Config>("timeouts.client_idle", span, FIELD(proxy.timeouts.client_idle),
                  "kept-alive client connection without a request"),
      key<Config>("timeouts.connect", span, FIELD(proxy.timeouts.connect),
                  "resolving, dialling and handshakes of one attempt"),
      key<Config>("timeouts.response_head", span, FIELD(proxy.timeouts.response_head), "request sent to response head"),
      key<Config>("timeouts.stall", span, FIELD(proxy.timeouts.stall), "no byte of a body, in either direction"),
      key<Config>("timeouts.tunnel_idle", Span(1ms, 168h), FIELD(proxy.timeouts.tunnel_idle),
                  "no byte through a tunnel"),
      key<Config>("timeouts.drain", Span(0s, 1h), FIELD(proxy.timeouts.drain),
                  "what is under way may finish in this time after SIGTERM"),
      key<Config>("timeouts.upstream_idle", span, FIELD(proxy.timeouts.upstream_idle),
                  "kept-alive upstream connection without a request"),
      key<Config>("timeouts.exchange", Span(1s, 720h), FIELD(proxy.timeouts.exchange),
                  "one request, all attempts and waits included"),
  };
}

Keys<Config> bound_keys() {
  return {
      key<Config>("limits.head_bytes", Size(1 * KiB, 1 * MiB), FIELD(proxy.limits.head_bytes),
                  "a message head, start line included; beyond: 431, from upstream 502"),
      key<Config>("limits.request_target", Size(256, 256 * KiB), FIELD(proxy.limits.request_target),
                  "a request target; beyond: 414"),
      key<Config>("limits.fields", Integer<std::uint64_t>(8, 10000), FIELD(proxy.limits.fields),
                  "field lines of a head or trailer section; beyond: 431, from upstream 502"),
      key<Config>("limits.connections", Integer<std::uint64_t>(1, 1000000), FIELD(proxy.limits.connections),
                  "client connections; beyond it new ones wait to be accepted"),
      key<Config>("limits.body_buffer", Size(16 * KiB, 64 * MiB), FIELD(proxy.limits.body_buffer),
                  "bytes of a body held between the two sides, each direction"),
      key<Config>("limits.idle_upstreams", Integer<std::uint64_t>(0, 100000), FIELD(proxy.limits.idle_upstreams),
                  "kept-alive upstream connections of each worker"),
      key<Config>("limits.idle_upstreams_per_host", Integer<std::uint64_t>(0, 100000),
                  FIELD(proxy.limits.idle_upstreams_per_host), "kept-alive upstream connections to one origin"),
  };
}

Keys<Config> reach_keys() {
  const List<Word> destinations(Word("destination", check_destination));
  return {
      key<Config>("egress.allow", destinations, FIELD(proxy.egress.allow),
                  "addresses, ranges and host globs that may be reached, whatever class of address they are"),
      key<Config>("egress.deny", destinations, FIELD(proxy.egress.deny),
                  "addresses, ranges and host globs that may never be reached; wins over egress.allow"),
      key<Config>("egress.allow_private", Boolean(), FIELD(proxy.egress.allow_private),
                  "may private addresses be reached (RFC 1918, unique local, 100.64.0.0/10)"),
      key<Config>("egress.connect_ports", ConnectPorts(), FIELD(proxy.egress), "ports that CONNECT may ask for"),
      key<Config>("dns.nameservers", List<Word>(Word("address", check_nameserver)), FIELD(proxy.nameservers),
                  "name servers to ask; empty: those of the system"),
      key<Config>("dns.cache", Span(0s, 1h), FIELD(proxy.dns_cache), "how long a resolved name is reused"),
  };
}

Keys<Config> learning_keys() {
  return {
      key<Config>("gates.contextual-retry", GateType(policy::GateId::contextual_retry), FIELD(policy.contextual_retry),
                  "the contextual retry policy in place of the standard one"),
      key<Config>("gates.provider-learning", GateType(policy::GateId::provider_learning),
                  FIELD(policy.provider_learning), "limits are reduced by what is learned of a provider"),
      key<Config>("gates.allow_request_override", Boolean(), FIELD(policy.allow_request_override),
                  "may a request choose its arm by Backoffd-Gate, and an unknown provider by Backoffd-Provider"),
      key<Config>("learning.path", Word("path"), FIELD(policy.learning.path),
                  "file of learned state; empty: learning.json in state_dir"),
      key<Config>("learning.max_pause", Span(1s, 24h), FIELD(policy.learning.max_pause),
                  "a longer Retry-After makes a key exhausted: requests are refused until it is over"),
      key<Config>("learning.probe", Boolean(), FIELD(policy.learning.probe),
                  "may a reduction be given back by probing"),
  };
}

Keys<Config> limit_and_provider_keys() {
  return {
      key<Config>("default_limits", DefaultLimits(), FIELD(policy.default_limits),
                  "limits of hosts that no provider names, for each host; a plain list is its `limits`"),
      key<Config>("providers", List<Section<policy::ProviderConfig>>(Section(provider_keys())), FIELD(policy.providers),
                  "who is asked, and how much of it they bear; the first whose hosts match counts"),
  };
}

#undef FIELD

}  // namespace

const Keys<Config>& config_keys() {
  static const Keys<Config> keys = [] {
    Keys<Config> all;
    for (const auto& section : {general_keys(), retry_keys(), timeout_keys(), bound_keys(), reach_keys(), tls_keys(),
                                learning_keys(), experiment_keys(), limit_and_provider_keys()}) {
      all.insert(all.end(), section.begin(), section.end());
    }
    return all;
  }();
  return keys;
}

const KeyRows& key_rows() {
  static const KeyRows rows = [] {
    KeyRows all;
    describe_object(config_keys(), "", Config(), all);
    return all;
  }();
  return rows;
}

json::Value show_config(const Config& config) { return show_object(config_keys(), config); }

}  // namespace backoffd::admin
