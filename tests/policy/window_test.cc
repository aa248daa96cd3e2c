#include "policy/window.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "policy/random.h"

namespace backoffd::policy {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

Rate rate(const char* text) { return Rate::parse(text).value(); }
Duration kept(Duration window) { return window + Window::margin(window); }

TEST(Window, IsKeptALittleLongerThanWritten) {
  EXPECT_EQ(Window::margin(seconds(1)), milliseconds(5));
  EXPECT_EQ(Window::margin(hours(1)), milliseconds(50));
  Window window(rate("10/SECOND"));
  EXPECT_DOUBLE_EQ(window.per_second(), 10);  // what is said of it is what was written
}

// What the margin is for: a fixed window at the provider that begins with the first arrival, ways that differ by 4 ms.
TEST(Window, WaysOfDifferentLengthDoNotMakeAProviderRefuseWhatItsOwnLimitAllows) {
  Random random(3);
  Window window(rate("5/SECOND"));
  MonoTime now{};
  std::vector<MonoTime> arrivals;
  for (int i = 0; i < 200; ++i) {
    now = window.next_time(now);
    window.take(now);
    arrivals.push_back(now + from_seconds(random.uniform(0.001, 0.005)));
  }
  std::sort(arrivals.begin(), arrivals.end());
  MonoTime began = arrivals.front();
  int counted = 0;
  for (const MonoTime at : arrivals) {
    if (at >= began + seconds(1)) {
      began = at;
      counted = 0;
    }
    EXPECT_LE(++counted, 5);
  }
}

// The definition itself: all starts of the last window, in a list.
class Log {
 public:
  Log(std::int64_t count, Duration window) : count_(count), window_(window) {}
  MonoTime next_time(MonoTime now) {
    while (!starts_.empty() && starts_.front() <= now - window_) starts_.pop_front();
    if (static_cast<std::int64_t>(starts_.size()) < count_) return now;
    return starts_[starts_.size() - static_cast<std::size_t>(count_)] + window_;
  }
  void take(MonoTime now) { starts_.push_back(now); }

 private:
  std::int64_t count_;
  Duration window_;
  std::deque<MonoTime> starts_;
};

TEST(Window, ABurstOfCountGoesAtOnceAndTheNextAWindowAfterTheFirst) {
  Window window(rate("3/SECOND"));
  MonoTime now{};
  for (int i = 0; i < 3; ++i, now += milliseconds(10)) {
    ASSERT_EQ(window.next_time(now), now);
    window.take(now);
  }
  const MonoTime open = MonoTime{} + kept(seconds(1));
  EXPECT_EQ(window.next_time(now), open);
  window.take(open);
  EXPECT_EQ(window.next_time(open), open + milliseconds(10));
}

TEST(Window, FractionsOfARequestAreCarriedByTheLength) {
  Window window(Rate::per_second(0.5));
  MonoTime now{};
  window.take(now);
  EXPECT_EQ(window.next_time(now), now + kept(seconds(2)));
}

TEST(Window, ASlowProviderMayBeAskedOnceInThreeSeconds) {
  Window window(rate("1/3SECOND"));
  MonoTime now{};
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(window.next_time(now), now);
    window.take(now);
    EXPECT_EQ(window.next_time(now + seconds(1)), now + kept(seconds(3)));
    now += kept(seconds(3));
  }
}

TEST(Window, EqualsTheListOfAllStartsWhileEachStartIsMarked) {
  Random random(1);
  for (const char* text : {"1/SECOND", "7/SECOND", "64/2SECOND", "50/MINUTE"}) {
    const Rate limit = rate(text);
    Window window(limit);
    Log log(static_cast<std::int64_t>(limit.count()), kept(limit.window()));
    MonoTime now{};
    for (int i = 0; i < 4000; ++i) {
      const double pause = random.uniform(0, 1) < 0.01
                               ? random.uniform(0, 10) * backoffd::policy::seconds(limit.window())
                               : random.uniform(0, 1.5 / limit.per_second());
      now += std::chrono::floor<std::chrono::microseconds>(from_seconds(pause));
      ASSERT_EQ(window.next_time(now), log.next_time(now)) << text << " at start " << i;
      if (window.next_time(now) == now) {
        window.take(now);
        log.take(now);
      }
    }
  }
}

TEST(Window, LargeCountsAreNeverPassedAndHardlyMissed) {
  Random random(2);
  for (const char* text : {"65/SECOND", "1000/MINUTE", "10000/HOUR"}) {
    const Rate limit = rate(text);
    Window window(limit);
    std::vector<MonoTime> starts;
    MonoTime now{};
    for (int i = 0; i < 40000; ++i) {
      now = std::max(now + from_seconds(random.uniform(0, 0.2 / limit.per_second())), window.next_time(now));
      window.take(now);
      starts.push_back(now);
    }
    const auto count = static_cast<std::size_t>(limit.count());
    for (std::size_t i = count; i < starts.size(); ++i) ASSERT_GE(starts[i] - starts[i - count], limit.window()) << i;
    const double achieved = static_cast<double>(starts.size()) / backoffd::policy::seconds(now - MonoTime{});
    EXPECT_GT(achieved, 0.97 * limit.per_second()) << text;
  }
}

TEST(Windows, AllHoldTogether) {
  Windows windows({rate("2/SECOND"), rate("5/MINUTE")}, Window::kMarks);
  MonoTime now{};
  int sent = 0;
  while (now < MonoTime{} + seconds(59)) {
    const MonoTime at = windows.next_time(now);
    if (at >= MonoTime{} + seconds(60)) break;
    now = at;
    windows.take(now);
    ++sent;
  }
  EXPECT_EQ(sent, 5);
  EXPECT_EQ(windows.next_time(now), MonoTime{} + kept(seconds(60)));
  EXPECT_DOUBLE_EQ(windows.fastest_rate(), 2);
  EXPECT_EQ(windows.next_time(now, windows.fastest()), MonoTime{} + kept(seconds(60)));
}

}  // namespace
}  // namespace backoffd::policy
