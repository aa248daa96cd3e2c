// Rare things that an operator should hear of, in the program's own log (not the access log). Never on the way of an
// ordinary request: at most ten a second of each thread, the others are counted and told of with the next.
#pragma once

#include <string>

namespace backoffd::proxy {

void notice(const std::string& sentence);

}  // namespace backoffd::proxy
