#include "proxy/net/resolver.h"

#include <algorithm>
#include <utility>

#include "policy/text.h"

namespace backoffd::proxy {

namespace {

constexpr Duration kLongestCache = std::chrono::hours(1);
// Long enough to spare the nameservers the retries of one moment, short enough to see a name that comes up (RFC 2308
// lets it be hours).
constexpr Duration kNegativeCache = std::chrono::seconds(1);
constexpr std::uint16_t kDnsPort = 53;

Resolution nothing(ResolveError error, std::string detail) {
  Resolution resolution;
  resolution.v6_done = resolution.v4_done = true;
  resolution.error = error;
  resolution.detail = std::move(detail);
  return resolution;
}

Resolution of_addresses(const std::vector<Address>& addresses) {
  Resolution resolution;
  resolution.v6_done = resolution.v4_done = true;
  for (const Address& address : addresses) (address.is_v6() ? resolution.v6 : resolution.v4).push_back(address);
  return resolution;
}

bool is_or_is_below(std::string_view name, std::string_view domain) {
  return name.ends_with(domain) && (name.size() == domain.size() || name[name.size() - domain.size() - 1] == '.');
}

ResolveError error_of(DnsQuery::Status status) {
  switch (status) {
    case DnsQuery::Status::pending:
    case DnsQuery::Status::found:
      return ResolveError::none;
    case DnsQuery::Status::not_found:
      return ResolveError::not_found;
    case DnsQuery::Status::failed:
      return ResolveError::failed;
    case DnsQuery::Status::timeout:
      return ResolveError::timeout;
  }
  return ResolveError::none;
}

std::string detail_of(ResolveError error, unsigned rcode) {
  switch (error) {
    case ResolveError::none:
      return {};
    case ResolveError::not_found:
      return "no such name, or no address";
    case ResolveError::failed:
      return "the nameservers answered with an error (rcode " + std::to_string(rcode) + ")";
    case ResolveError::timeout:
      return "no nameserver answered";
  }
  return {};
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

// Asked for: query_ is there and somebody waits, or remembered: until expires_. Once the answer is complete, it is
// given to the look-ups that wait, each keeps its own copy, and the entry is the cache's alone.
class Resolver::Entry final : private DnsQuery::Owner {
 public:
  Entry(Resolver& resolver, std::string name, std::vector<std::string> candidates)
      : resolver_(resolver), name_(std::move(name)), candidates_(std::move(candidates)) {
    ask_next();
  }

  const std::string& name() const { return name_; }
  const Resolution& known() const { return known_; }
  bool asking() const { return query_ != nullptr; }
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
  void ask_next() {
    query_ = std::make_unique<DnsQuery>(resolver_.loop_, resolver_.servers_, candidates_[asked_++],
                                        static_cast<DnsQuery::Owner&>(*this));
  }

  void dns_progress() override {
    const DnsQuery::Answer& v6 = query_->v6();
    const DnsQuery::Answer& v4 = query_->v4();
    if (v6.status != DnsQuery::Status::found && v4.status != DnsQuery::Status::found) {
      if (!query_->done()) return;
      if (nothing_found(std::max(v6.status, v4.status), std::max(v6.rcode, v4.rcode))) return;
    } else {
      known_.v6 = v6.addresses;
      known_.v4 = v4.addresses;
      known_.v6_done = v6.done();
      known_.v4_done = v4.done();
    }
    tell();
  }

  // One of the candidates is of no use: true when there is another to ask for.
  bool nothing_found(DnsQuery::Status status, unsigned rcode) {
    const ResolveError error = error_of(status);
    if (error > known_.error) {
      known_.error = error;
      known_.detail = detail_of(error, rcode);
    }
    // Who did not answer for this one is not asked again for the next.
    if (error != ResolveError::timeout && asked_ < candidates_.size()) {
      bury_query();
      ask_next();
      return true;
    }
    known_.v6_done = known_.v4_done = true;
    return false;
  }

  void tell() {
    std::unique_ptr<Entry> self;  // not to be remembered: dies at the end of this
    if (known_.done()) {
      if (!remember()) self = resolver_.forget(*this);
    }
    telling_ = true;
    // By index: a look-up may come or go while others are told.
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      if (waiting_[i] == nullptr) continue;
      Lookup& lookup = *waiting_[i];
      if (known_.done()) {
        lookup.result_ = known_;
        lookup.asked_ = nullptr;
        waiting_[i] = nullptr;
      }
      lookup.owner_.resolved();
    }
    telling_ = false;
    if (self) {
      resolver_.loop_.bury(std::move(self));
    } else {
      after_removal();
    }
  }

  // The answer is complete. False when it is of no use to anybody later.
  bool remember() {
    Duration keep = Duration::zero();
    if (!known_.empty()) {
      // One half missing (an error, or silence) is not told from one that does not exist: the other half serves.
      keep = kLongestCache;
      for (const DnsQuery::Answer* answer : {&query_->v6(), &query_->v4()}) {
        if (!answer->addresses.empty()) keep = std::min<Duration>(keep, std::chrono::seconds(answer->ttl));
      }
      known_.error = ResolveError::none;
      known_.detail.clear();
    } else if (known_.error != ResolveError::timeout) {
      keep = kNegativeCache;
    }
    keep = std::min(keep, resolver_.options_.cache);
    expires_ = Loop::now() + keep;
    bury_query();
    return keep > Duration::zero();
  }

  void after_removal() {
    std::erase(waiting_, nullptr);
    if (!waiting_.empty() || !asking()) return;
    // Nobody waits any more. What half of the answer is there served whoever went; the rest is not waited for, so that
    // a client that comes and goes with ever new names leaves nothing behind.
    if (!known_.empty()) {
      known_.v6_done = known_.v4_done = true;
      if (remember()) return;
    }
    bury_query();
    resolver_.loop_.bury(resolver_.forget(*this));
  }

  // It may be what is calling.
  void bury_query() {
    if (query_) query_->stop();
    resolver_.loop_.bury(std::move(query_));
  }

  Resolver& resolver_;
  const std::string name_;
  const std::vector<std::string> candidates_;
  std::size_t asked_ = 0;  // candidates
  std::unique_ptr<DnsQuery> query_;
  Resolution known_;
  std::vector<Lookup*> waiting_;  // null: gone while others were told
  bool telling_ = false;
  MonoTime expires_{};
};

Resolver::Lookup::~Lookup() {
  if (asked_ != nullptr) asked_->remove(*this);
}

const Resolution& Resolver::Lookup::result() const { return asked_ != nullptr ? asked_->known() : result_; }

Resolver::Resolver(Loop& loop, Options options)
    : loop_(loop), options_(std::move(options)), hosts_file_(options_.hosts_file), resolv_conf_(options_.resolv_conf) {}

Resolver::~Resolver() = default;

std::unique_ptr<Resolver::Lookup> Resolver::look_up(std::string_view host, Owner& owner) {
  std::unique_ptr<Lookup> lookup(new Lookup(owner));
  std::string name(host);
  std::transform(name.begin(), name.end(), name.begin(), policy::to_lower);
  if (answer_without_asking(host, name, lookup->result_)) return lookup;

  const auto known = by_name_.find(name);
  if (known != by_name_.end()) {
    Entry& entry = **known->second;
    entries_.splice(entries_.begin(), entries_, known->second);
    if (entry.asking()) {
      entry.add(*lookup);
      return lookup;
    }
    if (entry.fresh(Loop::now())) {
      lookup->result_ = entry.known();
      return lookup;
    }
    loop_.bury(forget(entry));
  }
  entries_.push_front(std::make_unique<Entry>(*this, name, search_candidates(name, conf_)));
  by_name_.emplace(std::move(name), entries_.begin());
  entries_.front()->add(*lookup);
  make_room();
  return lookup;
}

bool Resolver::answer_without_asking(std::string_view host, const std::string& name, Resolution& out) {
  if (const HostNumber number = read_host_number(host); number.is_number) {
    out = number.address ? of_addresses({*number.address}) : nothing(ResolveError::not_found, "not an IP address");
    return true;
  }
  const std::string_view bare = std::string_view(name).substr(0, name.size() - (name.ends_with('.') ? 1 : 0));
  if (!is_dns_name(bare)) {
    out = nothing(ResolveError::not_found, "not a host name");
    return true;
  }
  // Always this host, whatever a file or a nameserver says (RFC 6761 6.3), and by both families.
  if (is_or_is_below(bare, "localhost")) {
    out = of_addresses({*Address::parse("::1"), *Address::parse("127.0.0.1")});
    return true;
  }
  read_files();
  if (const auto found = hosts_.find(bare); found != hosts_.end()) {
    out = of_addresses(found->second);
    return true;
  }
  // Never exist (RFC 6761 6.4, RFC 7686 2): nothing is given away by asking.
  if (is_or_is_below(bare, "invalid") || is_or_is_below(bare, "onion")) {
    out = nothing(ResolveError::not_found, "no such name, or no address");
    return true;
  }
  return false;
}

void Resolver::read_files() {
  const MonoTime now = Loop::now();
  if (const auto text = hosts_file_.read_if_changed(now)) hosts_ = parse_hosts(*text);
  if (const auto text = resolv_conf_.read_if_changed(now)) {
    conf_ = parse_resolv_conf(*text);
    servers_ = {options_.nameservers.empty() ? conf_.nameservers : options_.nameservers, conf_.timeout, conf_.attempts};
  }
}

// What is being asked for is bounded by who waits for it; what is remembered is bounded here.
void Resolver::make_room() {
  auto at = entries_.end();
  while (entries_.size() > options_.cached_names && at != entries_.begin()) {
    --at;
    Entry& entry = **at;
    if (entry.asking()) continue;
    ++at;
    loop_.bury(forget(entry));
  }
}

std::unique_ptr<Resolver::Entry> Resolver::forget(Entry& entry) {
  const auto known = by_name_.find(entry.name());
  std::unique_ptr<Entry> out = std::move(*known->second);
  entries_.erase(known->second);
  by_name_.erase(known);
  return out;
}

}  // namespace backoffd::proxy
