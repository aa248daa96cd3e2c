// The addresses of one name from the nameservers: A and AAAA asked at once (RFC 8305 3), over UDP and, when an answer
// was cut, over TCP; the next nameserver when one is silent or answers with an error.
//
// Each try has a socket of its own, connected, from a port the kernel draws, and each question an id drawn from the
// kernel's random source: what makes a forged answer hard (RFC 5452 9.2).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/net/address.h"
#include "proxy/net/dns_message.h"
#include "proxy/net/dns_tcp.h"
#include "proxy/net/loop.h"

namespace backoffd::proxy {

struct Nameservers {
  std::vector<Endpoint> list;  // not empty
  Duration timeout;            // for one to answer in the first round, doubled in each further one
  unsigned rounds = 1;         // over all of them
  std::size_t preferred = 0;   // asked first: the one that answered last, so that a dead one costs its timeout once
};

class DnsQuery final : private DnsTcp::Owner {
 public:
  // In the order of what is worth telling when no address was found.
  enum class Status { pending, found, not_found, failed, timeout };

  struct Answer {
    Status status = Status::pending;
    std::vector<Address> addresses;
    std::uint32_t ttl = 0;
    unsigned rcode = 0;  // with `failed`: the last nameserver's
    bool done() const { return status != Status::pending; }
  };

  class Owner {
   public:
    // One of the answers is there, or both. From the loop, never from inside the constructor. The owner may bury the
    // query in it.
    virtual void dns_progress() = 0;

   protected:
    ~Owner() = default;
  };

  // REQUIRES: is_dns_name(name), in lower case; `servers` outlives the query.
  DnsQuery(Loop& loop, Nameservers& servers, std::string name, Owner& owner);

  // Nothing happens any more, also when it is buried outside of a callback.
  void stop();

  const Answer& v6() const { return questions_[0].answer; }
  const Answer& v4() const { return questions_[1].answer; }
  bool done() const { return v6().done() && v4().done(); }

  Loop& loop() { return loop_; }

 private:
  struct Question {
    explicit Question(DnsType t) : type(t) {}
    DnsType type;
    std::uint16_t id = 0;
    bool refused_here = false;  // this try's nameserver answered with an error
    unsigned errors = 0;        // nameservers that did
    std::unique_ptr<DnsTcp> tcp;
    Answer answer;
  };

  const Endpoint& server() const;
  Duration patience() const;  // with the present try
  void next_try();
  bool open_socket();
  void on_readable(short what);
  void on_deadline();
  void take_reply(Question& question, const DnsReply& reply);
  void go_on_over_tcp(Question& question);
  void refused(Question& question, unsigned rcode);
  void settle();  // after anything happened: tell the owner, or go on with the next try
  void dns_tcp_done(DnsTcp& tcp, std::span<const std::uint8_t> message) override;

  Loop& loop_;
  Nameservers& servers_;
  const std::string name_;
  Owner& owner_;
  const std::size_t first_;  // nameserver of the first try
  std::size_t tries_ = 0;    // begun
  bool changed_ = false;     // something to tell the owner
  Question questions_[2] = {Question(DnsType::aaaa), Question(DnsType::a)};
  Fd fd_;
  EventPtr readable_;
  Timer deadline_;
};

}  // namespace backoffd::proxy
