#include "admin/registrable_label.h"

#include <libpsl.h>

#include "proxy/net/address.h"

namespace backoffd::admin {

std::string registrable_label(std::string_view host) {
  std::string name(host.substr(0, host.size() - (host.ends_with('.') ? 1 : 0)));
  if (name.find('\0') != std::string::npos || proxy::read_host_number(name).is_number) return name;
  if (proxy::Address::parse(name)) return name;
  const char* domain = psl_registrable_domain(psl_builtin(), name.c_str());
  if (!domain) return name;
  const std::string_view label(domain);
  return std::string(label.substr(0, label.find('.')));
}

}  // namespace backoffd::admin
