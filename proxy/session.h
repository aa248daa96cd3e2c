// One client connection: reads heads, runs one Exchange after the other, answers what is not for an exchange, closes.
//
//     between (no byte of a head) --> reading (head) --> exchanging --> between ... --> lingering --> gone
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
  void close_when_flushed();
  void close(bool abort);

  Worker& worker_;
  const std::string client_name_;
  Stream client_;
  HeadParser parser_;
  std::unique_ptr<Exchange> exchange_;
  bool serving_ = false;  // serve() is on the stack: an exchange that ends at once does not start it again
  bool lingering_ = false;
  bool ending_ = false;  // closed as soon as everything is written
  bool closed_ = false;
  std::uint64_t written_ = 0;  // bytes, when the last answer's deadline was set
};

}  // namespace backoffd::proxy
