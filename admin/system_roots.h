// The certificates that this system trusts, as one PEM file.
#pragma once

#include <string>
#include <vector>

#include "policy/result.h"

namespace backoffd::admin {

struct SystemRoots {
  std::string path;
  std::string pem;
};

// What SSL_CERT_FILE names, where it is set; else OpenSSL's own default file; else the first there is of where the
// distributions keep it. An error when there is none, or when SSL_CERT_FILE cannot be used. `except`: files that are no
// system's, passed over: bundles that we wrote ourselves, whose roots of former authorities must not pile up.
policy::Result<SystemRoots> system_roots(const std::vector<std::string>& except = {});

}  // namespace backoffd::admin
