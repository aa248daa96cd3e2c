// The admin interface: one listener and its connections on one loop. Owned by main; the loop's thread only.
#pragma once

#include <list>
#include <memory>

#include "admin/admin_session.h"
#include "admin/auth.h"
#include "admin/router.h"
#include "policy/result.h"
#include "proxy/net/address.h"
#include "proxy/net/listener.h"
#include "proxy/net/loop.h"

namespace backoffd::admin {

class AdminServer final : public Callers, private proxy::Acceptor::Owner {
 public:
  // Bound, so that its address is known, but not served yet. The error names the key and the value.
  static policy::Result<std::unique_ptr<AdminServer>> bind(proxy::Loop& loop, const proxy::Endpoint& listen);

  // REQUIRES: called once. Connections that came before are answered now.
  void serve(Guard guard, Router router);

  void answer(CallNumber call, const Response& response) override;
  bool push(CallNumber call, std::string_view text) override;
  void end(CallNumber call) override;

  const proxy::Endpoint& endpoint() const { return endpoint_; }  // port 0 is resolved

 private:
  AdminServer(proxy::Loop& loop, proxy::Fd fd, const proxy::Endpoint& endpoint);
  bool has_room() override { return true; }  // the oldest one goes
  void accepted(proxy::Fd fd, const proxy::Address& peer) override;
  AdminSession* find(CallNumber call) const;

  // --- constant after serve() ---
  proxy::Loop& loop_;
  const proxy::Endpoint endpoint_;
  std::unique_ptr<Guard> guard_;
  std::unique_ptr<Router> router_;

  proxy::Acceptor acceptor_;
  std::list<std::unique_ptr<AdminSession>> sessions_;
  CallNumber last_number_ = 0;
};

}  // namespace backoffd::admin
