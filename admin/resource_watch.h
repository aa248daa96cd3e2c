// Memory and CPU time of the process against what they were before a gate's flip. They have no arms, so they are told
// apart by time alone, which is why they may raise a hand and roll nothing back. Pure; one owner.
#pragma once

#include <array>
#include <cstdint>
#include <deque>

#include "policy/comparison.h"
#include "policy/gate.h"
#include "policy/time.h"

namespace backoffd::admin {

struct ResourceSample {
  policy::MonoTime at{};
  double memory = 0;            // bytes resident
  double cpu_seconds = 0;       // used so far by what serves
  std::uint64_t exchanges = 0;  // ended so far
};

class ResourceWatch {
 public:
  // CPU time is compared once there were this many exchanges on both sides of the flip, memory once the process had
  // served this many before it: a program that has just begun to work grows for other reasons.
  static constexpr std::uint64_t kLeastExchanges = 1000;

  void add(const ResourceSample& sample);
  // The gate's experiment began then, at or before the last sample; told again and again.
  void began(policy::GateId id, policy::MonoTime when);
  policy::Resources resources(policy::GateId id) const;

 private:
  struct Base {
    policy::MonoTime began = policy::kNever;
    ResourceSample at_flip;
    double cpu_per_exchange = 0;  // in the hour before; 0: not known
  };
  std::deque<ResourceSample> hour_;  // one a minute, oldest first; the last one is the newest of all
  std::array<Base, policy::kGateNames.size()> bases_;
};

}  // namespace backoffd::admin
