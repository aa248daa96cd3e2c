#include "admin/drain_command.h"

#include <thread>

#include "admin/words.h"
#include "proxy/net/loop.h"

namespace backoffd::admin {
namespace {

constexpr auto kPause = std::chrono::milliseconds(100);

}  // namespace

CommandResult drain_command(const AdminClient& client, bool wait, Output output) {
  const auto began = proxy::Loop::now();
  Reply reply = client.post("/drain", "{}", "drain");
  if (!reply) return std::move(reply.failure);
  CommandResult result;
  if (output == Output::json) {
    result.out = std::move(reply.text);
  } else {
    result.out = "The proxy at " + client.address() + " drains: it finishes what it has begun.\n";
  }
  if (!wait) return result;
  constexpr int kDraining = 503;
  Reply state = client.get("/readyz", "drain");
  while (state.status == kDraining) {
    std::this_thread::sleep_for(kPause);
    state = client.get("/readyz", "drain");
  }
  const std::string took = span(policy::seconds(proxy::Loop::now() - began));
  // One that is ready is another that was started in its place.
  if (output == Output::table)
    result.out += "It has gone after " + took + (state ? "; another has its place" : "") + ".\n";
  return result;
}

}  // namespace backoffd::admin
