#include "proxy/connector.h"

#include "proxy/worker.h"

namespace backoffd::proxy {

Connector::Connector(Worker& worker, const Origin& origin, Owner& owner)
    : worker_(worker),
      owner_(owner),
      deadline_(Timer::of<Connector, &Connector::on_deadline>(worker.loop, this)),
      dial_(worker.dialer.start(origin.host, origin.port, *this)) {
  deadline_.arm(worker.config.timeouts.connect);
}

void Connector::dialled(DialResult result) {
  deadline_.disarm();
  if (result.error == DialError::none) {
    worker_.counters.upstream_connections.add();
    owner_.connected(std::make_unique<Stream>(worker_.loop, std::move(result.fd), nullptr));
    return;
  }
  const auto kind = result.error == DialError::destination_refused ? policy::OutcomeKind::destination_refused
                                                                   : policy::OutcomeKind::connect_error;
  owner_.connect_failed(kind, result.error, std::move(result.detail));
}

void Connector::on_deadline() {
  dial_.reset();
  owner_.connect_failed(policy::OutcomeKind::connect_timeout, DialError::none, "no connection within timeouts.connect");
}

}  // namespace backoffd::proxy
