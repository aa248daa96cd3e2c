#include "admin/admin_server.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace backoffd::admin {
namespace {

using proxy::Endpoint;
using proxy::Fd;

constexpr std::size_t kMostSessions = 128;

}  // namespace

policy::Result<std::unique_ptr<AdminServer>> AdminServer::bind(proxy::Loop& loop, const Endpoint& listen) {
  const auto fail = [&](const char* call) {
    return policy::Error{"admin.listen", '"' + listen.text() + "\": " + call + ": " + std::strerror(errno)};
  };
  Fd fd(::socket(listen.address.is_v6() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail("socket");
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (listen.address.is_v6()) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  sockaddr_storage address{};
  const socklen_t size = listen.to(address);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0) return fail("bind");
  if (::listen(fd.get(), 64) != 0) return fail("listen");
  const Endpoint bound = Endpoint::local_of(fd.get()).value_or(listen);
  return std::unique_ptr<AdminServer>(new AdminServer(loop, std::move(fd), bound));
}

AdminServer::AdminServer(proxy::Loop& loop, Fd fd, const Endpoint& endpoint)
    : loop_(loop),
      fd_(std::move(fd)),
      endpoint_(endpoint),
      readable_(proxy::make_event<AdminServer, &AdminServer::on_ready>(loop, fd_.get(), EV_READ | EV_PERSIST, this)),
      pause_(proxy::Timer::of<AdminServer, &AdminServer::resume>(loop, this)) {}

void AdminServer::serve(Guard guard, Router router) {
  guard_ = std::make_unique<Guard>(std::move(guard));
  router_ = std::make_unique<Router>(std::move(router));
  event_add(readable_.get(), nullptr);
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

void AdminServer::resume() { event_add(readable_.get(), nullptr); }

void AdminServer::on_ready(short) {
  Fd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      event_del(readable_.get());
      pause_.arm(std::chrono::milliseconds(50));
    }
    return;
  }
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
