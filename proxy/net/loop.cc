#include "proxy/net/loop.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <chrono>
#include <new>

namespace backoffd::proxy {

namespace {

EventBasePtr make_base() {
  // No lock: one thread owns the base, and post() speaks to it through an eventfd.
  std::unique_ptr<event_config, decltype(&event_config_free)> config(event_config_new(), &event_config_free);
  event_config_set_flag(config.get(), EVENT_BASE_FLAG_NOLOCK);
  EventBasePtr base(event_base_new_with_config(config.get()));
  if (!base) throw std::bad_alloc();
  return base;
}

MonoTime read_clock() {
  return MonoTime(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

thread_local bool on_loop_thread = false;
thread_local MonoTime moment{};  // of the callback that runs; zero: not read yet

}  // namespace

Loop::Loop() : base_(make_base()), wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  woken_.reset(event_new(base_.get(), wake_.get(), EV_READ | EV_PERSIST, &Loop::on_posted, this));
  event_add(woken_.get(), nullptr);
}

Loop::~Loop() { sweep(); }

MonoTime Loop::now() {
  if (!on_loop_thread) return read_clock();
  if (moment == MonoTime{}) moment = read_clock();
  return moment;
}

void Loop::forget_time() { moment = {}; }

WallTime Loop::wall_now() { return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()); }

void Loop::run() {
  on_loop_thread = true;
  finish_turn();
  for (;;) {
    if (stopped_.load(std::memory_order_acquire)) return;
    event_base_loop(base_.get(), EVLOOP_ONCE);
    finish_turn();
  }
}

void Loop::stop() {
  stopped_.store(true, std::memory_order_release);
  eventfd_write(wake_.get(), 1);
}

void Loop::post(std::function<void()> task) {
  bool first;
  {
    std::lock_guard lock(mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(task));
  }
  if (first) eventfd_write(wake_.get(), 1);
}

void Loop::on_posted(evutil_socket_t fd, short, void* self) noexcept {
  eventfd_t count;
  eventfd_read(fd, &count);
  static_cast<Loop*>(self)->run_posted();
}

void Loop::run_posted() {
  std::vector<std::function<void()>> tasks;
  {
    std::lock_guard lock(mutex_);
    tasks.swap(posted_);
  }
  for (auto& task : tasks) {
    task();
    after_callback();
  }
}

void Loop::withdraw(EndOfTurn& work) {
  std::replace(end_of_turn_.begin(), end_of_turn_.end(), &work, static_cast<EndOfTurn*>(nullptr));
}

void Loop::sweep() {
  // A destructor may bury in its turn: go on until nothing is left.
  while (!graves_.empty()) {
    burning_.swap(graves_);
    for (const Grave& grave : burning_) grave.destroy(grave.object);
    burning_.clear();
  }
}

void Loop::finish_turn() {
  // By index: a flush may tell an owner, who touches further streams.
  for (std::size_t i = 0; i < end_of_turn_.size(); ++i) {
    if (end_of_turn_[i] == nullptr) continue;
    EndOfTurn* work = std::exchange(end_of_turn_[i], nullptr);
    work->end_of_turn();
    after_callback();
  }
  end_of_turn_.clear();
  forget_time();  // the next callback may be long after this
}

void Timer::arm_at(MonoTime deadline) {
  deadline_ = deadline;
  if (deadline_ < fires_at_) schedule(Loop::now());
}

void Timer::schedule(MonoTime now) {
  if (!event_) event_.reset(event_new(loop_.base(), -1, 0, &Timer::on_fire, this));
  const auto wait = std::chrono::ceil<std::chrono::microseconds>(std::max(deadline_ - now, Duration::zero()));
  const timeval tv = {static_cast<time_t>(wait.count() / 1000000), static_cast<suseconds_t>(wait.count() % 1000000)};
  event_add(event_.get(), &tv);
  fires_at_ = deadline_;
}

void Timer::on_fire(evutil_socket_t, short, void* self) noexcept {
  auto* timer = static_cast<Timer*>(self);
  timer->fires_at_ = policy::kNever;
  Loop& loop = timer->loop_;
  if (timer->armed()) {
    const MonoTime now = Loop::now();
    if (now < timer->deadline_) {
      timer->schedule(now);
    } else {
      timer->deadline_ = policy::kNever;
      timer->callback_(timer->self_);
    }
  }
  loop.after_callback();
}

}  // namespace backoffd::proxy
