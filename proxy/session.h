// One client connection: reads heads, runs one Exchange after the other, answers what is not for an exchange, closes.
//
//     reading (a head, or the idle time before one) --> exchanging --> reading ...
//        |                                                  |
//        +---> ending (writes what is left) ----------------+---> closed
//        +---> lingering (writes, then hears the client out) ---> closed
//
// Owned by the Worker; its thread. Between requests it holds a socket, two empty buffers and nothing else.
#pragma once

#include <list>
#include <memory>
#include <string>

#include "proxy/exchange.h"
#include "proxy/http/parser.h"
#include "proxy/net/address.h"
#include "proxy/net/stream.h"

namespace backoffd::proxy {

struct Worker;

class Session final : private Stream::Owner, private Exchange::Owner {
 public:
  Session(Worker& worker, Fd fd, const Address& client);
  ~Session();

  // No further request: a connection between two is ended now, one in an exchange after it.
  void drain();

  std::list<std::unique_ptr<Session>>::iterator position;  // in the worker's list

 private:
  enum class State : std::uint8_t { reading, exchanging, ending, lingering, closed };

  void progress() override;
  void exchange_done(After after) override;
  void serve();      // reads and starts requests as long as there are whole heads
  bool read_head();  // true: a head is whole
  void start_exchange();
  bool answer_here(const Head& head);  // OPTIONS and TRACE that end at this hop
  void refuse(const HeadError& error);
  void refuse(int status, std::string_view name, std::string_view sentence);
  void keep_writing();
  void linger();
  void hear_out();
  void close_when_flushed();
  void finish_writing();
  void close(bool abort);

  Worker& worker_;
  const std::string client_name_;
  Stream client_;
  HeadParser parser_;
  std::unique_ptr<Exchange> exchange_;
  State state_ = State::reading;
  bool serving_ = false;       // serve() is on the stack: an exchange that ends at once does not start it again
  std::uint64_t written_ = 0;  // bytes, when the last answer's deadline was set
};

}  // namespace backoffd::proxy
