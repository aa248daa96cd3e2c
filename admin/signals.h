// Signals as events of a loop: they are handled between two callbacks like everything else. The loop's thread only.
#pragma once

#include <sys/signalfd.h>

#include <functional>
#include <initializer_list>
#include <memory>

#include "policy/result.h"
#include "proxy/net/loop.h"

namespace backoffd::admin {

class Signals {
 public:
  using Handler = std::function<void(const signalfd_siginfo& signal)>;

  // Blocks these signals, for all threads that come after, and hands each to `handler`, which may stop the loop but not
  // destroy this. REQUIRES: no other thread runs yet; the loop outlives this.
  static policy::Result<std::unique_ptr<Signals>> take(proxy::Loop& loop, std::initializer_list<int> numbers,
                                                       Handler handler);

  proxy::Loop& loop() { return loop_; }

 private:
  Signals(proxy::Loop& loop, proxy::Fd fd, Handler handler);
  void on_readable(short what);
  friend proxy::EventPtr proxy::make_event<Signals, &Signals::on_readable>(proxy::Loop&, int, short, Signals*);

  proxy::Loop& loop_;
  const proxy::Fd fd_;
  const Handler handler_;
  proxy::EventPtr readable_;
};

}  // namespace backoffd::admin
