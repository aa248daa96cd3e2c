// The last 15 minutes of the chosen keys, a sample a second, so that a page that was just opened shows the past.
// Bounded memory: kMostKeys rings of 900 samples of 20 bytes. The admin's thread only.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "admin/json.h"
#include "policy/engine.h"
#include "policy/time.h"

namespace backoffd::admin {

class KeyHistory {
 public:
  static constexpr std::size_t kSamples = 900;
  static constexpr std::size_t kMostKeys = 64;

  // To be called each second, with at most kMostKeys; seconds that were missed are filled with what came before. A key
  // that is not among `keys` is forgotten.
  void add(const std::vector<policy::KeyStatus>& keys, policy::WallTime now);

  // {"end", "step": 1, "states": [...], "keys": {key: {"requests": [...], "throttle_answers", "queued",
  // "configured_limit", "effective_limit", "state"}}}: the arrays end at `end` together and may be of different length.
  json::Value show() const;

 private:
  struct Sample {
    float configured = 0;  // requests/s; 0: none
    float effective = 0;
    std::uint32_t requests = 0;  // in this second
    std::uint16_t throttle_answers = 0;
    std::uint16_t queued = 0;
    std::uint8_t state = 0;  // policy::LearnerState
  };
  struct Ring {
    std::vector<Sample> samples;
    std::size_t next = 0;  // the oldest one, once it is full
    std::uint64_t requests = 0;
    std::uint64_t throttle_answers = 0;
    bool chosen = true;
    void add(const Sample& sample);
  };

  std::map<std::string, Ring> rings_;
  std::int64_t second_ = 0;  // since 1970, of the last samples
};

}  // namespace backoffd::admin
