// A play whose origin's conduct changes from request to request, and what is looked at after it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/play.h"
#include "tests/support/temporary_file.h"

namespace backoffd::test {

// What the origin does when a request has come; false: the connection ends after it.
using Turn = std::function<bool(Peer&)>;

Turn gives(std::string response);                    // and keeps the connection
Turn closes_after(std::string bytes);                // FIN
Turn resets_after(std::string bytes);                // RST
Turn stalls_after(std::string bytes);                // nothing more, until the proxy has ended the connection
Turn closes_slowly(std::vector<std::string> parts);  // in pieces, 20 ms apart, then FIN

// "METHOD http://{}/" with a Content-Length and this body.
std::string request(std::string_view method, std::string_view fields, std::string_view body);
std::string failure(int status, std::string_view fields = "", std::string_view body = "sorry");

namespace detail {
struct Log {
  TemporaryFile log{""};
};
}  // namespace detail

// The n-th request, on whatever connection, gets the n-th turn, the last one again and again.
Play::Script in_turn(std::vector<Turn> turns);

// A play in turns. The access log is on.
class Turns : private detail::Log, public Play {
 public:
  explicit Turns(std::vector<Turn> turns, const Change& change = {}, const char* address = "127.0.0.1");
  Turns(const std::vector<Script>& scripts, const Change& change, const char* address = "127.0.0.1");

  // The access log once it has this many lines (bounded).
  std::string log_lines(int count = 1);
  std::uint64_t verdicts(policy::Reason reason);
  std::uint64_t outcomes(policy::OutcomeKind kind);
};

// The reason stands in answer, metric and log under the same name.
void expect_verdict(Turns& play, const std::string& response, policy::Reason reason);

// --- settings ---
using Change = Play::Change;
Change all_of(std::vector<Change> changes);
Change attempts(int most);
Change contextual();         // the contextual retry policy acts
Change head_within(int ms);  // timeouts.response_head
Change stall(int ms);        // timeouts.stall
Change replay_limit(std::uint64_t bytes);
Change slots(int most);              // max_concurrency of every host
Change rate(std::string_view text);  // of every host

// Waits until it is so (bounded).
bool eventually(const std::function<bool()>& condition);
// No exchange is left in the proxy, and none holds or awaits a slot.
bool all_is_free(RunningProxy& proxy);
int queued(RunningProxy& proxy);

// A client with an address of its own ("127.0.0.5").
Peer connect_from(const char* address, std::uint16_t port);

}  // namespace backoffd::test
