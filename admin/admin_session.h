// One connection to the admin interface: reads calls one after the other and writes their answers. A call has the
// number of its connection, which has one at a time.
//
//   head --whole--> body --whole--> guard, route --answer--> head ...         any fault --> answer, then lingering
//                                            \--later--> waiting --answer--> head ...
//                                             \--stream--> streaming --end, or a reader too slow--> lingering, closed
//
// Owned by AdminServer, which is told by done() as the session's last act. The loop's thread only.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "admin/auth.h"
#include "admin/router.h"
#include "proxy/http/body.h"
#include "proxy/http/parser.h"
#include "proxy/net/address.h"
#include "proxy/net/farewell.h"
#include "proxy/net/stream.h"

namespace backoffd::admin {

class AdminSession final : private proxy::Stream::Owner {
 public:
  using Done = std::function<void(AdminSession& session)>;
  // `guard` and `router` outlive the session.
  AdminSession(proxy::Loop& loop, proxy::Fd fd, const Guard& guard, const Router& router, CallNumber number, Done done);

  CallNumber number() const { return number_; }
  // As in Callers; push() says whether the caller is still there.
  void answer_later(const Response& response);
  bool push(std::string_view text);
  void end();

 private:
  enum class State { head, body, waiting, streaming, lingering, closed };

  void progress() override;
  bool read_head();  // true: there is more to do at once
  bool read_body();
  void serve();
  void answer(const Response& response, bool keep_alive);
  void begin_stream(const Response& response);
  void wait();
  void refuse(int status, std::string_view code, std::string_view message);
  void linger();
  void hear_out();
  void close();
  bool peer_is_gone();  // ended, failed or timed out before a whole call had come

  const Guard& guard_;
  const Router& router_;
  const CallNumber number_;
  const Done done_;
  const proxy::Endpoint local_;

  proxy::Stream stream_;
  State state_ = State::head;
  proxy::HeadParser parser_;
  proxy::Head head_;
  proxy::BodyReader body_;
  proxy::BufferPtr payload_;
  proxy::BodyWriter stream_body_;
  bool keep_alive_ = false;                  // after the call that is waiting
  std::optional<proxy::Farewell> farewell_;  // of one that lingers
};

}  // namespace backoffd::admin
