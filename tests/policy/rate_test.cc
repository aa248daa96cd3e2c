#include "policy/rate.h"

#include <gtest/gtest.h>

namespace backoffd::policy {
namespace {

using namespace std::chrono_literals;

TEST(Rate, ReadsWhatPeopleWrite) {
  struct Case {
    const char* text;
    double count;
    Duration window;
    const char* canonical;
  };
  for (const Case& c : {
           Case{"10/SECOND", 10, 1s, "10/SECOND"},
           Case{"50/s", 50, 1s, "50/SECOND"},
           Case{"50/S", 50, 1s, "50/SECOND"},
           Case{"5/seconds", 5, 1s, "5/SECOND"},
           Case{"300/m", 300, 1min, "300/MINUTE"},
           Case{"300/Minutes", 300, 1min, "300/MINUTE"},
           Case{"10000/HOUR", 10000, 1h, "10000/HOUR"},
           Case{"10000/h", 10000, 1h, "10000/HOUR"},
           Case{"100/6HOUR", 100, 6h, "100/6HOUR"},
           Case{"100000/DAY", 100000, 24h, "100000/DAY"},
           Case{"1/d", 1, 24h, "1/DAY"},
           Case{"1/3SECOND", 1, 3s, "1/3SECOND"},
           Case{"1/3s", 1, 3s, "1/3SECOND"},
           Case{"3000/300SECONDS", 3000, 5min, "3000/5MINUTE"},
           Case{"7/24h", 7, 24h, "7/DAY"},
           Case{"1000000000/1000000s", 1e9, 1'000'000s, "1000000000/1000000SECOND"},
           Case{"1/100000d", 1, 24h * 100'000, "1/100000DAY"},
       }) {
    const Result<Rate> rate = Rate::parse(c.text);
    ASSERT_TRUE(rate.ok()) << c.text << ": " << rate.error().text();
    EXPECT_EQ(rate->count(), c.count) << c.text;
    EXPECT_EQ(rate->window(), c.window) << c.text;
    EXPECT_EQ(rate->text(), c.canonical) << c.text;
    EXPECT_EQ(Rate::parse(rate->text()).value(), *rate) << c.text;
  }
}

TEST(Rate, SaysWhatIsWrong) {
  struct Case {
    const char* text;
    const char* what;
  };
  for (const Case& c : {
           Case{"", "expected COUNT/UNIT"},
           Case{"10", "expected COUNT/UNIT"},
           Case{"/SECOND", "count must be"},
           Case{"0/SECOND", "count must be"},
           Case{"-1/SECOND", "count must be"},
           Case{"1.5/SECOND", "count must be"},
           Case{" 1/SECOND", "count must be"},
           Case{"1000000001/SECOND", "count must be"},
           Case{"99999999999999999999/SECOND", "count must be"},
           Case{"5/FORTNIGHT", "unknown unit"},
           Case{"5/", "unknown unit"},
           Case{"5/3", "unknown unit"},
           Case{"5/ss", "unknown unit"},
           Case{"5/ms", "unknown unit"},
           Case{"5/S ECOND", "unknown unit"},
           Case{"5/s/s", "unknown unit"},
           Case{"5/0SECOND", "number of units"},
           Case{"5/1000001SECOND", "number of units"},
           Case{"5/99999999999999999999s", "number of units"},
           Case{"5/100001DAY", "window must be"},
       }) {
    const Result<Rate> rate = Rate::parse(c.text);
    ASSERT_FALSE(rate.ok()) << c.text;
    EXPECT_TRUE(rate.error().what.starts_with('"' + std::string(c.text) + "\": " + c.what)) << rate.error().text();
  }
}

TEST(Rate, PerSecond) {
  EXPECT_DOUBLE_EQ(Rate::parse("1/3SECOND")->per_second(), 1.0 / 3);
  EXPECT_DOUBLE_EQ(Rate::per_second(0.25).per_second(), 0.25);
  EXPECT_EQ(Rate::per_second(10).text(), "10/SECOND");
  EXPECT_EQ(Rate::per_second(0.25).text(), "0.25/SECOND");
  EXPECT_NE(*Rate::parse("60/MINUTE"), *Rate::parse("1/SECOND"));  // the same pace, another burst
}

}  // namespace
}  // namespace backoffd::policy
