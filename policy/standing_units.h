// The figures of a gate whose units stay: clients and keys, which keep their arm as long as the gate is as it is.
//
// Each is drawn once, so what comes of it later is no further draw, and no martingale in time: to weigh all of them
// anew each second would be a test each second. They are tested at a few looks instead: first when there are units
// enough, then whenever the exchanges have become half as many again. Look k may spend alpha / (k (k + 1)), which is
// alpha for all looks together, however they depend on each other: group sequential testing with a spending function
// (Lan, DeMets 1983, Biometrika 70:3, 659), by the union bound. When a look comes depends on the exchanges of both arms
// together and on nothing that is compared.
//
// At one look, under "the treatment changes nothing", the figures of the units are what they are, and each arm is a
// draw of its own: a ScoreWalk over the units holds, however uneven they are and however long their exchanges go on
// ("design based"). A unit weighs n / (n + kHalfWeight), n its exchanges: never more than 1, so no client outweighs the
// others by being busy, and one that came once is not taken for one that is known. It is measured against all others.
//
// A look is of the exchanges that began before it was due, and is taken once they have had time to end: or the arm that
// fails faster would look worse.
//
// Bounded: beyond kMostUnits, units are left out. A plain value without a lock; its owner is policy/experiment.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "policy/time.h"
#include "policy/unit_figures.h"

namespace backoffd::policy {

// The last look at units that stay.
struct UnitLook {
  std::uint64_t units = 0;      // there are by now
  std::uint64_t least = 0;      // ... of which the first look needs so many
  int number = 0;               // of the last look; 0: there was none yet
  std::uint64_t exchanges = 0;  // there were by then
  std::uint64_t next = 0;       // exchanges that the next one is due at
  UnitFigures figures;          // at the last look

  // Of alpha, what the look may spend.
  double part() const { return number == 0 ? 0 : 1.0 / (static_cast<double>(number) * (number + 1)); }
};

class StandingUnits {
 public:
  static constexpr std::size_t kMostUnits = 4096;
  static constexpr double kHalfWeight = 16;
  static constexpr double kGrowth = 1.5;  // of the exchanges, from look to look

  StandingUnits() = default;
  // Before the first look there must be so many exchanges, and so many units, of both arms together.
  StandingUnits(std::uint64_t exchanges, std::uint64_t units) {
    last_.next = exchanges;
    last_.least = units;
  }

  // An exchange that began and ended then. `unit`: a hash.
  void add(std::uint64_t unit, Side side, const Figures& figures, MonoTime began, MonoTime ended);
  // The last look; first the next one is taken, where it was due at `before`.
  const UnitLook& look(double share, MonoTime before);

 private:
  struct Sums {
    double exchanges = 0;
    Figures figures{};
  };
  struct Unit {
    Side side;
    Sums seen;   // part of the look to come
    Sums later;  // began after it was due
  };
  UnitFigures compare(double share) const;

  std::uint64_t exchanges_ = 0;
  std::optional<MonoTime> due_;  // the next look; none: too few exchanges
  UnitLook last_;
  std::unordered_map<std::uint64_t, Unit> units_;
};

}  // namespace backoffd::policy
