#include "proxy/pacer.h"

#include "proxy/worker.h"

namespace backoffd::proxy {

void Pacer::attach(std::vector<Worker*> workers) {
  workers_ = std::move(workers);
  armed_for_ = policy::kNever.time_since_epoch().count();
  timer_ = std::make_unique<Timer>(Timer::of<Pacer, &Pacer::on_due>(workers_.front()->loop, this));
}

void Pacer::settle(policy::Grants& grants) {
  deliver(grants);
  look();
}

void Pacer::deliver(policy::Grants& grants) {
  for (const policy::Grant& grant : grants) {
    Worker* worker = workers_[grant.ticket.worker];
    worker->loop.post([worker, grant] { worker->deliver(grant); });
  }
  grants.clear();
}

void Pacer::look() {
  const auto due = engine_.next_due().time_since_epoch().count();
  auto armed = armed_for_.load(std::memory_order_relaxed);
  while (due < armed) {
    if (armed_for_.compare_exchange_weak(armed, due, std::memory_order_relaxed)) {
      workers_.front()->loop.post([this] { rearm(); });
      return;
    }
  }
}

void Pacer::rearm() {
  const MonoTime due = engine_.next_due();
  armed_for_.store(due.time_since_epoch().count(), std::memory_order_relaxed);
  if (due == policy::kNever) {
    timer_->disarm();
  } else {
    timer_->arm_at(due);
  }
}

void Pacer::on_due() {
  policy::Grants grants;
  engine_.advance(Loop::now(), grants);
  deliver(grants);
  rearm();
}

}  // namespace backoffd::proxy
