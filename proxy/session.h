// One client connection: reads heads, runs one Exchange after the other, answers what is not for an exchange, closes.
//
//     reading (a head, or the idle time before one) --> exchanging --> reading ...
//        |  \_ CONNECT to an intercepted host                |
//        |     \--> handshaking --> reading (inside)         |
//        |                                                  |
//        +---> leaving (its Farewell) <---------------------+
//                 \---> closed
//
// Interception is no second code path: CONNECT is answered 200, the same stream starts TLS, and the next head is read.
//
// Owned by the Worker; its thread. Between requests it holds a socket, two empty buffers and nothing else.
#pragma once

#include <list>
#include <memory>
#include <string>

#include "proxy/exchange.h"
#include "proxy/http/parser.h"
#include "proxy/net/address.h"
#include "proxy/net/farewell.h"
#include "proxy/net/stream.h"
#include "proxy/tls/tls_transport.h"

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
  enum class State : std::uint8_t { reading, handshaking, exchanging, leaving, closed };

  // The connection is the inside of a CONNECT whose TLS is ended here.
  struct Interception {
    Target target;                // of the CONNECT: where all requests inside go
    std::string client;           // who trusts our certificate, or does not: address and User-Agent of the CONNECT
    TlsTransport* tls = nullptr;  // the stream's
    bool spoken = false;          // a request has come: the client trusts our certificate
  };

  void progress() override;
  void exchange_done(After after) override;
  void serve();      // reads and starts requests as long as there are whole heads
  bool read_head();  // true: a head is whole
  void start_exchange();
  bool intercept(const Head& head);  // CONNECT to a host whose TLS is ended here
  void shake_hands();
  void interception_failed();
  void refuse(const HeadError& error);
  void refuse(int status, std::string_view name, std::string_view sentence);
  void log_without_exchange(int status, std::string_view verdict, std::string_view detail);
  void leave(Farewell::Manner manner);
  void linger();
  void close_when_flushed();
  void say_farewell();
  void close(bool abort);

  Worker& worker_;
  const std::string client_name_;
  Stream client_;
  HeadParser parser_;
  std::unique_ptr<Interception> within_;
  std::unique_ptr<Exchange> exchange_;
  std::unique_ptr<Farewell> farewell_;  // of a session that leaves
  State state_ = State::reading;
  bool serving_ = false;  // serve() is on the stack: an exchange that ends at once does not start it again
};

}  // namespace backoffd::proxy
