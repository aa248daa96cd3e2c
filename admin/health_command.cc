#include "admin/health_command.h"

#include "admin/address.h"
#include "admin/client.h"

namespace backoffd::admin {

CommandResult health_command(const AdminConfig& admin, policy::Duration patience, Output output) {
  const auto unhealthy = [](const std::string& why) { return failed("not healthy: " + why); };
  if (admin.listen == "off") return unhealthy("admin.listen is off: there is nobody to ask");
  const proxy::Endpoint at = *parse_listen(admin.listen);
  const auto answer = call(
      {.admin = at, .method = "GET", .path = "/readyz", .body = {}, .token = {}, .patience = patience, .cancel = -1});
  if (!answer) return unhealthy(answer.error().text());
  if (answer->status != 200) return unhealthy(message_of(*answer));
  const std::string words = "healthy: it serves, says " + reachable(at).text() + "\n";
  return {.exit_code = kExitOk, .out = output == Output::json ? answer->body : words, .complaint = {}};
}

}  // namespace backoffd::admin
