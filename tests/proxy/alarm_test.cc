#include "proxy/alarm.h"

#include <gtest/gtest.h>

namespace backoffd::proxy {
namespace {

using policy::kNever;
using policy::MonoTime;

MonoTime at(int ms) { return MonoTime(std::chrono::milliseconds(ms)); }

TEST(Alarm, NeedsArmingForAnEarlierTimeOnly) {
  Alarm alarm;
  EXPECT_FALSE(alarm.needs_arming(kNever));
  EXPECT_TRUE(alarm.needs_arming(at(50)));
  EXPECT_FALSE(alarm.needs_arming(at(50)));
  EXPECT_FALSE(alarm.needs_arming(at(60)));
  EXPECT_TRUE(alarm.needs_arming(at(40)));
}

TEST(Alarm, NeedsArmingAgainAfterItWasSettledForLater) {
  Alarm alarm;
  ASSERT_TRUE(alarm.needs_arming(at(40)));
  EXPECT_EQ(at(80), alarm.settle([] { return at(80); }));
  EXPECT_TRUE(alarm.needs_arming(at(60)));
}

TEST(Alarm, SettlesForWhatBecameEarlierMeanwhile) {
  Alarm alarm;
  alarm.needs_arming(at(40));
  // The timer fired; as it is settled anew another thread's request is due at 1000, which the alarm for 40 covers
  // still.
  int reads = 0;
  bool told = true;
  const MonoTime armed = alarm.settle([&] {
    if (++reads > 1) return at(1000);
    told = alarm.needs_arming(at(1000));
    return kNever;  // as it was read before
  });
  EXPECT_FALSE(told);
  EXPECT_EQ(at(1000), armed);
}

}  // namespace
}  // namespace backoffd::proxy
