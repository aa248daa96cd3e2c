// Everything an operator can set about moving bytes: plain structs, a default and a meaning at each field. The names
// are those of the JSON keys. Read and checked by admin/config_reader.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "policy/time.h"

namespace backoffd::proxy {

using policy::Duration;

// Each names the state it bounds.
struct Timeouts {
  Duration client_head = std::chrono::seconds(10);    // first byte of a request head to its last
  Duration client_idle = std::chrono::seconds(75);    // kept-alive client connection without a request
  Duration connect = std::chrono::seconds(10);        // resolving, dialling and handshakes of one attempt
  Duration response_head = std::chrono::seconds(30);  // request sent to response head
  Duration stall = std::chrono::seconds(30);          // no byte of a body, either direction
  Duration tunnel_idle = std::chrono::minutes(10);    // no byte through a tunnel
  Duration drain = std::chrono::seconds(25);          // what runs may finish after SIGTERM
  Duration upstream_idle = std::chrono::seconds(60);  // kept-alive upstream connection in the pool
  Duration exchange = std::chrono::hours(24);         // one exchange, whatever its state
};

struct Limits {
  std::uint64_t head_bytes = 64 << 10;      // a head, start line included: 431, from upstream 502
  std::uint64_t request_target = 16 << 10;  // request-target: 414
  std::uint64_t fields = 256;               // field lines of a head or trailer section: 431, from upstream 502
  std::uint64_t connections = 20000;        // client connections, all workers; beyond it new ones wait in the backlog
  std::uint64_t body_buffer = 256 << 10;    // bytes of a body held between the two sides, each direction
  std::uint64_t idle_upstreams = 256;       // kept-alive upstream connections, each worker
  std::uint64_t idle_upstreams_per_host = 64;  // ... to one origin
};

struct Egress {
  std::vector<std::string> allow;  // CIDRs and host globs that may be reached whatever class they are
  std::vector<std::string> deny;   // CIDRs and host globs that may never be reached; wins over allow
  bool allow_private = false;      // RFC 1918, unique local, 100.64/10
  std::vector<std::uint16_t> connect_ports = {443};
  bool connect_any_port = false;  // --connect-ports any
};

// Which CONNECT targets have their TLS ended here, with a leaf of our CA, instead of a tunnel.
enum class InterceptMode { none, providers, hosts, all };

struct Tls {
  InterceptMode intercept = InterceptMode::none;
  std::vector<std::string> intercept_hosts;       // host globs: with `hosts`, those of tls.intercept; with `providers`,
                                                  // those of all providers
  std::vector<std::string> passthrough;           // host globs that are never intercepted; wins over intercept
  std::vector<std::string> upstream_roots;        // PEM files of roots that are trusted besides the system's
  std::vector<std::string> insecure_skip_verify;  // hosts (no globs) whose certificate is not looked at
};

// The proxy that upstream connections go through.
struct UpstreamProxy {
  std::string url;                    // "http://host:port"; empty: none, upstreams are dialled directly
  std::string https_url;              // the one of https and tunnels where that is another: as url, or "direct"; empty:
                                      // as url
  std::string credentials_file;       // one line user:password for Basic (RFC 7617); empty: none
  std::vector<std::string> no_proxy;  // hosts, ".suffix" or "*.suffix", CIDRs, "*": dialled directly all the same
};

struct Config {
  std::vector<std::string> listen = {"127.0.0.1:8080"};
  unsigned workers = 0;                           // threads; 0: one a CPU this process may use (cpu_limit.h)
  std::vector<std::string> clients;               // CIDRs that may connect; needed for a wildcard listen
  std::string access_log = "-";                   // file, "-" (standard output) or "off"
  bool response_headers = true;                   // add Backoffd-Attempts, -Verdict and -Request-Id
  std::string via = "backoffd";                   // pseudonym in Via and Proxy-Status (RFC 9110 7.6.3); a token
  std::vector<std::string> own_addresses;         // never dialled: the admin's listeners (ours are added by the server)
  std::vector<std::string> nameservers;           // dns.nameservers: instead of those of resolv.conf
  Duration dns_cache = std::chrono::seconds(30);  // how long an answer is reused (never longer than 1 h)
  Timeouts timeouts;
  Limits limits;
  Egress egress;
  Tls tls;
  UpstreamProxy upstream_proxy;
};

}  // namespace backoffd::proxy
