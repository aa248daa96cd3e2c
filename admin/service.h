// One run of the proxy, from set-up to the end of its drain: the composition root behind main().
//
// The main thread runs the admin's loop: admin calls, saves of learned state, and what its user adds (signals). The
// data plane has its own threads and waits for none of these.
//
//   run() --drain(), POST /drain--> draining --all done, or timeouts.drain, or stop()--> stopped
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "admin/admin_server.h"
#include "admin/config_reader.h"
#include "admin/event_feed.h"
#include "admin/gate_watch.h"
#include "admin/learning_store.h"
#include "admin/rollback_store.h"
#include "policy/engine.h"
#include "proxy/access_log.h"
#include "proxy/net/loop.h"
#include "proxy/server.h"

namespace backoffd::admin {

class Service {
 public:
  // Binds everything, and has the CA where something is intercepted; starts no thread. `token`: of the admin interface,
  // empty: none.
  static policy::Result<std::unique_ptr<Service>> make(Settings settings, std::string token);
  ~Service();

  void run();  // until stop(), which the end of a drain calls
  // From the loop's thread:
  void drain(const char* why);
  void stop();
  void reopen_log();
  bool draining() const { return server_->draining(); }
  // Called in place of stop() at the end of a drain.
  void set_drained(std::function<void()> drained) { drained_ = std::move(drained); }

  proxy::Loop& loop() { return loop_; }
  proxy::Server& server() { return *server_; }
  const Config& config() const { return settings_.config; }

 private:
  explicit Service(Settings settings);
  policy::Result<bool> set_up(std::string token);
  Router routes();
  policy::Result<bool> watch_gates();  // REQUIRES: server_
  void log_start() const;
  void open_learning();
  void open_rollbacks();
  void on_tick();
  void on_drained() { drained_(); }

  // --- constant after make() ---
  const Settings settings_;
  proxy::Loop loop_;
  policy::Engine engine_;
  std::unique_ptr<proxy::LogFile> access_log_;
  std::unique_ptr<AdminServer> admin_;  // null: admin.listen is off
  std::unique_ptr<proxy::Server> server_;
  std::unique_ptr<EventFeed> feed_;  // null: admin.listen is off
  std::function<void()> drained_ = [this] { stop(); };

  std::unique_ptr<GateWatch> gate_watch_;
  std::optional<LearningStore> learning_;
  std::optional<RollbackStore> rollbacks_;
  proxy::Timer tick_;        // saves of learned state
  proxy::Timer drain_over_;  // timeouts.drain
};

}  // namespace backoffd::admin
