#include "admin/signals.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace backoffd::admin {

policy::Result<std::unique_ptr<Signals>> Signals::take(proxy::Loop& loop, std::initializer_list<int> numbers,
                                                       Handler handler) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : numbers) sigaddset(&set, number);
  if (pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) return policy::Error{"signals", std::strerror(errno)};
  proxy::Fd fd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd) return policy::Error{"signals", std::strerror(errno)};
  return std::unique_ptr<Signals>(new Signals(loop, std::move(fd), std::move(handler)));
}

Signals::Signals(proxy::Loop& loop, proxy::Fd fd, Handler handler)
    : loop_(loop),
      fd_(std::move(fd)),
      handler_(std::move(handler)),
      readable_(proxy::make_event<Signals, &Signals::on_readable>(loop_, fd_.get(), EV_READ | EV_PERSIST, this)) {
  event_add(readable_.get(), nullptr);
}

void Signals::on_readable(short) {
  signalfd_siginfo info{};
  while (::read(fd_.get(), &info, sizeof info) == sizeof info) handler_(info);
}

}  // namespace backoffd::admin
