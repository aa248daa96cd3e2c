// The real data plane in the test's process: engine, server and worker threads on a free port of 127.0.0.1.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "policy/engine.h"
#include "proxy/server.h"
#include "tests/support/socket.h"

namespace backoffd::test {

struct ProxySettings {
  policy::Config policy;
  proxy::Config proxy;                        // loopback may be dialled, tunnels to any port, one worker, log off
  std::optional<proxy::Authority> authority;  // none: one for any name is made where tls.intercept needs it
  ProxySettings();
};

class RunningProxy {
 public:
  explicit RunningProxy(const std::function<void(ProxySettings&)>& change = {});
  ~RunningProxy();

  std::uint16_t port() const;
  Peer connect() const { return connect_to(port()); }
  // One exchange on a connection of its own: sends `request` as it is, returns the response whole.
  std::string exchange(std::string_view request) const;
  std::string get(const std::string& url, std::string_view fields = "") const;

  policy::Engine& engine() { return *engine_; }
  proxy::Server& server() { return *server_; }
  X509* root() const { return server_->interceptor()->authority().root(); }  // what clients trust. REQUIRES: intercepts
  std::uint64_t counted(const std::function<std::uint64_t(const proxy::Counters&)>& of) const;
  std::string log_text() const;  // the access log so far (when the test turned it on: settings.proxy.access_log)

 private:
  std::string log_path_;
  std::unique_ptr<policy::Engine> engine_;
  std::unique_ptr<proxy::LogFile> log_;
  std::unique_ptr<proxy::Server> server_;
};

// "GET url HTTP/1.1" with the right Host and these further field lines ("Name: value\r\n").
std::string get_request(const std::string& url, std::string_view fields = "");

int status_of(const std::string& response);                                  // of the final head
std::string field_of(const std::string& response, const std::string& name);  // of the final head, "" when absent
std::string body_of(const std::string& response);                            // chunked ones decoded

}  // namespace backoffd::test
