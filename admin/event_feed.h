// What an operator's page lives on: once a second it takes a sample of every key for the history, and, where somebody
// listens, tells all listeners the same state event.
//
//   GET /events   text/event-stream: "state" events, the first one at the next full second; ends at a drain, whose last
//                 event says so
//   GET /history  the last 15 minutes
//
// Owned by whoever owns the admin server; the admin's thread only.
#pragma once

#include <vector>

#include "admin/key_history.h"
#include "admin/router.h"
#include "policy/engine.h"
#include "proxy/net/loop.h"
#include "proxy/server.h"

namespace backoffd::admin {

class EventFeed {
 public:
  static constexpr std::size_t kMostListeners = 16;

  // All of them outlive the feed.
  EventFeed(proxy::Loop& loop, Callers& callers, policy::Engine& engine, proxy::Server& server);

  void add_routes(Router& router);  // the feed outlives the router
  void start();
  // One more event, then no more.
  void drain();

 private:
  Response subscribe(const Request& request);
  Response tell_once(const Request& request);
  void read_keys();
  void on_tick();
  void ask();
  void publish(proxy::ExchangeAnswer exchanges);
  void tell_all(std::string_view text);

  proxy::Loop& loop_;
  Callers& callers_;
  policy::Engine& engine_;
  proxy::Server& server_;

  const policy::MonoTime started_ = proxy::Loop::now();
  proxy::Timer tick_;
  KeyHistory history_;
  std::vector<policy::KeyStatus> keys_;  // as last read, those that are shown
  std::size_t keys_total_ = 0;
  std::vector<CallNumber> listeners_;
  bool newcomer_ = false;            // among them one that has had no event yet
  std::vector<CallNumber> asked_;    // who wants the state once
  std::vector<CallNumber> awaited_;  // ... and gets what the workers are being asked for
  std::vector<std::uint64_t> seen_;  // of recent exchanges
  bool asking_ = false;              // the workers are being asked
};

}  // namespace backoffd::admin
