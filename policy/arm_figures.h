// What is counted of the exchanges of a gate, for each arm and key (provider@host), over sliding windows.
//
// Memory is bounded: kMostKeys keys have figures of their own, the rest is one more, and a key holds a fixed number of
// sub-windows whose histograms are bounded. Plain values without a lock; their owner is policy/experiment.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "policy/histogram.h"
#include "policy/time.h"

namespace backoffd::policy {

enum class Side { control, treatment };
inline constexpr std::array<std::string_view, 2> kSideNames = {"control", "treatment"};
constexpr std::string_view name(Side side) { return kSideNames[static_cast<std::size_t>(side)]; }

// How the client's answer ended.
enum class Ending {
  whole,
  broken,  // the client could see that it was not whole
  left,    // the client did not wait for it
};

// What the policy saw of an exchange's attempts.
struct AttemptFigures {
  std::uint32_t throttle_answers = 0;  // 429 and its like, received from upstream
  std::uint32_t timeouts = 0;          // connecting, or waiting for a response head
};

// What the proxy knows of an exchange at its end.
struct ExchangeFigures {
  int status = 0;  // given to the client; 0: none
  Ending ending = Ending::whole;
  bool tunnel = false;
  bool resumed = false;  // a broken body was continued, unseen by the client
  int attempts = 0;
  Duration queued{};
  Duration to_head{};       // admission to the response head given to the client
  Duration to_end{};        // ... to its last byte
  std::uint64_t bytes = 0;  // of bodies, both directions

  // As the client saw it: a whole answer that is neither the server's failure nor a refusal to serve it now. One that
  // the client did not wait for is no success: else an arm that makes clients wait too long would look good.
  bool succeeded() const { return ending == Ending::whole && status >= 100 && status < 500 && status != 429; }
  // A tunnel lasts as long as its ends like; that it stands is what can be compared.
  Duration latency() const { return tunnel ? to_head : to_end; }
};

// The sums over some exchanges of one arm.
struct ArmFigures {
  std::uint64_t exchanges = 0;
  std::uint64_t successes = 0;
  std::uint64_t left = 0;
  std::uint64_t throttle_answers = 0;     // received from upstream
  std::uint64_t throttled = 0;            // 429s given to the client
  std::uint64_t throttled_exchanges = 0;  // with at least one throttle answer
  std::uint64_t timeouts = 0;             // attempts
  std::uint64_t broken_bodies = 0;        // given to the client as broken
  std::uint64_t resumed_bodies = 0;
  std::uint64_t attempts = 0;
  std::uint64_t bytes = 0;
  Duration queued{};
  LatencyHistogram to_head;
  LatencyHistogram latency;

  void add(const ExchangeFigures& exchange, const AttemptFigures& attempts_of);
  void merge(const ArmFigures& other);
  // Of all exchanges; 0 where there are none.
  double share(std::uint64_t of) const {
    return exchanges == 0 ? 0 : static_cast<double>(of) / static_cast<double>(exchanges);
  }
};
using BothArms = std::array<ArmFigures, kSideNames.size()>;

// Sliding by sub-windows of 1 and 10 minutes: the first covers the last 4 to 5 minutes, the second the last 50 to 60.
enum class FigureWindow { five_minutes, hour, since_flip };
inline constexpr std::array<std::string_view, 3> kFigureWindowNames = {"5m", "1h", "since_flip"};
constexpr std::string_view name(FigureWindow window) { return kFigureWindowNames[static_cast<std::size_t>(window)]; }

// One arm of one key over all windows. An exchange is added in one place; a minute that is over is merged into the
// rest.
class ArmWindows {
 public:
  ArmFigures& current(MonoTime now);  // the sub-window that what ends now belongs to
  void collect(FigureWindow window, MonoTime now, ArmFigures& into);

 private:
  static constexpr std::int64_t kMinutes = 5;
  static constexpr std::int64_t kTens = 6;
  void roll(MonoTime now);
  ArmFigures& minute(std::int64_t number) { return minutes_[static_cast<std::size_t>(number % kMinutes)]; }
  ArmFigures& ten(std::int64_t number) { return tens_[static_cast<std::size_t>(number % kTens)]; }

  std::int64_t minute_ = 0;  // the current one, since the clock's epoch
  std::array<ArmFigures, kMinutes> minutes_;
  std::array<ArmFigures, kTens> tens_;  // minutes that are over
  ArmFigures over_;                     // ... all of them
};

// All keys of a gate. The first kMostKeys have figures of their own; a newcomer gets the place of one that was idle for
// an hour, whose sums go to the rest, or belongs to the rest itself.
class FiguresTable {
 public:
  static constexpr std::size_t kMostKeys = 32;
  static constexpr std::string_view kRest = "other";

  void add(std::string_view key, Side side, const ExchangeFigures& exchange, const AttemptFigures& attempts,
           MonoTime now);
  std::vector<std::string> keys() const;  // kRest last, where anything belongs to it
  // Nothing where there is no such key (any more).
  void collect(std::string_view key, FigureWindow window, MonoTime now, BothArms& into);

 private:
  struct Entry {
    std::array<ArmWindows, kSideNames.size()> arms;
    MonoTime used{};
  };
  Entry& entry(std::string_view key, MonoTime now);

  std::map<std::string, Entry, std::less<>> entries_;
  Entry rest_;
  BothArms gone_;  // sums of keys that lost their place
  bool has_rest_ = false;
};

}  // namespace backoffd::policy
