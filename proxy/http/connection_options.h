// What the Connection fields of a head name as belonging to this hop (RFC 9110 7.6.1), beside what does so by itself:
// neither the head's fields of these names are passed on, nor the trailers behind its body.
#pragma once

#include <string>
#include <vector>

#include "proxy/http/head.h"

namespace backoffd::proxy {

// A value: it points into no head. Most heads name nothing, which costs no allocation.
class ConnectionOptions {
 public:
  ConnectionOptions() = default;
  explicit ConnectionOptions(const Head& head);

  bool names(const Field& field) const;

 private:
  std::vector<std::string> names_;  // sorted, because a head may hold thousands of options and hundreds of fields
};

}  // namespace backoffd::proxy
