// How long to wait: full jitter where the server said nothing, upward jitter where it did. Both spread clients that
// failed at one moment, so that they do not come back at one moment.
#pragma once

#include "policy/random.h"
#include "policy/time.h"

namespace backoffd::policy {

// Uniform in [0, min(cap, base * 2^n)), n the number of attempts made (n >= 1). Saturates, never overflows.
// REQUIRES: base and cap >= 0.
Duration full_jitter(Duration base, Duration cap, int n, Random& random);

// Uniform in [x, 1.1 x + 0.1 s): a hint is never shortened. REQUIRES: 0 <= x < 250 years.
Duration jitter_upward(Duration x, Random& random);

}  // namespace backoffd::policy
