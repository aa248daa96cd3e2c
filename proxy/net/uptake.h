// Tells a peer that takes slowly what was written from one that takes nothing. EV_WRITE does not: it comes when a good
// part of the kernel's buffer is free, which may be megabytes and take a slow peer longer than any deadline. What the
// peer has acknowledged is asked of the kernel, and only once a deadline has passed, so that others pay nothing for it.
#pragma once

#include <cstdint>

#include "proxy/net/stream.h"

namespace backoffd::proxy {

class Uptake {
 public:
  // Has the peer taken more since this was last asked? The first time: has it yet something to take?
  bool goes_on(const Stream& stream) {
    const Stream::Taken before = taken_;
    taken_ = stream.taken();
    return taken_.bytes > before.bytes && !(before.all && taken_.all);
  }

 private:
  Stream::Taken taken_;
};

}  // namespace backoffd::proxy
