// Which fields may follow a body (RFC 9110 6.5.1).
#pragma once

#include <string_view>

namespace backoffd::proxy {

// False for what would change framing, routing, control or authentication after those who look at such things have
// looked, for what belongs to one hop, and for our own names, which would be taken for our word.
bool may_be_trailer(std::string_view name);

}  // namespace backoffd::proxy
