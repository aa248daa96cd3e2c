// The two files a host's names rest on: hosts(5) and resolv.conf(5). The readers are pure; a line they cannot use is
// passed over, as every resolver does.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/net/address.h"
#include "proxy/net/loop.h"

namespace backoffd::proxy {

// Names in lower case, without a dot at the end.
using HostsTable = std::map<std::string, std::vector<Address>, std::less<>>;
HostsTable parse_hosts(std::string_view text);

struct ResolvConf {
  std::vector<Endpoint> nameservers;           // never empty: resolv.conf(5) falls back to this host
  std::vector<std::string> search;             // lower case, without dots at the end
  unsigned ndots = 1;                          // a name with fewer dots is tried with `search` first
  unsigned attempts = 2;                       // rounds over all nameservers
  Duration timeout = std::chrono::seconds(2);  // for one nameserver to answer; the usual 5 s would use up a dial's time
};
ResolvConf parse_resolv_conf(std::string_view text);

// The names to ask for in turn when the client says `host` (resolv.conf(5): search, ndots).
std::vector<std::string> search_candidates(std::string_view host, const ResolvConf& conf);

// A file read again when it has changed; looked at no more than once a second. Reading it blocks, for a small local
// file.
class WatchedFile {
 public:
  explicit WatchedFile(std::string path) : path_(std::move(path)) {}

  // The content when it is new (the first time always), none when it is as before. No such file: empty.
  std::optional<std::string> read_if_changed(MonoTime now);

 private:
  std::string path_;
  std::optional<MonoTime> looked_;
  struct stat seen_ {};
};

}  // namespace backoffd::proxy
