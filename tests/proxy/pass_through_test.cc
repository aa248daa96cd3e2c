#include "proxy/tls/pass_through.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace backoffd::proxy {
namespace {

using namespace std::chrono_literals;
using policy::MonoTime;
using testing::ElementsAre;
using testing::IsEmpty;

// Of one client and one host in virtual time. A step: when (seconds), and what the connection did: a(lert), c(lose),
// r(equest). `passes`: what is decided after the last step, at `at` seconds.
struct Case {
  const char* name;
  std::vector<std::pair<int, char>> steps;
  int at;
  bool passes;
};

TEST(PassThrough, LearnsFromWhatAClientDoes) {
  const Case cases[] = {
      {"nothing known", {}, 0, false},
      {"an alert is proof", {{0, 'a'}}, 0, true},
      {"for an hour", {{0, 'a'}}, 3599, true},
      {"and no longer", {{0, 'a'}}, 3600, false},
      {"one close is nothing", {{0, 'c'}}, 1, false},
      {"nor are two", {{0, 'c'}, {1, 'c'}}, 2, false},
      {"three are", {{0, 'c'}, {1, 'c'}, {2, 'c'}}, 3, true},
      {"at the same moment too", {{0, 'c'}, {0, 'c'}, {0, 'c'}}, 0, true},
      {"for an hour from the third", {{0, 'c'}, {30, 'c'}, {59, 'c'}}, 3658, true},
      {"and no longer then", {{0, 'c'}, {30, 'c'}, {59, 'c'}}, 3659, false},
      {"not when they take more than a minute", {{0, 'c'}, {30, 'c'}, {60, 'c'}}, 61, false},
      {"nor when they are rare", {{0, 'c'}, {61, 'c'}, {122, 'c'}, {183, 'c'}}, 184, false},
      {"a new row counts from its own first", {{0, 'c'}, {50, 'c'}, {70, 'c'}, {71, 'c'}, {72, 'c'}}, 73, true},
      {"a request between them shows trust", {{0, 'c'}, {1, 'c'}, {2, 'r'}, {3, 'c'}}, 4, false},
      {"and the row begins again", {{0, 'c'}, {1, 'r'}, {2, 'c'}, {3, 'c'}, {4, 'c'}}, 5, true},
      {"a request forgets what was learned", {{0, 'a'}, {1, 'r'}}, 2, false},
      {"an alert ends a row", {{0, 'c'}, {1, 'a'}}, 2, true},
      {"a later alert prolongs", {{0, 'a'}, {3000, 'a'}}, 5000, true},
      {"after it is forgotten one close is nothing", {{0, 'a'}, {3600, 'c'}}, 3601, false},
      {"nor are two then", {{0, 'a'}, {3600, 'c'}, {3601, 'c'}}, 3602, false},
      {"three are then", {{0, 'a'}, {3600, 'c'}, {3601, 'c'}, {3602, 'c'}}, 3603, true},
      {"closes while it passes change nothing", {{0, 'a'}, {3599, 'c'}}, 3600, false},
  };
  for (const Case& c : cases) {
    PassThrough pass_through;
    for (const auto& [at, what] : c.steps) {
      const MonoTime now{std::chrono::seconds(at)};
      if (what == 'a') pass_through.rejected("127.0.0.1", "a.example", "unknown_ca", now);
      if (what == 'c') pass_through.closed_early("127.0.0.1", "a.example", now);
      if (what == 'r') pass_through.trusted("127.0.0.1", "a.example");
    }
    EXPECT_EQ(pass_through.passes("127.0.0.1", "a.example", MonoTime{std::chrono::seconds(c.at)}), c.passes) << c.name;
  }
}

TEST(PassThrough, IsForOneClientAndOneHost) {
  PassThrough pass_through;
  pass_through.rejected("127.0.0.1", "a.example", "unknown_ca", MonoTime{});
  EXPECT_FALSE(pass_through.passes("127.0.0.2", "a.example", MonoTime{}));
  EXPECT_FALSE(pass_through.passes("127.0.0.1", "b.example", MonoTime{}));
  EXPECT_TRUE(pass_through.passes("127.0.0.1", "a.example", MonoTime{}));
}

TEST(PassThrough, TellsOnceThatAPairIsLearned) {
  PassThrough pass_through;
  EXPECT_TRUE(pass_through.rejected("127.0.0.1", "a.example", "unknown_ca", MonoTime{}));
  EXPECT_FALSE(pass_through.rejected("127.0.0.1", "a.example", "unknown_ca", MonoTime{1min}));
  EXPECT_TRUE(pass_through.rejected("127.0.0.1", "a.example", "unknown_ca", MonoTime{61min}));
  EXPECT_FALSE(pass_through.closed_early("127.0.0.1", "b.example", MonoTime{}));
  EXPECT_FALSE(pass_through.closed_early("127.0.0.1", "b.example", MonoTime{}));
  EXPECT_TRUE(pass_through.closed_early("127.0.0.1", "b.example", MonoTime{}));
  EXPECT_FALSE(pass_through.closed_early("127.0.0.1", "b.example", MonoTime{}));
}

TEST(PassThrough, ListsWhatIsLearnedAndWhyOldestFirst) {
  PassThrough pass_through;
  pass_through.rejected("127.0.0.1", "a.example", "unknown_ca", MonoTime{});
  pass_through.rejected("::1", "b.example", "certificate_unknown", MonoTime{1min});
  pass_through.closed_early("127.0.0.1", "suspected.example", MonoTime{1min});
  pass_through.passes("127.0.0.1", "a.example", MonoTime{2min});
  std::vector<std::string> shown;
  for (const auto& entry : pass_through.entries(MonoTime{2min})) {
    shown.push_back(
        entry.client + " " + entry.host + " " + entry.why + " " +
        std::to_string(std::chrono::duration_cast<std::chrono::minutes>(entry.until.time_since_epoch()).count()));
  }
  EXPECT_THAT(shown, ElementsAre("127.0.0.1 a.example unknown_ca 60", "::1 b.example certificate_unknown 61"));
  EXPECT_THAT(pass_through.entries(MonoTime{61min}), IsEmpty());
}

TEST(PassThrough, IsBounded) {
  PassThrough pass_through(2);
  for (const char* host : {"a.example", "b.example"})
    pass_through.rejected("127.0.0.1", host, "unknown_ca", MonoTime{});
  pass_through.passes("127.0.0.1", "a.example", MonoTime{});
  pass_through.closed_early("127.0.0.1", "c.example", MonoTime{});
  EXPECT_TRUE(pass_through.passes("127.0.0.1", "a.example", MonoTime{}));
  EXPECT_FALSE(pass_through.passes("127.0.0.1", "b.example", MonoTime{}));  // touched the longest time ago
}

TEST(PassThrough, ForgetsAllWhenTold) {
  PassThrough pass_through;
  pass_through.rejected("127.0.0.1", "a.example", "unknown_ca", MonoTime{});
  pass_through.clear();
  EXPECT_FALSE(pass_through.passes("127.0.0.1", "a.example", MonoTime{}));
  EXPECT_THAT(pass_through.entries(MonoTime{}), IsEmpty());
}

TEST(PassThrough, ServesThreadsAtOnce) {
  PassThrough pass_through(8);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&pass_through, t] {
      for (int i = 0; i < 500; ++i) {
        const std::string host = "h" + std::to_string((t + i) % 16);
        pass_through.closed_early("127.0.0.1", host, MonoTime{});
        pass_through.rejected("127.0.0.1", host, "unknown_ca", MonoTime{});
        pass_through.passes("127.0.0.1", host, MonoTime{});
        pass_through.trusted("127.0.0.1", host);
        pass_through.entries(MonoTime{});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(pass_through.entries(MonoTime{}), IsEmpty());
}

}  // namespace
}  // namespace backoffd::proxy
