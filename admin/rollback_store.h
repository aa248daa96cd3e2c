// Keeps over a restart that a guard rolled a gate back, in a small file of the state folder: the gate stays off until
// an operator flips it, or configures it anew. Nothing here fails a start: what goes wrong is told, and the proxy goes
// on.
//
// Owned by the Service; used on one thread, which may block on the disk.
#pragma once

#include <functional>
#include <string>

#include "admin/gate_json.h"
#include "policy/engine.h"

namespace backoffd::admin {

class RollbackStore {
 public:
  using Tell = std::function<void(const std::string& sentence)>;

  RollbackStore(std::string path, Tell tell) : path_(std::move(path)), tell_(std::move(tell)) {}

  // Rolls back again what the file says, where the gate is configured as it was then. REQUIRES: called once, before the
  // first exchange, and before save().
  void restore(policy::Engine& engine, const Clocks& clocks);
  // To be called now and then: replaces the file when a gate was rolled back or flipped since.
  void save(const policy::Engine& engine, const Clocks& clocks);

 private:
  const std::string path_;
  const Tell tell_;
  bool usable_ = true;  // false: of a newer version, and left alone
  std::string kept_;    // what the file holds; empty: there is none
};

}  // namespace backoffd::admin
