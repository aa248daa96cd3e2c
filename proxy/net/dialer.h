// A connected TCP socket to host:port, or the reason why there is none: resolve, check every address against the
// egress rules, race the permitted ones (RFC 8305), hand over the winner. One Dialer a worker.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/net/egress.h"
#include "proxy/net/handles.h"
#include "proxy/net/loop.h"
#include "proxy/net/resolver.h"

namespace backoffd::proxy {

enum class DialError {
  none,
  resolve_failed,       // the name has no address (NXDOMAIN, no data)
  resolve_timeout,      // no nameserver answered
  destination_refused,  // no address may be dialled (egress); `detail` names the class or rule
  connect_failed,       // every address refused or unreachable
  parent_refused,       // the parent proxy will not open a tunnel to the host (not the Dialer's own: the Connector's)
};

struct DialResult {
  Fd fd;  // connected, non-blocking, close-on-exec, TCP_NODELAY
  DialError error = DialError::none;
  std::string detail;  // one line for the log, without anything of the request but host and address
};

// One dial under way. Destroying it cancels everything it has open.
class Dial {
 public:
  virtual ~Dial() = default;
};

class Dialer {
 public:
  class Owner {
   public:
    // Called once, from the loop, never from inside start(). The owner may destroy the Dial in it.
    virtual void dialled(DialResult result) = 0;

   protected:
    ~Owner() = default;
  };

  Dialer(Loop& loop, Resolver& resolver, const EgressRules& egress);

  // Who chose the destination: a request, which the egress rules bind, or the operator (a parent proxy), whom only the
  // own ports bind, because dialling them would be a loop.
  enum class Choice { request, operators };

  // No deadline of its own: the owner has one and destroys the Dial. `host` as Target::host gives it.
  std::unique_ptr<Dial> start(std::string_view host, std::uint16_t port, Owner& owner, Choice choice = Choice::request);

 private:
  Loop& loop_;
  Resolver& resolver_;
  const EgressRules& egress_;
};

}  // namespace backoffd::proxy
