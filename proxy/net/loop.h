// One thread's event loop: libevent's base, the end-of-turn work, and the way in from other threads.
//
// A turn is one pass over the ready events. After each callback what was buried in it is destroyed; at the end of the
// turn every touched stream is flushed once. All members but post() and stop() belong to the loop's own thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "policy/time.h"
#include "proxy/net/handles.h"

namespace backoffd::proxy {

using policy::Duration;
using policy::MonoTime;
using policy::WallTime;

class Loop {
 public:
  // Work that is done once at the end of the turn it was asked for in (Stream's flush).
  class EndOfTurn {
   public:
    virtual void end_of_turn() = 0;

   protected:
    ~EndOfTurn() = default;
  };

  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void run();                             // until stop()
  void stop();                            // any thread
  void post(std::function<void()> task);  // any thread: runs in the loop's thread, soon; never inside the caller

  event_base* base() const { return base_.get(); }
  // On a loop's thread the time is read at most once a callback: what one callback does happens at one moment.
  static MonoTime now();
  static WallTime wall_now();

  // Destroys `object` after the current callback. Its events may be freed, but nothing of it is called any more.
  template <class T>
  void bury(std::unique_ptr<T> object) {
    if (object) graves_.push_back({object.release(), [](void* p) { delete static_cast<T*>(p); }});
  }

  // REQUIRES: `work` is not waiting already; it withdraws before it dies.
  void at_end_of_turn(EndOfTurn& work) { end_of_turn_.push_back(&work); }
  void withdraw(EndOfTurn& work);

  // Called by every trampoline as its last statement.
  void after_callback() {
    forget_time();
    if (!graves_.empty()) sweep();
  }

 private:
  struct Grave {
    void* object;
    void (*destroy)(void*);
  };
  static void forget_time();
  void sweep();
  void finish_turn();
  void run_posted();
  static void on_posted(evutil_socket_t fd, short what, void* self) noexcept;

  EventBasePtr base_;
  Fd wake_;
  EventPtr woken_;
  std::vector<Grave> graves_;
  std::vector<Grave> burning_;  // inside sweep() only; kept for its capacity
  std::vector<EndOfTurn*> end_of_turn_;

  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  // GUARDED_BY(mutex_)
  std::atomic<bool> stopped_{false};
};

// An event whose callback is a member function: Event<Session, &Session::on_readable>. The trampoline is noexcept,
// because an exception that leaves a libevent callback ruins the base.
template <class T, void (T::*Callback)(short)>
EventPtr make_event(Loop& loop, int fd, short what, T* self);

// A deadline that costs nothing to move: arming and disarming only note the time; the libevent timer behind it is
// touched when the new deadline is earlier than the one it already waits for, and looks again when it fires.
class Timer {
 public:
  using Callback = void (*)(void* self);
  Timer(Loop& loop, Callback callback, void* self) : loop_(loop), callback_(callback), self_(self) {}

  template <class T, void (T::*Member)()>
  static Timer of(Loop& loop, T* self) {
    return Timer(
        loop, [](void* p) { (static_cast<T*>(p)->*Member)(); }, self);
  }

  void arm(Duration after) { arm_at(Loop::now() + after); }
  void arm_at(MonoTime deadline);
  void disarm() { deadline_ = policy::kNever; }
  bool armed() const { return deadline_ != policy::kNever; }
  MonoTime deadline() const { return deadline_; }

 private:
  static void on_fire(evutil_socket_t fd, short what, void* self) noexcept;
  void schedule(MonoTime now);

  Loop& loop_;
  Callback callback_;
  void* self_;
  EventPtr event_;
  MonoTime deadline_ = policy::kNever;
  MonoTime fires_at_ = policy::kNever;  // when event_ is due; kNever: not pending
};

template <class T, void (T::*Callback)(short)>
EventPtr make_event(Loop& loop, int fd, short what, T* self) {
  struct Trampoline {
    static void call(evutil_socket_t, short happened, void* object) noexcept {
      T* target = static_cast<T*>(object);
      Loop& its_loop = target->loop();
      (target->*Callback)(happened);
      its_loop.after_callback();
    }
  };
  return EventPtr(event_new(loop.base(), fd, what, &Trampoline::call, self));
}

}  // namespace backoffd::proxy
