// One run of the proxy, from set-up to the end of its drain: the composition root behind main().
//
// The main thread runs the admin's loop: admin calls, signals, saves of learned state. The data plane has its own
// threads and waits for none of these.
//
//   run() --SIGTERM, SIGINT, POST /drain--> draining --all done, or timeouts.drain, or a second signal--> stopped
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "admin/admin_server.h"
#include "admin/config_reader.h"
#include "admin/learning_store.h"
#include "policy/engine.h"
#include "proxy/access_log.h"
#include "proxy/net/loop.h"
#include "proxy/server.h"

namespace backoffd::admin {

class Service {
 public:
  // Binds everything. `token`: of the admin interface, empty: none. REQUIRES: no other thread runs yet, because signals
  // are blocked for all threads that come after.
  static policy::Result<std::unique_ptr<Service>> make(Settings settings, std::string token);
  ~Service();

  void run();  // until the drain is over

  proxy::Loop& loop() { return loop_; }

 private:
  explicit Service(Settings settings);
  policy::Result<bool> set_up(std::string token);
  Router routes();
  void log_start() const;
  void open_learning();
  void on_signal(short what);
  void on_tick();
  void drain(const char* why);
  void stop();
  friend proxy::EventPtr proxy::make_event<Service, &Service::on_signal>(proxy::Loop&, int, short, Service*);

  // --- constant after make() ---
  const Settings settings_;
  proxy::Loop loop_;
  policy::Engine engine_;
  std::unique_ptr<proxy::LogFile> access_log_;
  std::unique_ptr<AdminServer> admin_;  // null: admin.listen is off
  std::unique_ptr<proxy::Server> server_;
  proxy::Fd signal_fd_;
  proxy::EventPtr signalled_;

  std::optional<LearningStore> learning_;
  proxy::Timer tick_;        // saves of learned state
  proxy::Timer drain_over_;  // timeouts.drain
};

}  // namespace backoffd::admin
