#include "proxy/net/dns_query.h"

#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace backoffd::proxy {

namespace {

std::uint16_t random_id() {
  std::uint16_t id = 0;
  // Never short and never blocking for so few octets once the system has booted (getrandom(2)).
  [[maybe_unused]] const ssize_t n = ::getrandom(&id, sizeof id, 0);
  return id;
}

}  // namespace

DnsQuery::DnsQuery(Loop& loop, Nameservers& servers, std::string name, Owner& owner)
    : loop_(loop),
      servers_(servers),
      name_(std::move(name)),
      owner_(owner),
      first_(servers.preferred),
      deadline_(Timer::of<DnsQuery, &DnsQuery::on_deadline>(loop, this)) {
  next_try();
}

void DnsQuery::stop() {
  readable_.reset();
  deadline_.disarm();
  for (Question& question : questions_) question.tcp.reset();
}

const Endpoint& DnsQuery::server() const { return servers_.list[(first_ + tries_ - 1) % servers_.list.size()]; }

void DnsQuery::next_try() {
  ++tries_;
  for (Question& question : questions_) {
    question.refused_here = false;
    question.tcp.reset();
  }
  // A nameserver that cannot be sent to is as good as silent, but need not be waited for.
  deadline_.arm(open_socket() ? patience() : Duration::zero());
}

Duration DnsQuery::patience() const {
  const std::size_t round = (tries_ - 1) / servers_.list.size();
  return servers_.timeout * (1 << round);
}

bool DnsQuery::open_socket() {
  readable_.reset();
  sockaddr_storage to;
  const socklen_t length = server().to(to);
  fd_ = Fd(::socket(to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd_ || ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), length) != 0) return false;
  for (Question& question : questions_) {
    if (question.answer.done()) continue;
    question.id = random_id();
    const auto message = dns_question(name_, question.type, question.id);
    if (::send(fd_.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0) return false;
  }
  readable_ = make_event<DnsQuery, &DnsQuery::on_readable>(loop_, fd_.get(), EV_READ | EV_PERSIST, this);
  event_add(readable_.get(), nullptr);
  return true;
}

void DnsQuery::on_readable(short) {
  std::uint8_t buffer[4096];  // more than the 512 octets a server may send who was offered no more (RFC 1035 4.2.1)
  for (;;) {
    const ssize_t n = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) break;
      // Nobody listens there (ICMP). What came before may have answered one question.
      readable_.reset();
      deadline_.arm(Duration::zero());
      break;
    }
    const std::span<const std::uint8_t> message(buffer, static_cast<std::size_t>(n));
    for (Question& question : questions_) {
      if (question.answer.done() || question.refused_here || question.tcp) continue;
      const auto reply = read_dns_reply(message, name_, question.type, question.id);
      if (!reply) continue;
      if (reply->truncated) {
        go_on_over_tcp(question);
      } else {
        take_reply(question, *reply);
      }
      break;
    }
  }
  settle();
}

void DnsQuery::on_deadline() {
  // Another try, or, when all were in vain, the end: who had an error from a nameserver says so, the rest were silent.
  if (tries_ < servers_.list.size() * servers_.rounds) {
    next_try();
    return;
  }
  for (Question& question : questions_) {
    if (question.answer.done()) continue;
    question.answer.status = question.errors != 0 ? Status::failed : Status::timeout;
    changed_ = true;
  }
  settle();
}

void DnsQuery::take_reply(Question& question, const DnsReply& reply) {
  if (reply.rcode != kDnsNoError && reply.rcode != kDnsNoSuchName) {
    refused(question, reply.rcode);
    return;
  }
  servers_.preferred = (first_ + tries_ - 1) % servers_.list.size();
  question.answer.status = reply.addresses.empty() ? Status::not_found : Status::found;
  question.answer.addresses = reply.addresses;
  question.answer.ttl = reply.ttl;
  changed_ = true;
}

void DnsQuery::go_on_over_tcp(Question& question) {
  auto tcp = std::make_unique<DnsTcp>(loop_, server(), dns_question(name_, question.type, question.id),
                                      static_cast<DnsTcp::Owner&>(*this));
  if (!tcp->started()) {
    refused(question, 0);
    return;
  }
  question.tcp = std::move(tcp);
  deadline_.arm(patience());
}

void DnsQuery::refused(Question& question, unsigned rcode) {
  question.refused_here = true;
  question.answer.rcode = rcode;
  // Asking all of them twice would only help against silence.
  if (++question.errors < servers_.list.size()) return;
  question.answer.status = Status::failed;
  changed_ = true;
}

void DnsQuery::dns_tcp_done(DnsTcp& tcp, std::span<const std::uint8_t> message) {
  for (Question& question : questions_) {
    if (question.tcp.get() != &tcp) continue;
    const auto reply = read_dns_reply(message, name_, question.type, question.id);
    loop_.bury(std::move(question.tcp));
    if (reply && !reply->truncated) {
      take_reply(question, *reply);
    } else {
      refused(question, 0);
    }
  }
  settle();
}

void DnsQuery::settle() {
  const bool all_refused = std::all_of(std::begin(questions_), std::end(questions_), [](const Question& question) {
    return question.answer.done() || question.refused_here;
  });
  if (done()) {
    stop();
  } else if (all_refused) {
    deadline_.arm(Duration::zero());  // no answer is to come from this nameserver
  }
  if (std::exchange(changed_, false)) owner_.dns_progress();
}

}  // namespace backoffd::proxy
