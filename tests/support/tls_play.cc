#include "tests/support/tls_play.h"

#include <gtest/gtest.h>

namespace backoffd::test {

Names::Names(const std::vector<std::string>& names, const std::string& address) : server_(loop_) {
  for (const std::string& name : names) server_.set(name, {}, {address});
  thread_ = std::thread([this] { loop_.run(); });
}

Names::~Names() {
  loop_.stop();
  thread_.join();
}

Change Names::known() const {
  return [this](ProxySettings& s) { s.proxy.nameservers = {server_.endpoint().text()}; };
}

Change intercepts_all() {
  return [](ProxySettings& s) { s.proxy.tls.intercept = proxy::InterceptMode::all; };
}

Change intercepts(std::vector<std::string> globs) {
  return [globs = std::move(globs)](ProxySettings& s) {
    s.proxy.tls.intercept = proxy::InterceptMode::hosts;
    s.proxy.tls.intercept_hosts = globs;
  };
}

Change trusts(const TestCa& ca) {
  return [path = ca.path()](ProxySettings& s) { s.proxy.tls.upstream_roots.push_back(path); };
}

Change client_head(int milliseconds) {
  return [=](ProxySettings& s) { s.proxy.timeouts.client_head = std::chrono::milliseconds(milliseconds); };
}

Peer open_connect(const Play& play, const std::string& name) {
  const std::string authority =
      name.empty() ? play.fill("{}") : name + play.fill("{}").substr(play.fill("{}").rfind(':'));
  Peer client = play.client("CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n\r\n");
  const std::string head = client.read_head();
  EXPECT_EQ(200, status_of(head)) << head;
  return client;
}

namespace {

Change usual(const Change& change) {
  return all_of({intercepts_all(), trusts(), change ? change : [](ProxySettings&) {}});
}

}  // namespace

TlsPlay::TlsPlay(std::vector<Turn> turns, const Change& change, const OriginTls& origin, const char* address)
    : Turns({over_tls(in_turn(std::move(turns)), origin)}, usual(change), address) {
  if (proxy().server().interceptor() != nullptr) root_ = proxy().root();
}

TlsPlay::TlsPlay(const Script& script, const Change& change, const OriginTls& origin)
    : Turns({over_tls(script, origin)}, usual(change)) {
  if (proxy().server().interceptor() != nullptr) root_ = proxy().root();
}

Peer TlsPlay::inside(const ClientTls& how) const { return inside_of("", how); }

Peer TlsPlay::inside_of(const std::string& name, const ClientTls& how) const {
  Peer client = open_connect(*this, name);
  EXPECT_TRUE(client.start_tls(client_tls(how))) << client.tls()->error();
  return client;
}

Peer TlsPlay::ask_inside(std::string_view octets, const ClientTls& how) const {
  Peer client = inside(how);
  client.send(fill(octets));
  return client;
}

std::string TlsPlay::exchange_inside(std::string_view octets) const {
  return ask_inside(octets).read_response(octets.starts_with("HEAD "));
}

std::string TlsPlay::get_https(std::string_view path, std::string_view fields) const {
  return exchange("GET https://{}" + std::string(path) + " HTTP/1.1\r\nHost: {}\r\n" + std::string(fields) + "\r\n");
}

std::uint64_t counter(const RunningProxy& proxy, proxy::Counter proxy::Counters::*which) {
  return proxy.counted([=](const proxy::Counters& c) { return (c.*which).get(); });
}

std::uint64_t refused(RunningProxy& proxy, std::string_view name) {
  return proxy.counted([=](const proxy::Counters& c) {
    const auto all = c.refusals();
    const auto found = all.find(name);
    return found == all.end() ? std::uint64_t{0} : found->second;
  });
}

}  // namespace backoffd::test
