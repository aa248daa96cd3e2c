// For a pool that refuses whatever we do (another tenant comes first): where backing off does not lower the share of
// refusals, the cuts only give our part away. Then the pace goes by a hill climb on what is accepted: up while a higher
// pace brings more, down where it does not.
//
// Times are seconds of one monotonic clock, paces requests per second. Not thread-safe: owned by a Learner.
#pragma once

#include <array>
#include <cstdint>

namespace backoffd::policy {

class LossyPool {
 public:
  bool active() const { return active_; }
  void accepted() { ++accepted_; }
  void refused() { ++refused_; }  // the first refusal of an event that no trial caused

  enum class Turn { none, entered, adjusted, left };
  // After an answer: at the end of an interval the pace may change. REQUIRES: floor <= pace <= top.
  Turn interval(double& pace, double floor, double top, double now);

 private:
  static constexpr int kAnswers = 20;     // an interval has that many ...
  static constexpr double kSeconds = 5;   // ... and lasts that long, at least
  static constexpr double kEnter = 0.12;  // refused share, twice running
  static constexpr double kLeave = 0.04;
  static constexpr double kUp = 1.15;
  static constexpr double kDown = 0.9;
  static constexpr double kWorthIt = 0.5;  // slope of accepted over pace, of their ratio

  bool climb_pays() const;

  struct Point {
    double pace;
    double accepted;
  };
  bool active_ = false;
  int high_ = 0;
  double pace_before_ = 0;  // the pace two intervals ago, to which entering goes back
  double began_ = 0;
  int accepted_ = 0;
  int refused_ = 0;
  std::array<Point, 8> points_{};
  std::uint32_t count_ = 0;
};

}  // namespace backoffd::policy
