// The throttle and the learner of one key, driven in virtual time over standard input: what a simulator of providers
// asks and tells, one JSON object a line. The objects are those that the engine uses; only the clock is the
// simulator's.
//
//   {"op": "start", "limit": 10, "workers": 32, "seed": 7}          a key with that configured limit, requests/s
//   {"op": "next", "now": 1.5, "in_flight": 3}                      when may the next start? -> {"at": 1.62}, or
//                                                                   {"at": null} where only an answer can change it
//   {"op": "send", "now": 1.62, "id": 8, "in_flight": 4}            it starts
//   {"op": "response", "now": 1.9, "id": 8, "status": 429, "headers": {"Retry-After": "3"}}
//   {"op": "idle", "now": 2}                                        nothing waits
//   {"op": "delay", "now": 1.9, "id": 8, "attempt": 1, "status": 429}   the retry policy's wait before the request
//                                                                   queues again -> {"wait": 0.25}; 0: the throttle's
//   {"op": "status", "now": -1}                                     -> the key's entry of GET /learning; -1: as of the
//                                                                   latest time told
//
// Times are seconds of the simulator's clock. Ends with 0 at the end of the input; with 2, and what is wrong on
// standard error, at the first line that it cannot make sense of.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "admin/json.h"
#include "admin/learning_status.h"
#include "policy/backoff.h"
#include "policy/hint.h"
#include "policy/random.h"
#include "policy/throttle.h"

namespace backoffd::policy {
namespace {

using admin::json::Value;
using std::chrono::hours;

// The simulator's time 0 on the two clocks. The monotonic one leaves room before it, for what start() has to do first.
constexpr MonoTime kZero{hours(1000)};
constexpr WallTime kWallZero{std::chrono::seconds(1700000000)};
constexpr double kLongest = 1e8;  // seconds: beyond it a time is a mistake
constexpr std::uint64_t kClass = 1;

class BadLine : public std::runtime_error {
  using runtime_error::runtime_error;
};

// One line, read member by member.
class Message {
 public:
  explicit Message(const Value& value) : value_(value) {
    if (!value.object()) throw BadLine("not an object");
  }

  double number(std::string_view name, double least, double most) const {
    const Value& member = need(name);
    if (!member.is_number() || !(member.number() >= least && member.number() <= most))
      throw BadLine(quoted(name) + "not a number in its range");
    return member.number();
  }
  int count(std::string_view name, int least, int most) const {
    const Value& member = need(name);
    if (!member.integer() || *member.integer() < least || *member.integer() > most)
      throw BadLine(quoted(name) + "not an integer in its range");
    return static_cast<int>(*member.integer());
  }
  const std::string& text(std::string_view name) const {
    const Value& member = need(name);
    if (!member.string()) throw BadLine(quoted(name) + "not text");
    return *member.string();
  }
  std::vector<FieldView> fields(std::string_view name) const {
    const Value& member = need(name);
    if (!member.object()) throw BadLine(quoted(name) + "not an object");
    std::vector<FieldView> fields;
    for (const auto& [field, value] : *member.object()) {
      if (!value.string()) throw BadLine(quoted(name) + "a field's value is not text");
      fields.push_back({field, *value.string()});
    }
    return fields;
  }

 private:
  static std::string quoted(std::string_view name) { return "\"" + std::string(name) + "\": "; }
  const Value& need(std::string_view name) const {
    const Value* member = value_.find(name);
    if (!member) throw BadLine(quoted(name) + "missing");
    return *member;
  }

  const Value& value_;
};

class Key {
 public:
  Key(double limit, std::uint64_t seed) : config_(limit_of(limit)), throttle_(config_), random_(seed) {
    throttle_.learner(learning_, retry_.retry_after_cap, allowances_);
    stand_in();
  }

  // When the request that waits may start. One that may start now has its slot from here on.
  MonoTime next(MonoTime now) {
    now = forward(now);
    if (sent_) return now;
    if (const auto until = throttle_.learner()->exhausted_until(throttle_.learner()->scope_of(kClass), now))
      return *until;
    if (!place_) {
      const Throttle::Answer answer = throttle_.ask(kAsk, {}, false, {.until = kFarOff}, now);
      if (answer.admission.kind == Admission::Kind::granted) {
        sent_ = answer.sent;
        return now;
      }
      place_ = answer.place;
    }
    collect(now);
    return sent_ ? now : throttle_.next_due(now);
  }

  void send(std::int64_t id, MonoTime now) {
    if (!sent_ && next(now) > forward(now)) throw BadLine("\"send\": it may not start yet");
    if (!under_way_.emplace(id, *sent_).second) throw BadLine("\"id\": it is under way already");
    sent_.reset();
  }

  void response(std::int64_t id, int status, const std::vector<FieldView>& fields, MonoTime now) {
    now = forward(now);
    const auto found = under_way_.find(id);
    if (found == under_way_.end()) throw BadLine("\"id\": it is not under way");
    const Hint hint = read_hint({.status = status, .fields = fields, .received = kWallZero + (now - kZero)});
    throttle_.learner()->on_response(found->second, status, hint, now, random_);
    throttle_.finish(found->second.scope);
    under_way_.erase(found);
    throttled_ = is_throttle_answer(status, hint);
  }

  void idle(MonoTime now) {
    now = forward(now);
    if (place_) throttle_.leave(*place_, now);
    place_.reset();
    throttle_.learner()->on_idle(now);
  }

  // Of the response told last.
  Duration delay(int attempt) {
    return throttled_ ? Duration{} : full_jitter(retry_.base_delay, retry_.max_backoff, attempt, random_);
  }

  Value status(MonoTime now) const {
    now = std::max(latest_, now);
    const Learner& learner = *throttle_.learner();
    KeyStatus status{.key = "simulated", .learner = learner.status(now), .shadow = {}};
    status.configured_limit = throttle_.configured_rate();
    status.effective_limit = learner.effective_rate(now);
    status.max_concurrency = learner.concurrency();
    status.in_flight = throttle_.in_flight();
    const Value all = admin::learning_json({status}, now, kWallZero + (now - kZero));
    return *all.find("providers")->find("simulated");
  }

 private:
  static constexpr MonoTime kFarOff = kZero + hours(100000);
  static constexpr Throttle::Ask kAsk{.bound = true, .watched = true, .client = 1, .request_class = kClass};

  static LimitConfig limit_of(double limit) {
    LimitConfig config;
    config.limits = {Rate::per_second(limit)};
    config.roles = {
        {.name = "never", .operations = {Operation::extract}, .limits = {Rate::parse("1/100000DAY").value()}}};
    return config;
  }

  // The simulator tells of one waiting request at a time, and by `idle` that there is none. A waiter that never comes
  // to its turn stands for the others: without it the throttle would take each request for the only one.
  void stand_in() {
    const Throttle::Ask never{.role = throttle_.role_of(Operation::extract)};
    throttle_.ask(never, {}, false, {.until = kFarOff}, MonoTime{});  // spends the role's one request, long ago
    throttle_.finish(ScopeTable::kRest);
    throttle_.ask(never, {}, false, {.until = kFarOff}, MonoTime{});
  }

  MonoTime forward(MonoTime now) { return latest_ = std::max(latest_, now); }

  void collect(MonoTime now) {
    grants_.clear();
    throttle_.advance(now, grants_);
    if (grants_.empty()) return;
    sent_ = throttle_.collect(*place_);
    place_.reset();
  }

  const LimitConfig config_;
  const LearningConfig learning_;
  const RetryConfig retry_;
  Allowances allowances_;
  Throttle throttle_;
  Random random_;
  MonoTime latest_ = kZero;
  std::optional<Throttle::Place> place_;  // of the request that waits
  std::optional<Sent> sent_;              // it may start, and has not been told to have started
  std::unordered_map<std::int64_t, Sent> under_way_;
  bool throttled_ = false;
  Grants grants_;
};

class Driver {
 public:
  // The answer to one line; none where the operation has none.
  std::optional<std::string> line(std::string_view text) {
    const auto document = admin::json::parse(text, admin::json::Dialect::strict);
    if (!document) throw BadLine(document.error().text());
    const Message message(document->root);
    const std::string& op = message.text("op");
    if (op == "start") {
      const double limit = message.number("limit", 1e-6, 1e6);
      message.count("workers", 1, 1 << 20);
      key_ = std::make_unique<Key>(limit, static_cast<std::uint64_t>(message.number("seed", 0, 1e18)));
      return std::nullopt;
    }
    if (!key_) throw BadLine("\"op\": the first one must be \"start\"");
    if (op == "status") {
      const double now = message.number("now", -1, kLongest);
      return write(key_->status(now < 0 ? MonoTime{} : time(now)));
    }
    const MonoTime now = time(message.number("now", 0, kLongest));
    if (op == "next") return next(now);
    if (op == "idle") {
      key_->idle(now);
      return std::nullopt;
    }
    const std::int64_t id = message.count("id", 0, std::numeric_limits<int>::max());
    if (op == "send") {
      key_->send(id, now);
    } else if (op == "response") {
      key_->response(id, message.count("status", 100, 999), message.fields("headers"), now);
    } else if (op == "delay") {
      Value answer;
      answer["wait"] = seconds(key_->delay(message.count("attempt", 1, 1 << 20)));
      return write(answer);
    } else {
      throw BadLine("\"op\": no such operation: " + op);
    }
    return std::nullopt;
  }

 private:
  static MonoTime time(double s) { return kZero + Duration(std::llround(s * 1e9)); }

  std::string next(MonoTime now) {
    const MonoTime at = key_->next(now);
    Value answer;
    answer["at"] = at == kNever ? Value() : Value(seconds(at - kZero));
    return write(answer);
  }

  std::unique_ptr<Key> key_;
};

}  // namespace
}  // namespace backoffd::policy

int main() {
  std::ios::sync_with_stdio(false);
  backoffd::policy::Driver driver;
  std::string text;
  for (int number = 1; std::getline(std::cin, text); ++number) {
    try {
      if (const auto answer = driver.line(text)) std::cout << *answer << std::endl;  // flushed: the simulator waits
    } catch (const std::exception& error) {
      std::cerr << "learning-driver: line " << number << ": " << error.what() << "\n";
      return 2;
    }
  }
  return 0;
}
