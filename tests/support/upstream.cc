#include "tests/support/upstream.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

namespace backoffd::test {

Upstream::Upstream(std::vector<Script> scripts, const char* address, std::uint16_t port)
    : address_(address), port_(port), listener_(listen_on_free_port(port_, address)), scripts_(std::move(scripts)) {
  acceptor_ = std::thread([this] { accept_loop(); });
}

Upstream::~Upstream() {
  stopping_ = true;
  shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  {
    // A script that still waits for bytes finds its connection ended.
    std::lock_guard lock(mutex_);
    for (const int fd : open_) shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
}

void Upstream::accept_loop() {
  while (!stopping_) {
    proxy::Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd) return;
    const auto number = static_cast<std::size_t>(connections_++);
    const Script& script = scripts_[std::min(number, scripts_.size() - 1)];
    std::lock_guard lock(mutex_);
    open_.push_back(fd.get());
    threads_.emplace_back([this, &script, peer = Peer(std::move(fd))]() mutable {
      script(peer);
      // Not shut down by the destructor any more: the number may soon be somebody else's.
      std::lock_guard inner(mutex_);
      std::erase(open_, peer.fd());
      peer.close();
    });
  }
}

Upstream::Script Upstream::answers(std::string response) {
  return [response = std::move(response)](Peer& peer) {
    while (!peer.read_head().empty()) peer.send(response);
  };
}

std::string Upstream::url(std::string_view path) const { return "http://" + authority() + std::string(path); }

std::string Upstream::authority() const {
  const bool v6 = address_.find(':') != std::string::npos;
  return (v6 ? "[" + address_ + "]" : address_) + ":" + std::to_string(port_);
}

void Upstream::saw(std::string request) {
  std::lock_guard lock(mutex_);
  seen_.push_back(std::move(request));
}

std::vector<std::string> Upstream::seen() const {
  std::lock_guard lock(mutex_);
  return seen_;
}

bool Upstream::wait_for_requests(std::size_t count) const {
  for (int i = 0; i < 2000; ++i) {
    if (seen().size() >= count) return true;
    poll(nullptr, 0, 5);
  }
  return false;
}

std::string answer(std::string_view status_line, std::string_view fields, std::string_view body) {
  return "HTTP/1.1 " + std::string(status_line) + "\r\n" + std::string(fields) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

std::string ok(std::string_view body, std::string_view fields) { return answer("200 OK", fields, body); }

}  // namespace backoffd::test
