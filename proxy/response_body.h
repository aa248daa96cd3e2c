// The body of the answer that was committed, from its first attempt to its last: it goes to the client by a Relay, and
// after a break another attempt may continue it (POLICY 5). Owned by the Exchange; worker's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "policy/resume.h"
#include "proxy/http/head.h"
#include "proxy/relay.h"

namespace backoffd::proxy {

class ResponseBody {
 public:
  // `upstream`: framing as it comes behind `head`; `client`: as it goes out.
  ResponseBody(Worker& worker, const Head& head, Framing upstream, Framing client);
  // It may be continued, if its head has what that needs.
  void let_resume(std::string_view method, const Head& head);

  Relay& relay() { return relay_; }
  std::uint64_t delivered() const { return relay_.delivered(); }
  Framing client_framing() const { return client_; }

  struct Break {
    bool resumable;  // what was delivered can be continued
    bool advanced;   // more was delivered than at the break before
  };
  Break broke();

  // Of the request that asks for the rest. REQUIRES, here and below: the last break was resumable.
  std::string range() const { return point_.range(delivered()); }
  std::string_view if_range() const { return point_.if_range(); }
  // Goes on with what follows this head. None: it does not continue the body; else the bytes that a new download would
  // have had to fetch again.
  std::optional<std::uint64_t> continue_with(const Head& head, Framing upstream);

 private:
  Framing upstream_;  // of the first attempt
  Framing client_;
  Relay relay_;
  policy::ResumePoint point_;
  std::uint64_t broke_at_ = 0;
};

}  // namespace backoffd::proxy
