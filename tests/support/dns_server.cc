#include "tests/support/dns_server.h"

#include <sys/socket.h>

#include <cstdlib>

namespace backoffd::test {

using proxy::Address;
using proxy::Duration;
using proxy::Endpoint;
using proxy::Fd;

namespace {

void u16(DnsServer::Bytes& out, unsigned value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

void put_name(DnsServer::Bytes& out, const std::string& name) {
  std::size_t at = 0;
  while (at < name.size()) {
    const std::size_t end = std::min(name.find('.', at), name.size());
    out.push_back(static_cast<std::uint8_t>(end - at));
    out.insert(out.end(), name.begin() + static_cast<long>(at), name.begin() + static_cast<long>(end));
    at = end + 1;
  }
  out.push_back(0);
}

Fd bound(int type, const Endpoint& to) {
  sockaddr_storage name;
  const socklen_t length = to.to(name);
  Fd fd(::socket(name.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&name), length) != 0) return Fd();
  return fd;
}

}  // namespace

struct DnsServer::Delayed {
  Delayed(DnsServer& s, std::vector<Bytes> m, const Endpoint& t)
      : server(s), messages(std::move(m)), to(t), timer(proxy::Timer::of<Delayed, &Delayed::fire>(s.loop_, this)) {}
  void fire() {
    for (const Bytes& message : messages) server.send_datagram(message, to);
  }
  DnsServer& server;
  std::vector<Bytes> messages;
  Endpoint to;
  proxy::Timer timer;
};

// Questions and answers, in pieces of one octet so that the reader must put them together.
class DnsServer::Connection {
 public:
  Connection(DnsServer& server, Fd fd) : server_(server), fd_(std::move(fd)) {
    event_ = proxy::make_event<Connection, &Connection::on_readable>(loop(), fd_.get(), EV_READ | EV_PERSIST, this);
    event_add(event_.get(), nullptr);
  }
  proxy::Loop& loop() { return server_.loop_; }

 private:
  void on_readable(short) {
    std::uint8_t buffer[600];
    const ssize_t n = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    if (n > 0) in_.insert(in_.end(), buffer, buffer + n);
    if (n <= 0 || !answer_all()) {
      event_.reset();
      fd_.reset();
    }
  }

  bool answer_all() {
    for (;;) {
      const std::size_t length = in_.size() < 2 ? 0 : in_[0] << 8 | in_[1];
      if (in_.size() < 2 + length || length == 0) return true;
      Duration delay{};
      const auto end = in_.begin() + 2 + static_cast<long>(length);
      const auto messages = server_.answers_to(Bytes(in_.begin() + 2, end), true, delay);
      in_.erase(in_.begin(), end);
      if (messages.empty()) return false;
      for (const Bytes& message : messages) {
        Bytes out;
        u16(out, static_cast<unsigned>(message.size()));
        out.insert(out.end(), message.begin(), message.end());
        for (const std::uint8_t octet : out) ::send(fd_.get(), &octet, 1, MSG_NOSIGNAL);
      }
    }
  }

  DnsServer& server_;
  Fd fd_;
  proxy::EventPtr event_;
  Bytes in_;
};

DnsServer::DnsServer(proxy::Loop& loop) : loop_(loop) {
  // The port is free for UDP; it may not be for TCP.
  while (!tcp_) {
    udp_ = bound(SOCK_DGRAM, {Address::v4(0x7f000001), 0});
    endpoint_ = *Endpoint::local_of(udp_.get());
    tcp_ = bound(SOCK_STREAM, endpoint_);
  }
  ::listen(tcp_.get(), 16);
  datagram_ = proxy::make_event<DnsServer, &DnsServer::on_datagram>(loop, udp_.get(), EV_READ | EV_PERSIST, this);
  connection_ = proxy::make_event<DnsServer, &DnsServer::on_connection>(loop, tcp_.get(), EV_READ | EV_PERSIST, this);
  event_add(datagram_.get(), nullptr);
  event_add(connection_.get(), nullptr);
}

DnsServer::~DnsServer() = default;

void DnsServer::set(const std::string& name, const std::vector<std::string>& v6, const std::vector<std::string>& v4) {
  Answer six, four;
  six.addresses = v6;
  four.addresses = v4;
  set(name, DnsType::aaaa, std::move(six));
  set(name, DnsType::a, std::move(four));
}

int DnsServer::asked(const std::string& name, DnsType type) const {
  const auto found = asked_.find({name, type});
  return found == asked_.end() ? 0 : found->second;
}

int DnsServer::asked() const {
  int sum = 0;
  for (const auto& [key, count] : asked_) sum += count;
  return sum;
}

void DnsServer::on_datagram(short) {
  Bytes question(600);
  sockaddr_storage from;
  socklen_t length = sizeof from;
  const ssize_t n =
      ::recvfrom(udp_.get(), question.data(), question.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
  if (n < 0) return;
  question.resize(static_cast<std::size_t>(n));
  const Endpoint client = *Endpoint::from(reinterpret_cast<sockaddr*>(&from));
  Duration delay{};
  auto messages = answers_to(question, false, delay);
  if (delay == Duration::zero()) {
    for (const Bytes& message : messages) send_datagram(message, client);
    return;
  }
  delayed_.push_back(std::make_unique<Delayed>(*this, std::move(messages), client));
  delayed_.back()->timer.arm(delay);
}

void DnsServer::on_connection(short) {
  Fd fd(::accept4(tcp_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (fd) connections_.push_back(std::make_unique<Connection>(*this, std::move(fd)));
}

void DnsServer::send_datagram(const Bytes& message, const Endpoint& to) {
  sockaddr_storage name;
  const socklen_t length = to.to(name);
  ::sendto(udp_.get(), message.data(), message.size(), 0, reinterpret_cast<sockaddr*>(&name), length);
}

std::vector<DnsServer::Bytes> DnsServer::answers_to(const Bytes& question, bool tcp, Duration& delay) {
  std::string name;
  std::size_t at = 12;
  while (at < question.size() && question[at] != 0) {
    if (!name.empty()) name += '.';
    name.append(question.begin() + static_cast<long>(at) + 1,
                question.begin() + static_cast<long>(at) + 1 + question[at]);
    at += 1u + question[at];
  }
  const std::size_t end = at + 5;
  if (end > question.size()) return {};
  const auto type = static_cast<DnsType>(question[at + 1] << 8 | question[at + 2]);
  ++asked_[{name, type}];
  over_tcp_ += tcp;

  const auto known = answers_.find({name, type});
  Answer answer;
  answer.rcode = 3;  // NXDOMAIN
  if (known != answers_.end()) answer = known->second;
  delay = answer.delay;
  if (answer.silent || (tcp && answer.no_tcp)) return {};

  const bool cut = answer.cut && !tcp;
  Bytes out(question.begin(), question.begin() + 2);
  u16(out, 0x8180 | (cut ? 0x0200 : 0) | answer.rcode);
  u16(out, 1);
  const auto records = cut ? 0 : answer.addresses.size() + (answer.alias.empty() ? 0 : 1);
  u16(out, static_cast<unsigned>(records));
  u16(out, 0);
  u16(out, 0);
  out.insert(out.end(), question.begin() + 12, question.begin() + static_cast<long>(end));
  const auto record = [&](const Bytes& owner, unsigned record_type, const Bytes& data) {
    out.insert(out.end(), owner.begin(), owner.end());
    u16(out, record_type);
    u16(out, 1);
    u16(out, answer.ttl >> 16);
    u16(out, answer.ttl & 0xffff);
    u16(out, static_cast<unsigned>(data.size()));
    out.insert(out.end(), data.begin(), data.end());
  };
  Bytes owner = {0xc0, 12};
  if (records != 0 && !answer.alias.empty()) {
    Bytes alias;
    put_name(alias, answer.alias);
    record(owner, 5, alias);
    owner = alias;
  }
  if (!cut) {
    for (const std::string& text : answer.addresses) {
      const Address address = *Address::parse(text);
      record(owner, address.is_v6() ? 28 : 1, Bytes(address.bytes(), address.bytes() + address.bits() / 8));
    }
  }
  std::vector<Bytes> messages;
  if (answer.forged) {
    messages.push_back(out);
    answer.forged(messages.back());
  }
  messages.push_back(std::move(out));
  return messages;
}

}  // namespace backoffd::test
