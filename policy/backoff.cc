#include "policy/backoff.h"

#include <algorithm>
#include <cmath>

namespace backoffd::policy {

Duration full_jitter(Duration base, Duration cap, int n, Random& random) {
  // In floating point, where doubling ends at infinity instead of at a negative number.
  const double top = std::min(static_cast<double>(cap.count()), std::ldexp(static_cast<double>(base.count()), n));
  return Duration(static_cast<Duration::rep>(random.uniform(0, top)));
}

Duration jitter_upward(Duration x, Random& random) {
  // Only the jitter goes through floating point: the sum must not be rounded below x.
  constexpr double kSlack = 0.1e9;
  return x + Duration(static_cast<Duration::rep>(random.uniform(0, 0.1 * static_cast<double>(x.count()) + kSlack)));
}

}  // namespace backoffd::policy
