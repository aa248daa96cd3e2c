// An upstream connection under one deadline: an idle one that is kept, or a new one dialled. What comes between the
// socket and HTTP (a parent proxy, TLS) is made here too, so that an Attempt only ever sees a ready Stream.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "policy/retry.h"
#include "proxy/http/target.h"
#include "proxy/net/dialer.h"
#include "proxy/net/stream.h"

namespace backoffd::proxy {

struct Worker;

// Where a connection leads, and the name it is pooled under.
struct Origin {
  std::string host;
  std::uint16_t port = 80;
  std::string pool_key() const { return host + ':' + std::to_string(port); }
};

// One connection under way. Destroying it cancels it. Worker's thread.
class Connector final : private Dialer::Owner {
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

 private:
  void dialled(DialResult result) override;
  void on_deadline();

  Worker& worker_;
  Owner& owner_;
  Timer deadline_;
  std::unique_ptr<Dial> dial_;
};

}  // namespace backoffd::proxy
