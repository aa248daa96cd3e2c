// The service manager that started this process, told how it stands (systemd's notification protocol, sd_notify(3)).
#pragma once

#include <string_view>

namespace backoffd::admin {

// Sends `state` ("READY=1", "STOPPING=1\nSTATUS=...") to the socket that NOTIFY_SOCKET names: a path, or an abstract
// name after '@'. Without that variable, or where nobody listens, nothing happens. Does not block. Any thread.
void tell_service_manager(std::string_view state);

}  // namespace backoffd::admin
