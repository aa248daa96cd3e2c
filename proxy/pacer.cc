#include "proxy/pacer.h"

#include "proxy/worker.h"

namespace backoffd::proxy {

void Pacer::attach(std::vector<Worker*> workers) {
  workers_ = std::move(workers);
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
  if (alarm_.needs_arming(engine_.next_due())) workers_.front()->loop.post([this] { rearm(); });
}

void Pacer::rearm() {
  const MonoTime due = alarm_.settle([this] { return engine_.next_due(); });
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
