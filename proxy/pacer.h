// Carries the engine's consequences to where they belong: grants to the worker whose exchange waits, and the engine's
// next due time to a timer on the first worker's loop. Any thread may call; the engine itself calls nobody.
#pragma once

#include <memory>
#include <vector>

#include "policy/engine.h"
#include "proxy/alarm.h"
#include "proxy/net/loop.h"

namespace backoffd::proxy {

struct Worker;

class Pacer {
 public:
  explicit Pacer(policy::Engine& engine) : engine_(engine) {}

  // REQUIRES: before any worker runs; the workers outlive the pacer's use.
  void attach(std::vector<Worker*> workers);

  // After every engine call that may grant or bring the next due time forward.
  void settle(policy::Grants& grants);
  void settle() { look(); }

 private:
  void deliver(policy::Grants& grants);
  void look();
  void rearm();   // first worker's thread
  void on_due();  // first worker's thread

  policy::Engine& engine_;
  std::vector<Worker*> workers_;
  std::unique_ptr<Timer> timer_;  // first worker's thread
  Alarm alarm_;                   // timer_ as all threads know it
};

}  // namespace backoffd::proxy
