#include "tests/support/running_proxy.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace backoffd::test {

namespace {

// Without the public suffix list: the last label but one is enough for "127.0.0.1" and the names of the tests.
std::string label(std::string_view host) { return std::string(host); }

// Where the final head begins: interim ones stand before it.
std::size_t final_head(const std::string& response) {
  std::size_t at = 0;
  while (response.compare(at, 10, "HTTP/1.1 1") == 0 && response.compare(at, 12, "HTTP/1.1 101") != 0) {
    const std::size_t end = response.find("\r\n\r\n", at);
    if (end == std::string::npos) break;
    at = end + 4;
  }
  return at;
}

}  // namespace

ProxySettings::ProxySettings() {
  proxy.listen = {"127.0.0.1:0"};
  proxy.workers = 1;
  proxy.access_log = "off";
  proxy.egress.allow = {"127.0.0.0/8", "::1"};
  proxy.egress.connect_any_port = true;
  // Tests wait in real time: keep the waits short where the policy leaves them free.
  policy.retry.base_delay = std::chrono::milliseconds(1);
}

RunningProxy::RunningProxy(const std::function<void(ProxySettings&)>& change) {
  std::signal(SIGPIPE, SIG_IGN);  // as the program does
  // Not the roots of the machine: they are no part of a test, and reading them would be most of its time.
  static const bool kNoRoots = ::setenv("SSL_CERT_FILE", "/dev/null", 1) == 0 && ::setenv("SSL_CERT_DIR", "/", 1) == 0;
  static_cast<void>(kNoRoots);
  ProxySettings settings;
  if (change) change(settings);
  engine_ = std::make_unique<policy::Engine>(settings.policy, label);
  log_path_ = settings.proxy.access_log;
  auto log = proxy::LogFile::open(log_path_);
  if (!log) {
    std::fprintf(stderr, "%s\n", log.error().text().c_str());
    std::abort();
  }
  log_ = std::move(*log);
  if (settings.proxy.tls.intercept != proxy::InterceptMode::none && !settings.authority) {
    proxy::NameConstraints none;
    none.any = true;
    settings.authority = std::move(proxy::Authority::create(none, std::chrono::system_clock::now())).value();
  }
  auto server = proxy::Server::make(settings.proxy, *engine_, *log_, std::move(settings.authority));
  if (!server) {
    std::fprintf(stderr, "%s\n", server.error().text().c_str());
    std::abort();
  }
  server_ = std::move(*server);
  server_->start();
}

RunningProxy::~RunningProxy() { server_->stop(); }

std::uint16_t RunningProxy::port() const { return server_->listeners().front().port; }

std::string RunningProxy::exchange(std::string_view request) const {
  Peer client = connect();
  client.send(request);
  return client.read_response(request.starts_with("HEAD "));
}

std::string RunningProxy::get(const std::string& url, std::string_view fields) const {
  return exchange(get_request(url, fields));
}

std::uint64_t RunningProxy::counted(const std::function<std::uint64_t(const proxy::Counters&)>& of) const {
  std::uint64_t sum = 0;
  for (const proxy::Counters* counters : server_->counters()) sum += of(*counters);
  return sum;
}

std::string RunningProxy::log_text() const {
  std::ifstream file(log_path_);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string get_request(const std::string& url, std::string_view fields) {
  const std::size_t start = url.find("://") + 3;
  const std::string authority = url.substr(start, url.find_first_of("/?", start) - start);
  return "GET " + url + " HTTP/1.1\r\nHost: " + authority + "\r\n" + std::string(fields) + "\r\n";
}

int status_of(const std::string& response) {
  const std::size_t at = final_head(response);
  return response.size() > at + 12 ? std::atoi(response.c_str() + at + 9) : 0;
}

std::string field_of(const std::string& response, const std::string& name) {
  const auto lower = [](std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
  };
  const std::size_t from = final_head(response);
  const std::string head = response.substr(from, response.find("\r\n\r\n", from) - from + 2);
  const std::string key = "\r\n" + lower(name) + ":";
  const std::size_t at = lower(head).find(key);
  if (at == std::string::npos) return {};
  const std::size_t value = head.find_first_not_of(' ', at + key.size());
  return head.substr(value, head.find("\r\n", value) - value);
}

std::string body_of(const std::string& response) {
  const std::size_t from = response.find("\r\n\r\n", final_head(response));
  if (from == std::string::npos) return {};
  std::string body = response.substr(from + 4);
  if (field_of(response, "Transfer-Encoding") != "chunked") return body;
  std::string out;
  std::size_t at = 0;
  while (at < body.size()) {
    const std::size_t size = std::strtoull(body.c_str() + at, nullptr, 16);
    at = body.find("\r\n", at);
    if (size == 0 || at == std::string::npos) break;
    out += body.substr(at + 2, size);
    at += 2 + size + 2;
  }
  return out;
}

}  // namespace backoffd::test
