#include "admin/event_feed.h"

#include <algorithm>

#include "admin/state_event.h"

namespace backoffd::admin {
namespace {

using proxy::ExchangeAnswer;
using proxy::ExchangeQuery;
using proxy::Loop;

constexpr auto kTick = std::chrono::seconds(1);

}  // namespace

EventFeed::EventFeed(Loop& loop, Callers& callers, policy::Engine& engine, proxy::Server& server)
    : loop_(loop),
      callers_(callers),
      engine_(engine),
      server_(server),
      tick_(proxy::Timer::of<EventFeed, &EventFeed::on_tick>(loop, this)) {}

void EventFeed::add_routes(Router& router) {
  router.add("GET", "/events", [this](const Request& request, const std::string&) { return subscribe(request); });
  router.add("GET", "/state", [this](const Request& request, const std::string&) { return tell_once(request); });
  router.add("GET", "/history", [this](const Request&, const std::string&) {
    Response response;
    response.body = json::write(history_.show());
    return response;
  });
}

void EventFeed::start() { on_tick(); }

Response EventFeed::subscribe(const Request& request) {
  // Those that have left are known after the next event only.
  if (listeners_.size() >= kMostListeners) tell_all(": who is still there?\n\n");
  if (listeners_.size() >= kMostListeners) {
    return error_response(503, "too_many_listeners",
                          std::to_string(kMostListeners) + " listen to the events already, which is as many as may.");
  }
  if (request.method == "GET") {
    listeners_.push_back(request.number);
    newcomer_ = true;
  }
  Response response;
  response.body = "retry: 3000\n\n";
  response.content_type = "text/event-stream";
  response.kind = Response::Kind::stream;
  return response;
}

Response EventFeed::tell_once(const Request& request) {
  asked_.push_back(request.number);
  newcomer_ = true;
  if (!asking_) ask();
  return Response::later();
}

void EventFeed::read_keys() {
  keys_total_ = engine_.key_count();
  keys_ = engine_.status(Loop::now(), KeyHistory::kMostKeys);
}

void EventFeed::on_tick() {
  const auto wall = Loop::wall_now();
  read_keys();
  history_.add(keys_, wall);
  if (asking_) {
    tell_all(": still here\n\n");  // a worker has much to do
  } else if (!listeners_.empty()) {
    ask();
  }
  // At the beginning of a second, so that samples and seconds are the same.
  tick_.arm(kTick - wall.time_since_epoch() % kTick);
}

void EventFeed::ask() {
  asking_ = true;
  awaited_ = std::move(asked_);
  asked_.clear();
  ExchangeQuery query;
  // Who is new is told all that is kept, and with him the others: they know which ones they have.
  if (!newcomer_) query.seen = seen_;
  newcomer_ = false;
  server_.exchanges(std::move(query), [this](ExchangeAnswer answer) {
    loop_.post([this, answer = std::move(answer)]() mutable { publish(std::move(answer)); });
  });
}

void EventFeed::publish(ExchangeAnswer exchanges) {
  asking_ = false;
  if (!awaited_.empty()) read_keys();  // they ask what is now, not what was at the last tick
  StateSource source;
  source.clocks = {Loop::now(), Loop::wall_now()};
  source.uptime = source.clocks.now - started_;
  source.draining = server_.draining();
  for (const auto& endpoint : server_.listeners()) source.listeners.push_back(endpoint.text());
  source.keys = keys_;
  source.keys_total = keys_total_;
  source.gates = engine_.gates();
  source.counters = server_.counters();
  seen_ = std::move(exchanges.seen);
  source.exchanges = std::move(exchanges);
  const json::Value state = state_json(source);
  for (const CallNumber call : awaited_) callers_.answer(call, json_response(state));
  awaited_.clear();
  if (!asked_.empty()) ask();  // who asked meanwhile wants the recent ones, too
  tell_all(event_text("state", state));
  if (!source.draining) return;
  for (const CallNumber listener : listeners_) callers_.end(listener);
  listeners_.clear();
}

void EventFeed::tell_all(std::string_view text) {
  std::erase_if(listeners_, [&](CallNumber listener) { return !callers_.push(listener, text); });
}

void EventFeed::drain() {
  if (!listeners_.empty() && !asking_) ask();
}

}  // namespace backoffd::admin
