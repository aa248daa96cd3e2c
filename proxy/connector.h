// A new upstream connection under one deadline: dialled, or tunnelled through a parent proxy, then TLS, so that an
// Attempt only ever sees a ready Stream.
//
//     dialling --> asking (CONNECT, where a parent proxy is between) --> handshaking (https) --> done
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "policy/retry.h"
#include "proxy/http/parser.h"
#include "proxy/http/target.h"
#include "proxy/net/dialer.h"
#include "proxy/net/stream.h"
#include "proxy/parent_proxies.h"

namespace backoffd::proxy {

class TlsTransport;
struct Worker;

// Where a connection leads, and the name it is pooled under.
struct Origin {
  std::string host;
  std::uint16_t port = 80;
  bool tls = false;                     // https: the connection is secured
  bool tunnel = false;                  // CONNECT: bytes that are nobody's business, never pooled
  const ParentProxy* parent = nullptr;  // between us and it
  std::string authority() const;        // host:port, brackets for IPv6
  std::string pool_key() const;         // every difference that would make it another connection
};

// One connection under way. Destroying it cancels it. Worker's thread.
class Connector final : private Dialer::Owner, private Stream::Owner {
 public:
  class Owner {
   public:
    // One of the two, once, from the loop. The owner may destroy the Connector in it.
    virtual void connected(std::unique_ptr<Stream> stream) = 0;
    virtual void connect_failed(policy::OutcomeKind kind, DialError error, std::string detail) = 0;

   protected:
    ~Owner() = default;
  };

  Connector(Worker& worker, const Origin& origin, Owner& owner);
  ~Connector();

 private:
  void dialled(DialResult result) override;
  void progress() override;
  void ask_parent();
  void read_parents_answer();
  void begin_tls();
  void look_at_handshake();
  void done();
  void fail(policy::OutcomeKind kind, DialError error, std::string detail);
  void on_deadline();

  Worker& worker_;
  const Origin origin_;
  Owner& owner_;
  Timer deadline_;
  std::unique_ptr<Dial> dial_;
  std::unique_ptr<Stream> stream_;
  std::optional<HeadParser> parents_answer_;  // while the parent proxy is asked
  TlsTransport* tls_ = nullptr;               // the stream's, while it shakes hands
};

}  // namespace backoffd::proxy
