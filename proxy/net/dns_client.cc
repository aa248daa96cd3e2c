#include "proxy/net/dns_client.h"

// What newer releases would have us call instead is not in 1.18.
#define CARES_NO_DEPRECATED
#include <ares.h>

#include <algorithm>
#include <climits>
#include <map>
#include <utility>

namespace backoffd::proxy {

namespace {

// How long a channel takes new questions. A channel reads resolv.conf when it is made, and sends from one port for as
// long as questions are under way: a new one sees the file's changes, and gives a forger a new port to guess (RFC 5452
// 9.2). Making one takes some 60 us.
constexpr Duration kRenewEvery = std::chrono::seconds(1);

struct AresDelete {
  void operator()(ares_channel channel) const { ares_destroy(channel); }
  void operator()(ares_addrinfo* info) const { ares_freeaddrinfo(info); }
};
using AresPtr = std::unique_ptr<ares_channeldata, AresDelete>;
using AddrInfoPtr = std::unique_ptr<ares_addrinfo, AresDelete>;

// c-ares 1.18 tells an error of every nameserver and an unreachable one by the same code (ARES_ECONNREFUSED).
ResolveError error_of(int status) {
  switch (status) {
    case ARES_SUCCESS:
    case ARES_ENODATA:
    case ARES_ENOTFOUND:
    case ARES_EBADNAME:  // with the search domain it is none
      return ResolveError::not_found;
    case ARES_ETIMEOUT:
      return ResolveError::timeout;
    default:
      return ResolveError::failed;
  }
}

DnsAnswer answer_of(int status, const ares_addrinfo* info) {
  DnsAnswer answer;
  int ttl = INT_MAX;
  const auto* node = info != nullptr ? info->nodes : nullptr;
  for (; node != nullptr; node = node->ai_next) {
    ttl = std::min(ttl, node->ai_ttl);
    if (const auto endpoint = Endpoint::from(node->ai_addr)) answer.addresses.push_back(endpoint->address);
  }
  if (answer.addresses.empty()) {
    answer.error = error_of(status);
    return answer;
  }
  for (const auto* alias = info->cnames; alias != nullptr; alias = alias->next) ttl = std::min(ttl, alias->ttl);
  answer.ttl = std::chrono::seconds(std::max(ttl, 0));  // with the top bit set: zero (RFC 2181 8)
  return answer;
}

// Makes the list begin with its `first`, wrapping round.
void begin_with(ares_channel channel, std::size_t first) {
  ares_addr_port_node* list = nullptr;
  if (first == 0 || ares_get_servers_ports(channel, &list) != ARES_SUCCESS || list == nullptr) return;
  std::vector<ares_addr_port_node*> nodes;
  for (auto* node = list; node != nullptr; node = node->next) nodes.push_back(node);
  std::rotate(nodes.begin(), nodes.begin() + static_cast<long>(first % nodes.size()), nodes.end());
  for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i]->next = i + 1 < nodes.size() ? nodes[i + 1] : nullptr;
  ares_set_servers_ports(channel, nodes.front());
  ares_free_data(nodes.front());
}

}  // namespace

// c-ares cannot cancel one question, so the cell lives until it is answered and left, whichever comes last.
struct DnsClient::Cell {
  Channel& channel;
  Then then;  // empty: left
  bool answered = false;
};

void DnsClient::Leave::operator()(Cell* cell) const {
  if (cell->answered) {
    delete cell;
  } else {
    cell->then = nullptr;
  }
}

// A c-ares channel, the events for its sockets and the timer for its deadlines. Buried when done with, never destroyed
// at once: it may be what is calling.
class DnsClient::Channel {
 public:
  // `lookups`: "f", the hosts file, or "b", the nameservers (BIND).
  Channel(DnsClient& client, const char* lookups)
      : client_(client), first_(client.first_), timer_(Timer::of<Channel, &Channel::on_timer>(client.loop_, this)) {
    [[maybe_unused]] static const int ready = ares_library_init(ARES_LIB_INIT_ALL);
    const Options& given = client.options_;
    ares_options options{};
    options.lookups = const_cast<char*>(lookups);
    options.resolvconf_path = const_cast<char*>(given.resolv_conf.c_str());
    options.timeout = static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(given.timeout).count());
    options.tries = given.rounds;
    options.sock_state_cb = &Channel::on_socket_state;
    options.sock_state_cb_data = this;
    ares_channel made = nullptr;
    if (ares_init_options(&made, &options,
                          ARES_OPT_LOOKUPS | ARES_OPT_RESOLVCONF | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                              ARES_OPT_SOCK_STATE_CB) != ARES_SUCCESS) {
      return;
    }
    ares_.reset(made);
    std::string servers;
    for (const Endpoint& server : given.nameservers) servers += (servers.empty() ? "" : ",") + server.text();
    if (!servers.empty()) ares_set_servers_ports_csv(made, servers.c_str());
    begin_with(made, first_);
  }

  bool idle() const { return under_way_ == 0; }

  Question ask(const std::string& name, int family, Then then) {
    Question question(new Cell{*this, std::move(then)});
    ++under_way_;
    if (ares_) {
      ares_addrinfo_hints hints{};
      hints.ai_flags = ARES_AI_NOSORT | ARES_AI_ENVHOSTS;
      hints.ai_family = family;
      ares_getaddrinfo(ares_.get(), name.c_str(), nullptr, &hints, &Channel::on_answer, question.get());
      wait();
    } else {
      on_answer(question.get(), ARES_ENOTINITIALIZED, 0, nullptr);
    }
    return question;
  }

  // c-ares' own search is of one family: of a name without an IPv6 address it would go on to a search domain's.
  std::vector<std::string> candidates(const std::string& name) const {
    if (name.ends_with('.')) return {name};
    std::vector<std::string> out;
    ares_options read{};
    int mask = 0;
    if (ares_ && ares_save_options(ares_.get(), &read, &mask) == ARES_SUCCESS) {
      for (int i = 0; i < read.ndomains; ++i) out.push_back(name + "." + read.domains[i] + ".");
    }
    const bool as_it_is_first = std::count(name.begin(), name.end(), '.') >= read.ndots;
    out.insert(as_it_is_first ? out.begin() : out.end(), name + ".");
    ares_destroy_options(&read);
    return out;
  }

 private:
  static void on_answer(void* arg, int status, int timeouts, ares_addrinfo* found) noexcept {
    const AddrInfoPtr info(found);
    auto* cell = static_cast<Cell*>(arg);
    Channel& channel = cell->channel;
    --channel.under_way_;
    cell->answered = true;
    if (!cell->then) {
      delete cell;
    } else if (status != ARES_EDESTRUCTION) {
      if (timeouts > 0 && error_of(status) == ResolveError::not_found) channel.pass_over_first();
      std::exchange(cell->then, nullptr)(answer_of(status, info.get()));  // may leave the cell
    }
  }

  // Another had the answer. Each silence costs a timeout, so who was silent is asked last from now on.
  void pass_over_first() {
    if (client_.first_ != first_) return;  // so it is already
    client_.first_ = first_ + 1;
    client_.renew_at_ = {};
  }

  static void on_socket_state(void* self, ares_socket_t fd, int read, int write) noexcept {
    auto* channel = static_cast<Channel*>(self);
    channel->events_.erase(fd);
    if (read == 0 && write == 0) return;
    const int what = (read != 0 ? EV_READ : 0) | (write != 0 ? EV_WRITE : 0) | EV_PERSIST;
    EventPtr event(event_new(channel->client_.loop_.base(), fd, static_cast<short>(what), &Channel::on_ready, channel));
    event_add(event.get(), nullptr);
    channel->events_.emplace(fd, std::move(event));
  }

  static void on_ready(evutil_socket_t fd, short what, void* self) noexcept {
    auto* channel = static_cast<Channel*>(self);
    ares_process_fd(channel->ares_.get(), (what & EV_READ) != 0 ? fd : ARES_SOCKET_BAD,
                    (what & EV_WRITE) != 0 ? fd : ARES_SOCKET_BAD);
    channel->wait();
    channel->client_.loop_.after_callback();
  }

  void on_timer() {
    ares_process_fd(ares_.get(), ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    wait();
  }

  void wait() {
    timeval tv;
    if (ares_timeout(ares_.get(), nullptr, &tv) == nullptr) {
      timer_.disarm();
    } else {
      timer_.arm(std::chrono::seconds(tv.tv_sec) + std::chrono::microseconds(tv.tv_usec));
    }
  }

  DnsClient& client_;
  const std::size_t first_;
  std::size_t under_way_ = 0;
  Timer timer_;
  std::map<int, EventPtr> events_;
  AresPtr ares_;  // dies before what it calls
};

DnsClient::DnsClient(Loop& loop, Options options) : loop_(loop), options_(std::move(options)) {}

DnsClient::~DnsClient() = default;

std::vector<Address> DnsClient::in_hosts_file(const std::string& name) {
  if (!files_) files_ = std::make_unique<Channel>(*this, "f");
  std::vector<Address> found;
  files_->ask(name, AF_UNSPEC, [&found](DnsAnswer answer) { found = std::move(answer.addresses); });
  return found;
}

std::vector<std::string> DnsClient::candidates(const std::string& name) { return channel().candidates(name); }

DnsClient::Question DnsClient::ask(const std::string& candidate, int family, Then then) {
  return channel().ask(candidate, family, std::move(then));
}

DnsClient::Channel& DnsClient::channel() {
  const MonoTime now = Loop::now();
  if (!current_ || now >= renew_at_) {
    retired_.push_back(std::exchange(current_, std::make_unique<Channel>(*this, "b")));
    for (auto& one : retired_) {
      if (one && one->idle()) loop_.bury(std::move(one));
    }
    std::erase(retired_, nullptr);
    renew_at_ = now + kRenewEvery;
  }
  return *current_;
}

}  // namespace backoffd::proxy
