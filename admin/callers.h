// What a route needs whose answer comes later, or goes on: a call is named by its number, and whoever made it may have
// left meanwhile. The admin's thread only.
#pragma once

#include <cstdint>
#include <string_view>

namespace backoffd::admin {

struct Response;

using CallNumber = std::uint64_t;

class Callers {
 public:
  // To a call that was answered with Response::later(). Nothing happens where the caller has left.
  virtual void answer(CallNumber call, const Response& response) = 0;

  // More of a stream, which is a Response with `stream`. False: the caller has left, or was dropped because it took too
  // little of what came before.
  virtual bool push(CallNumber call, std::string_view text) = 0;
  virtual void end(CallNumber call) = 0;

 protected:
  ~Callers() = default;
};

}  // namespace backoffd::admin
