#include "proxy/net/dialer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace backoffd::proxy {

namespace {

constexpr Duration kResolutionDelay = std::chrono::milliseconds(50);  // RFC 8305 3
constexpr Duration kAttemptDelay = std::chrono::milliseconds(250);    // RFC 8305 5

std::string error_text(int error) { return std::generic_category().message(error); }

class RacingDial;

// One connect() under way.
class Connecting {
 public:
  Connecting(RacingDial& dial, const Endpoint& to) : dial_(dial), to_(to) {}

  // None, or the error that ended it at once.
  std::optional<std::string> start();
  const Endpoint& to() const { return to_; }
  Loop& loop();

 private:
  void on_writable(short what);
  std::optional<std::string> outcome() const;  // none: connected

  RacingDial& dial_;
  const Endpoint to_;
  Fd fd_;
  EventPtr event_;
};

// Addresses of one family that may be dialled, in the order of the resolver.
struct Candidates {
  std::vector<Address> list;
  std::size_t tried = 0;
  bool known = false;  // the resolver has told of some, be they permitted or not

  bool more() const { return tried < list.size(); }
};

// Level-triggered: whatever happens ends in progress(), which looks at what is known and does what can be done.
class RacingDial final : public Dial, private Resolver::Owner {
 public:
  RacingDial(Loop& loop, Resolver& resolver, const EgressRules& egress, std::string_view host, std::uint16_t port,
             Dialer::Owner& owner, Dialer::Choice choice)
      : loop_(loop),
        egress_(egress),
        host_(host),
        port_(port),
        owner_(owner),
        choice_(choice),
        next_attempt_(Timer::of<RacingDial, &RacingDial::progress>(loop, this)),
        resolution_delay_(Timer::of<RacingDial, &RacingDial::progress>(loop, this)),
        report_(Timer::of<RacingDial, &RacingDial::report>(loop, this)) {
    if (const auto verdict = egress_.check_host(host_); bound_by_rules() && !verdict.allowed) {
      finish({Fd(), DialError::destination_refused, host_ + ": " + verdict.why});
    } else {
      lookup_ = resolver.look_up(host_, *this);
      progress();
    }
    inside_start_ = false;
  }

  Loop& loop() { return loop_; }

  void connected(Fd fd) { finish({std::move(fd), DialError::none, {}}); }

  void failed(Connecting& one, const std::string& why) {
    last_error_ = one.to().text() + ": " + why;
    const auto at = std::find_if(racing_.begin(), racing_.end(), [&one](const auto& p) { return p.get() == &one; });
    loop_.bury(std::move(*at));
    racing_.erase(at);
    next_attempt_.disarm();  // the next at once (RFC 8305 5)
    progress();
  }

 private:
  void resolved() override { progress(); }

  void progress() {
    if (finished_) return;
    take_addresses();
    if (!may_begin()) return;
    while (!next_attempt_.armed() && (v6_.more() || v4_.more())) begin_attempt();
    if (racing_.empty() && !v6_.more() && !v4_.more() && lookup_->result().done()) give_up();
  }

  bool bound_by_rules() const { return choice_ == Dialer::Choice::request; }

  // Each address is judged once, here, and dialled as it was judged.
  void take_addresses() {
    const Resolution& known = lookup_->result();
    take(known.v6, v6_);
    take(known.v4, v4_);
  }

  void take(const std::vector<Address>& addresses, Candidates& candidates) {
    if (candidates.known || addresses.empty()) return;
    candidates.known = true;
    for (const Address& address : addresses) {
      const auto verdict = egress_.check(host_, address, port_);
      if (verdict.allowed || !(bound_by_rules() || verdict.own_port)) {
        candidates.list.push_back(address);
      } else if (refusal_.empty() || (verdict.own_port && !means_this_proxy_)) {
        refusal_ = address.text() + ": " + verdict.why;
        means_this_proxy_ = verdict.own_port;
      }
    }
  }

  // IPv6 at once; IPv4 alone only when there is no IPv6, or it has been waited for (RFC 8305 3).
  bool may_begin() {
    if (began_ || v6_.known || lookup_->result().v6_done) return true;
    if (!v4_.known) return false;
    if (!delayed_) {
      delayed_ = true;
      resolution_delay_.arm(kResolutionDelay);
    }
    return !resolution_delay_.armed();
  }

  // The families take turns, IPv6 first (RFC 8305 4).
  void begin_attempt() {
    const bool v6 = !v4_.more() || (v6_.more() && !last_was_v6_);
    Candidates& from = v6 ? v6_ : v4_;
    auto one = std::make_unique<Connecting>(*this, Endpoint{from.list[from.tried++], port_});
    began_ = true;
    last_was_v6_ = v6;
    if (const auto error = one->start()) {
      last_error_ = one->to().text() + ": " + *error;
      return;
    }
    racing_.push_back(std::move(one));
    // The only address there is has nobody to make way for.
    if (v6_.more() || v4_.more() || !lookup_->result().done()) next_attempt_.arm(kAttemptDelay);
  }

  void give_up() {
    const Resolution& known = lookup_->result();
    // A name of this proxy (localhost) with an address more at which it does not listen is a loop all the same, and no
    // failure that a later try would mend.
    if (!last_error_.empty() && !means_this_proxy_) {
      finish({Fd(), DialError::connect_failed, std::move(last_error_)});
    } else if (!refusal_.empty()) {
      finish({Fd(), DialError::destination_refused, host_ + ": " + refusal_});
    } else {
      const bool silence = known.error == ResolveError::timeout;
      finish({Fd(), silence ? DialError::resolve_timeout : DialError::resolve_failed, host_ + ": " + known.detail});
    }
  }

  void finish(DialResult result) {
    finished_ = true;
    result_ = std::move(result);
    next_attempt_.disarm();
    resolution_delay_.disarm();
    lookup_.reset();
    for (auto& one : racing_) loop_.bury(std::move(one));
    racing_.clear();
    if (inside_start_) {
      report_.arm(Duration::zero());
    } else {
      report();
    }
  }

  void report() { owner_.dialled(std::move(result_)); }

  Loop& loop_;
  const EgressRules& egress_;
  const std::string host_;
  const std::uint16_t port_;
  Dialer::Owner& owner_;
  const Dialer::Choice choice_;

  std::unique_ptr<Resolver::Lookup> lookup_;
  Candidates v6_;
  Candidates v4_;
  std::vector<std::unique_ptr<Connecting>> racing_;
  Timer next_attempt_;  // armed: no further attempt before it
  Timer resolution_delay_;
  Timer report_;
  bool delayed_ = false;
  bool began_ = false;
  bool last_was_v6_ = false;
  bool inside_start_ = true;
  bool finished_ = false;
  bool means_this_proxy_ = false;
  std::string refusal_;     // of the first address that may not be dialled, or of our own
  std::string last_error_;  // of the attempt that failed last
  DialResult result_;
};

Loop& Connecting::loop() { return dial_.loop(); }

std::optional<std::string> Connecting::start() {
  sockaddr_storage to;
  const socklen_t length = to_.to(to);
  fd_ = Fd(::socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd_) return "socket: " + error_text(errno);
  const int on = 1;
  ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), length) != 0 && errno != EINPROGRESS) {
    return error_text(errno);
  }
  event_ = make_event<Connecting, &Connecting::on_writable>(loop(), fd_.get(), EV_WRITE, this);
  event_add(event_.get(), nullptr);
  return std::nullopt;
}

void Connecting::on_writable(short) {
  event_.reset();
  if (const auto error = outcome()) {
    dial_.failed(*this, *error);
  } else {
    dial_.connected(std::move(fd_));
  }
}

std::optional<std::string> Connecting::outcome() const {
  int error = 0;
  socklen_t length = sizeof error;
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error != 0) return error_text(error);
  // A port of the ephemeral range on this host that nobody listens on: when the kernel draws it as the source too, the
  // socket meets itself (simultaneous open, RFC 9293 3.5) and would echo all it is sent.
  if (Endpoint::local_of(fd_.get()) == Endpoint::peer_of(fd_.get())) return "connected to itself";
  return std::nullopt;
}

}  // namespace

Dialer::Dialer(Loop& loop, Resolver& resolver, const EgressRules& egress)
    : loop_(loop), resolver_(resolver), egress_(egress) {}

std::unique_ptr<Dial> Dialer::start(std::string_view host, std::uint16_t port, Owner& owner, Choice choice) {
  return std::make_unique<RacingDial>(loop_, resolver_, egress_, host, port, owner, choice);
}

}  // namespace backoffd::proxy
