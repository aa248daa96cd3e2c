// The stage of most wire tests: a raw client, the real proxy, and an origin that notes whole what reaches it.
//
// In octets to send, each "{}" stands for the origin's authority.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/running_proxy.h"
#include "tests/support/upstream.h"

namespace backoffd::test {

class Play {
 public:
  using Change = std::function<void(ProxySettings&)>;
  // What the origin does on a connection; saw() of the first argument notes a request.
  using Script = std::function<void(Upstream&, Peer&)>;

  // The origin gives this answer to every request, on kept connections.
  explicit Play(const std::string& answer = ok("x"), const Change& change = {});
  // The origin's connections play these, the last one again and again.
  explicit Play(const std::vector<Script>& scripts, const Change& change = {}, const char* address = "127.0.0.1");

  std::string fill(std::string_view octets) const;
  Peer client(std::string_view octets) const;           // connects and sends
  std::string exchange(std::string_view octets) const;  // one response, on a connection of its own
  std::string get(std::string_view path = "/", std::string_view fields = "") const;

  // What reached the origin: whole requests, head and body as they came.
  std::vector<std::string> requests() const { return origin_.seen(); }
  std::string request() const;  // the only one; "" (and a failure) when there is not exactly one
  std::string request_for(std::string_view octets) const;  // exchange(), which must end in 200, then request()

  Upstream& origin() { return origin_; }
  RunningProxy& proxy() { return proxy_; }

 private:
  std::vector<Upstream::Script> bind(const std::vector<Script>& scripts);

  Upstream origin_;
  RunningProxy proxy_;
};

// Notes each whole request, and answers it.
Play::Script serves(std::string response);
// Answers nothing. Notes what comes up to `mark`, then what comes after it until the connection ends.
Play::Script hears(std::string mark);
// Notes one whole request, says this and closes.
Play::Script says(std::string bytes);

// --- looking at messages ---
bool has_line(std::string_view message, std::string_view line);  // a whole line of the head
std::string first_line(std::string_view message);
std::string head_of(std::string_view message);
// A response with a status line, well-formed field lines and a body that its head's framing ends.
bool is_complete_response(std::string_view response);
int count_of(std::string_view text, std::string_view part);

// So many bytes or a few more, no two places alike; another `step`, other bytes.
std::string much(std::size_t size, std::uint64_t step = 7919);

// The client gets this status, the origin nothing, and the proxy goes on serving others.
void expect_refused(const Play& play, std::string_view octets, int status);
// ... and the connection ends, whatever else the client has sent on it.
void expect_refused_and_closed(const Play& play, std::string_view octets, int status);

// For INSTANTIATE_TEST_SUITE_P over rows with an `id`: "D14-two-lines" becomes D14_two_lines.
std::string test_name(std::string_view id);
struct RowName {
  template <class Info>
  std::string operator()(const Info& info) const {
    return test_name(info.param.id);
  }
};

}  // namespace backoffd::test
