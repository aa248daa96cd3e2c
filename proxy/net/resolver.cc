#include "proxy/net/resolver.h"

#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "policy/text.h"

namespace backoffd::proxy {

namespace {

constexpr Duration kLongestCache = std::chrono::hours(1);
// For what has no TTL, errors and the hosts file: long enough to spare everybody the retries of one moment, short
// enough to see a name that comes up (RFC 2308 lets it be hours).
constexpr Duration kMoment = std::chrono::seconds(1);
constexpr std::uint16_t kDnsPort = 53;
constexpr const char* kNoSuchName = "no such name, or no address";

Resolution nothing(std::string detail) { return {{}, {}, true, true, ResolveError::not_found, std::move(detail)}; }

Resolution of_addresses(const std::vector<Address>& addresses) {
  Resolution resolution;
  resolution.v6_done = resolution.v4_done = true;
  for (const Address& address : addresses) (address.is_v6() ? resolution.v6 : resolution.v4).push_back(address);
  return resolution;
}

// Letters, digits, hyphens and underscores in labels of 1..63 octets, 253 at most (RFC 1035 2.3.4); no dot at the end.
bool is_dns_name(std::string_view name) {
  std::size_t label = 0;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else if (!((c >= 'a' && c <= 'z') || policy::is_digit(c) || c == '-' || c == '_') || ++label > 63) {
      return false;
    }
  }
  return label != 0 && name.size() <= 253;
}

bool is_or_is_below(std::string_view name, std::string_view domain) {
  return name.ends_with(domain) && (name.size() == domain.size() || name[name.size() - domain.size() - 1] == '.');
}

// What needs no look-up. `name` is in lower case.
std::optional<Resolution> known_beforehand(std::string_view name) {
  if (const HostNumber number = read_host_number(name); number.is_number) {
    return number.address ? of_addresses({*number.address}) : nothing("not an IP address");
  }
  const std::string_view bare = without_root_dot(name);
  if (!is_dns_name(bare)) return nothing("not a host name");
  // Always this host, whatever a file or a nameserver says (RFC 6761 6.3), and by both families.
  if (is_or_is_below(bare, "localhost")) return of_addresses({*Address::parse("::1"), *Address::parse("127.0.0.1")});
  // Never exist (RFC 6761 6.4, RFC 7686 2): nothing is given away by asking.
  if (is_or_is_below(bare, "invalid") || is_or_is_below(bare, "onion")) return nothing(kNoSuchName);
  return std::nullopt;
}

const char* detail_of(ResolveError error) {
  switch (error) {
    case ResolveError::none:
      return "";
    case ResolveError::not_found:
      return kNoSuchName;
    case ResolveError::failed:
      return "the nameservers answered with an error, or could not be reached";
    case ResolveError::timeout:
      return "no nameserver answered";
  }
  return "";
}

}  // namespace

policy::Result<Resolver::Options> Resolver::Options::from(const Config& config) {
  Options options;
  options.cache = config.dns_cache;
  for (std::size_t i = 0; i < config.nameservers.size(); ++i) {
    const std::string& text = config.nameservers[i];
    auto endpoint = Endpoint::parse(text);
    if (!endpoint) {
      if (const auto address = Address::parse(text)) endpoint = Endpoint{*address, kDnsPort};
    }
    if (!endpoint || endpoint->port == 0) {
      return policy::Error{"dns.nameservers[" + std::to_string(i) + "]",
                           "\"" + text + "\": must be an IP address, or address:port"};
    }
    options.nameservers.push_back(*endpoint);
  }
  return options;
}

// Asked for while it is not done, remembered afterwards until expires_. Once the answer is complete, it is given to the
// look-ups that wait, each keeps its own copy, and the entry is the cache's alone.
class Resolver::Entry {
 public:
  Entry(Resolver& resolver, std::string name) : resolver_(resolver), name_(std::move(name)) {
    // The file's word on a name is its word on both families: what it keeps from one must not come in by the other.
    known_ = of_addresses(resolver_.dns_.in_hosts_file(std::string(without_root_dot(name_))));
    if (!known_.empty()) {
      keep_ = kMoment;
      finish();
      return;
    }
    candidates_ = resolver_.dns_.candidates(name_);
    ask_next();
    if (done()) finish();
  }

  const std::string& name() const { return name_; }
  const Resolution& known() const { return known_; }
  bool done() const { return known_.done(); }
  bool fresh(MonoTime now) const { return now < expires_; }

  void add(Lookup& lookup) {
    lookup.asked_ = this;
    waiting_.push_back(&lookup);
  }

  void remove(Lookup& lookup) {
    std::replace(waiting_.begin(), waiting_.end(), &lookup, static_cast<Lookup*>(nullptr));
    if (!telling_) after_removal();
  }

 private:
  // Both families of one candidate, so that they are of one name.
  void ask_next() {
    DnsClient& dns = resolver_.dns_;
    asking_ = true;
    do {
      const std::string& candidate = candidates_[asked_++];
      known_.v6_done = known_.v4_done = false;
      v6_ = dns.ask(candidate, AF_INET6, [this](DnsAnswer answer) { take(known_.v6, known_.v6_done, answer); });
      v4_ = dns.ask(candidate, AF_INET, [this](DnsAnswer answer) { take(known_.v4, known_.v4_done, answer); });
    } while (is_in_vain());
    asking_ = false;
  }

  // There is another candidate to ask for. Who did not answer for this one is not asked again for the next.
  bool is_in_vain() const {
    return done() && known_.empty() && error_ != ResolveError::timeout && asked_ < candidates_.size();
  }

  void take(std::vector<Address>& half, bool& half_done, DnsAnswer& answer) {
    half = std::move(answer.addresses);
    half_done = true;
    error_ = std::max(error_, answer.error);
    if (!half.empty()) keep_ = std::min(keep_, answer.ttl);
    if (asking_) return;
    if (is_in_vain()) ask_next();
    if (done() || !known_.empty()) tell();
  }

  void tell() {
    if (done()) finish();
    telling_ = true;
    // By index: a look-up may come or go while others are told.
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      if (waiting_[i] == nullptr) continue;
      Lookup& lookup = *waiting_[i];
      if (done()) {
        lookup.result_ = known_;
        lookup.asked_ = nullptr;
        waiting_[i] = nullptr;
      }
      lookup.owner_.resolved();
    }
    telling_ = false;
    after_removal();
  }

  void after_removal() {
    std::erase(waiting_, nullptr);
    if (!waiting_.empty() || done()) return;
    // Nobody waits any more. What half of the answer is there served whoever went; the rest is not waited for.
    v6_.reset();
    v4_.reset();
    known_.v6_done = known_.v4_done = true;
    finish();
  }

  void finish() {
    if (known_.empty()) {
      known_.error = error_;
      known_.detail = detail_of(error_);
      // Silence, and a look-up that was left, say nothing of the name.
      keep_ = error_ == ResolveError::not_found || error_ == ResolveError::failed ? kMoment : Duration::zero();
    }
    // One half missing (an error, or silence) is not told from one that does not exist: the other half serves.
    expires_ = Loop::now() + std::min(keep_, resolver_.options_.cache);
  }

  Resolver& resolver_;
  const std::string name_;
  Resolution known_;
  ResolveError error_ = ResolveError::none;  // the graver of the two
  Duration keep_ = kLongestCache;
  MonoTime expires_{};
  std::vector<std::string> candidates_;
  std::size_t asked_ = 0;  // of them
  bool asking_ = false;    // an answer now is told by who asks
  bool telling_ = false;
  std::vector<Lookup*> waiting_;  // null: gone while others were told
  DnsClient::Question v6_;
  DnsClient::Question v4_;
};

Resolver::Lookup::~Lookup() {
  if (asked_ != nullptr) asked_->remove(*this);
}

const Resolution& Resolver::Lookup::result() const { return asked_ != nullptr ? asked_->known() : result_; }

Resolver::Resolver(Loop& loop, Options options) : loop_(loop), options_(std::move(options)), dns_(loop, options_) {}

Resolver::~Resolver() = default;

std::unique_ptr<Resolver::Lookup> Resolver::look_up(std::string_view host, Owner& owner) {
  std::unique_ptr<Lookup> lookup(new Lookup(owner));
  std::string name(host);
  std::transform(name.begin(), name.end(), name.begin(), policy::to_lower);
  if (auto known = known_beforehand(name)) {
    lookup->result_ = std::move(*known);
    return lookup;
  }
  auto known = by_name_.find(name);
  if (known != by_name_.end()) {
    const Entry& entry = **known->second;
    if (entry.done() && !entry.fresh(Loop::now())) {
      forget(known->second);
      known = by_name_.end();
    } else {
      entries_.splice(entries_.begin(), entries_, known->second);
    }
  }
  if (known == by_name_.end()) {
    entries_.push_front(std::make_unique<Entry>(*this, name));
    by_name_.emplace(std::move(name), entries_.begin());
  }
  Entry& entry = *entries_.front();
  if (entry.done()) {
    lookup->result_ = entry.known();
  } else {
    entry.add(*lookup);
  }
  make_room();
  return lookup;
}

// What is being asked for is bounded by who waits for it; what is remembered is bounded here.
void Resolver::make_room() {
  auto at = entries_.end();
  while (entries_.size() > options_.cached_names && at != entries_.begin()) {
    --at;
    if ((*at)->done()) forget(at++);
  }
}

// The entry may be what is calling.
void Resolver::forget(Entries::iterator entry) {
  by_name_.erase((*entry)->name());
  loop_.bury(std::move(*entry));
  entries_.erase(entry);
}

}  // namespace backoffd::proxy
