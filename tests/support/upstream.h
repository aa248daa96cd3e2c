// The scripted origin: each connection it accepts is played by the next script of its list, the last one again and
// again. Scripts run in threads of their own; what they saw is read by the test after the play.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/socket.h"

namespace backoffd::test {

class Upstream {
 public:
  using Script = std::function<void(Peer&)>;

  // `port`: 0 for a free one.
  explicit Upstream(std::vector<Script> scripts, const char* address = "127.0.0.1", std::uint16_t port = 0);
  // The same answer to every request, on kept connections.
  static Script answers(std::string response);

  ~Upstream();

  std::uint16_t port() const { return port_; }
  std::string url(std::string_view path = "/") const;  // "http://127.0.0.1:PORT/..."
  std::string authority() const;                       // "127.0.0.1:PORT"
  int connections() const { return connections_; }

  // For scripts: notes a request as seen. For tests: what was noted so far, in order.
  void saw(std::string request);
  std::vector<std::string> seen() const;
  // Waits until `count` requests were noted (bounded).
  bool wait_for_requests(std::size_t count) const;

 private:
  void accept_loop();

  const std::string address_;
  std::uint16_t port_;
  proxy::Fd listener_;
  std::vector<Script> scripts_;
  std::atomic<int> connections_{0};
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::vector<std::string> seen_;
  std::list<std::thread> threads_;
  std::vector<int> open_;
  std::thread acceptor_;
};

// "HTTP/1.1 200 OK" with a Content-Length and this body.
std::string ok(std::string_view body, std::string_view fields = "");
std::string answer(std::string_view status_line, std::string_view fields, std::string_view body);

}  // namespace backoffd::test
