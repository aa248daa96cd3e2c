#include "admin/admin_server.h"

#include <algorithm>

namespace backoffd::admin {
namespace {

using proxy::Endpoint;
using proxy::Fd;

constexpr std::size_t kMostSessions = 128;

}  // namespace

policy::Result<std::unique_ptr<AdminServer>> AdminServer::bind(proxy::Loop& loop, const Endpoint& listen) {
  auto fd = proxy::listen_on(listen, "admin.listen", proxy::Port::own);
  if (!fd) return fd.error();
  const Endpoint bound = Endpoint::local_of(fd->get()).value_or(listen);
  return std::unique_ptr<AdminServer>(new AdminServer(loop, std::move(*fd), bound));
}

AdminServer::AdminServer(proxy::Loop& loop, Fd fd, const Endpoint& endpoint)
    : loop_(loop), endpoint_(endpoint), acceptor_(loop, std::move(fd), static_cast<proxy::Acceptor::Owner&>(*this)) {}

void AdminServer::serve(Guard guard, Router router) {
  guard_ = std::make_unique<Guard>(std::move(guard));
  router_ = std::make_unique<Router>(std::move(router));
  acceptor_.start();
}

AdminSession* AdminServer::find(CallNumber call) const {
  const auto it = std::find_if(sessions_.begin(), sessions_.end(), [&](const auto& s) { return s->number() == call; });
  return it == sessions_.end() ? nullptr : it->get();
}

void AdminServer::answer(CallNumber call, const Response& response) {
  if (AdminSession* session = find(call)) session->answer_later(response);
}

bool AdminServer::push(CallNumber call, std::string_view text) {
  AdminSession* session = find(call);
  return session != nullptr && session->push(text);
}

void AdminServer::end(CallNumber call) {
  if (AdminSession* session = find(call)) session->end();
}

void AdminServer::accepted(Fd fd, const proxy::Address&) {
  // The oldest goes, so that whoever holds many connections open shuts nobody out.
  if (sessions_.size() >= kMostSessions) {
    loop_.bury(std::move(sessions_.front()));
    sessions_.pop_front();
  }
  sessions_.push_back(std::make_unique<AdminSession>(
      loop_, std::move(fd), *guard_, *router_, ++last_number_, [this](AdminSession& done) {
        const auto it =
            std::find_if(sessions_.begin(), sessions_.end(), [&](const auto& s) { return s.get() == &done; });
        loop_.bury(std::move(*it));
        sessions_.erase(it);
      }));
}

}  // namespace backoffd::admin
