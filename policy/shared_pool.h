// For a pool that another tenant draws from first, and that therefore refuses whatever we do: where backing off does
// not make refusals rarer, cuts only give our part away. There the pace goes by a hill climb on what is accepted: up
// while a higher pace brings more, down where it does not or where too much is refused.
//
// It is taken for such a pool after several cuts in a row that did not help, or when much is refused for two intervals
// without a deep cut. That may be a mistake (a limit that fell far below the pace looks alike), so every few intervals
// a lower pace is tried: a limit would not refuse it.
//
// Times are seconds of one monotonic clock, paces requests per second. Not thread-safe: owned by a Learner.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace backoffd::policy {

class SharedPool {
 public:
  bool active() const { return active_; }
  void accepted() { ++accepted_; }
  void refused() { ++refused_; }  // the first refusal of an event that no trial caused

  // An event shows that `pace`, which was no trial, is too much; `total`: accepted so far. Once cuts have been futile
  // it becomes active and says at what pace to go on, not below what was accepted meanwhile.
  std::optional<double> futile_cut(double pace, std::uint64_t total, double now);
  // The pace was cut deeply: what was refused before says nothing of the new one.
  void deep_cut() { stale_ = true; }

  enum class Turn { none, entered, adjusted, left };
  // After an answer: at the end of an interval the pace may change. REQUIRES: floor <= pace <= top.
  Turn interval(double& pace, double floor, double top, double now);

 private:
  void enter();
  double next_pace(double pace, double share, double rate, double top);
  bool climb_pays() const;

  struct Point {
    float pace;
    float accepted;
  };
  bool active_ = false;

  // cuts in a row that did not help
  int futile_ = 0;
  double last_pace_ = 0;
  std::uint64_t last_total_ = 0;
  std::uint64_t first_total_ = 0;  // at the first of them
  double first_at_ = 0;

  // the interval under way
  bool stale_ = false;
  double began_ = 0;
  int accepted_ = 0;
  int refused_ = 0;
  int high_ = 0;            // intervals in a row with many refusals
  double pace_before_ = 0;  // the pace two intervals ago, to which entering goes back

  // the climb
  std::array<Point, 8> points_{};
  std::uint32_t count_ = 0;
  int intervals_ = 0;
  bool checking_ = false;
  double pace_to_return_to_ = 0;  // after a check
};

}  // namespace backoffd::policy
