// POLICY 2 and 3 on the wire: what is tried again, what is not and under which name, and what the client gets then.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "policy/text.h"
#include "tests/support/turns.h"

namespace backoffd::test {
namespace {

using policy::OutcomeKind;
using policy::Reason;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A port of 127.0.0.1 that refuses connections until listen() is called on the socket.
proxy::Fd closed_port(std::uint16_t& port) {
  proxy::Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  EXPECT_EQ(0, bind(fd.get(), reinterpret_cast<sockaddr*>(&at), size));
  getsockname(fd.get(), reinterpret_cast<sockaddr*>(&at), &size);
  port = ntohs(at.sin_port);
  return fd;
}

std::string url_of(std::uint16_t port) { return "http://127.0.0.1:" + std::to_string(port) + "/"; }

Change max_delay(policy::Duration d) {
  return [=](ProxySettings& s) { s.policy.retry.max_delay = d; };
}

// Waits so long that a test ends in the middle of them.
void long_waits(ProxySettings& s) {
  s.policy.retry.base_delay = seconds(30);
  s.policy.retry.max_delay = seconds(600);
}

void expect_second_attempt(const Play& play, const std::string& response) {
  EXPECT_EQ(200, status_of(response)) << response;
  EXPECT_EQ("2", field_of(response, "Backoffd-Attempts"));
  EXPECT_EQ(2u, play.requests().size());
}

// --- what is tried again ---

TEST(Retry, EachTransientStatusIsTriedAgain) {
  for (const int status : {429, 500, 502, 503, 504}) {
    Turns play({gives(failure(status)), gives(ok("x"))});
    expect_second_attempt(play, play.get());
    EXPECT_EQ(1u, play.verdicts(Reason::retry)) << status;
  }
}

TEST(Retry, AnyOtherStatusIsTheAnswer) {
  for (const int status : {206, 301, 400, 403, 404, 408, 418, 501, 505}) {
    Turns play({gives(failure(status))});
    const std::string response = play.get();
    EXPECT_EQ(status, status_of(response));
    EXPECT_EQ("1", field_of(response, "Backoffd-Attempts"));
    EXPECT_EQ("", field_of(response, "Backoffd-Verdict"));
  }
}

TEST(Retry, AConnectionClosedBeforeTheHeadIsTriedAgain) {
  Turns play({closes_after(""), gives(ok("x"))});
  expect_second_attempt(play, play.get());
  EXPECT_EQ(1u, play.outcomes(OutcomeKind::reset));
}

TEST(Retry, AConnectionResetBeforeTheHeadIsTriedAgain) {
  Turns play({resets_after(""), gives(ok("x"))});
  expect_second_attempt(play, play.get());
  EXPECT_EQ(1u, play.outcomes(OutcomeKind::reset));
}

TEST(Retry, AHeadThatBreaksOffIsTriedAgain) {
  for (const Turn& turn : {closes_after("HTTP/1.1 200 OK\r\nContent-Le"), resets_after("HTTP/1.1 200 OK\r\n")}) {
    Turns play({turn, gives(ok("x"))});
    expect_second_attempt(play, play.get());
  }
}

TEST(Retry, AHeadThatDoesNotComeIsWaitedForAndTriedAgain) {
  Turns play({stalls_after(""), gives(ok("x"))}, head_within(300));
  expect_second_attempt(play, play.get());
  EXPECT_EQ(1u, play.outcomes(OutcomeKind::head_timeout));
}

TEST(Retry, ARefusedConnectionIsTriedAgain) {
  std::uint16_t port = 0;
  const proxy::Fd listener = closed_port(port);
  RunningProxy proxy([](ProxySettings& s) {
    s.policy.retry.max_attempts = 100;
    s.policy.retry.max_backoff = milliseconds(50);
    s.policy.retry.budget.min_per_second = 1000;
  });
  Peer client = proxy.connect();
  client.send(get_request(url_of(port)));
  EXPECT_TRUE(eventually([&] { return proxy.counted([](const auto& c) { return c.attempts.get(); }) > 1; }));
  listen(listener.get(), 8);
  Peer origin(proxy::Fd(accept(listener.get(), nullptr, nullptr)));
  origin.read_head();
  origin.send(ok("x"));
  EXPECT_EQ(200, status_of(client.read_response()));
}

TEST(Retry, AConnectionThatIsNotAcceptedInTimeIsTriedAgain) {
  std::uint16_t port = 0;
  const proxy::Fd listener = closed_port(port);
  listen(listener.get(), 0);
  const Peer full = connect_to(port);  // the one place of its backlog: the kernel lets further ones wait
  RunningProxy proxy([](ProxySettings& s) {
    s.policy.retry.max_attempts = 2;
    s.proxy.timeouts.connect = milliseconds(30);
  });
  const std::string response = proxy.get(url_of(port));
  EXPECT_EQ(504, status_of(response));
  EXPECT_EQ("2", field_of(response, "Backoffd-Attempts"));
  EXPECT_NE(std::string::npos, field_of(response, "Proxy-Status").find("error=connection_timeout")) << response;
}

TEST(Retry, WhatIsNoHttpIsNotTriedAgain) {
  for (const char* bytes : {"220 mail.example ESMTP\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nx"}) {
    Turns play({closes_after(bytes)});
    const std::string response = play.get();
    EXPECT_EQ(502, status_of(response));
    EXPECT_EQ("1", field_of(response, "Backoffd-Attempts"));
    EXPECT_EQ(1u, play.outcomes(OutcomeKind::bad_response));
    EXPECT_EQ(1u, play.verdicts(Reason::not_retryable));
  }
}

TEST(Retry, ADestinationThatMayNotBeReachedIsNotTriedAgain) {
  Turns play({gives(ok("x"))}, [](ProxySettings& s) { s.proxy.egress.deny = {"127.0.0.0/8"}; });
  const std::string response = play.get();
  EXPECT_EQ(403, status_of(response));
  EXPECT_EQ("1", field_of(response, "Backoffd-Attempts"));
  EXPECT_EQ(0, play.origin().connections());
}

// --- refusals by name ---

TEST(Retry, APostThatWasSentIsNeverRepeated) {
  Turns play({gives(failure(503)), closes_after("")});
  const std::string response = play.exchange(request("POST", "", "pay"));
  EXPECT_EQ(503, status_of(response));
  expect_verdict(play, response, Reason::not_idempotent);
  EXPECT_EQ(1u, play.requests().size());
}

TEST(Retry, APostWithoutAnAnswerIsA502NotASecondPost) {
  Turns play({closes_after("")});
  const std::string response = play.exchange(request("POST", "", "pay"));
  EXPECT_EQ(502, status_of(response));
  expect_verdict(play, response, Reason::not_idempotent);
  EXPECT_EQ(1u, play.requests().size());
}

TEST(Retry, APostIsRepeatedWithAnIdempotencyKey) {
  Turns play({closes_after(failure(503)), closes_after(""), gives(ok("x"))});
  EXPECT_EQ("3", field_of(play.exchange(request("POST", "Idempotency-Key: \"a\"\r\n", "pay")), "Backoffd-Attempts"));
  for (const std::string& seen : play.requests()) EXPECT_EQ("pay", body_of(seen));
}

TEST(Retry, APostWhoseConnectionWasRefusedIsTriedAgain) {
  std::uint16_t port = 0;
  const proxy::Fd listener = closed_port(port);
  RunningProxy proxy([](ProxySettings& s) { s.policy.retry.max_attempts = 3; });
  const std::string at = "127.0.0.1:" + std::to_string(port);
  const std::string response =
      proxy.exchange("POST http://" + at + "/ HTTP/1.1\r\nHost: " + at + "\r\nContent-Length: 1\r\n\r\nx");
  EXPECT_EQ("3", field_of(response, "Backoffd-Attempts"));
  EXPECT_EQ("attempts", field_of(response, "Backoffd-Verdict"));
}

TEST(Retry, TheAttemptsAreCounted) {
  Turns play({gives(failure(503))}, attempts(3));
  const std::string response = play.get();
  EXPECT_EQ(503, status_of(response));
  EXPECT_EQ("3", field_of(response, "Backoffd-Attempts"));
  expect_verdict(play, response, Reason::attempts);
  EXPECT_EQ(3u, play.requests().size());
}

TEST(Retry, AWaitThatDoesNotFitIsAnsweredNow) {
  Turns play({gives(failure(429, "Retry-After: 61\r\n"))});
  const std::string response = play.get();
  EXPECT_EQ(429, status_of(response));
  EXPECT_EQ("61", field_of(response, "Retry-After"));
  expect_verdict(play, response, Reason::deadline);
  EXPECT_EQ(1u, play.requests().size());
}

TEST(Retry, TheBudgetBoundsRetriesOfAProvider) {
  Turns play({gives(failure(503))}, [](ProxySettings& s) { s.policy.retry.budget.min_per_second = 0.001; });
  const std::string response = play.get();
  EXPECT_EQ(503, status_of(response));
  EXPECT_EQ("4", field_of(response, "Backoffd-Attempts"));  // three at once, then none for a long while
  expect_verdict(play, response, Reason::budget);
}

TEST(Retry, ABodyOfWhichNothingWasReadIsNoReasonNotToRetry) {
  std::uint16_t port = 0;
  const proxy::Fd listener = closed_port(port);
  RunningProxy proxy(all_of({attempts(2), replay_limit(4)}));
  const std::string at = "127.0.0.1:" + std::to_string(port);
  const std::string response =
      proxy.exchange("PUT http://" + at + "/ HTTP/1.1\r\nHost: " + at + "\r\nContent-Length: 5\r\n\r\n12345");
  EXPECT_EQ("attempts", field_of(response, "Backoffd-Verdict")) << response;
}

// --- hints ---

std::string date(std::chrono::sys_seconds time) {
  const policy::HttpDate text = policy::format_http_date(time);
  return std::string(text.data(), text.size());
}

// The time between the two requests that the origin saw, at least.
void expect_wait(const std::function<std::string()>& hint, policy::Duration wait) {
  policy::MonoTime first, second;
  Turns play({[&](Peer& peer) {
                first = proxy::Loop::now();
                return peer.send(failure(503, hint()));
              },
              [&](Peer& peer) {
                second = proxy::Loop::now();
                return peer.send(ok("x"));
              }});
  expect_second_attempt(play, play.get());
  EXPECT_GE(second - first, wait);
}

TEST(Retry, ASecondAskedForIsASecondWaited) {
  expect_wait([] { return "Retry-After: 1\r\n"; }, seconds(1));
}

TEST(Retry, ADateIsTakenAgainstTheServersOwnClock) {
  expect_wait(
      [] {
        const auto theirs = std::chrono::floor<seconds>(proxy::Loop::wall_now()) + std::chrono::hours(1);
        return "Date: " + date(theirs) + "\r\nRetry-After: " + date(theirs + seconds(1)) + "\r\n";
      },
      seconds(1));
}

TEST(Retry, AHintThatLeavesNoTimeForItsJitterIsNotShortened) {
  Turns play({gives(failure(503, "Retry-After: 2\r\n"))}, max_delay(seconds(2)));
  EXPECT_EQ("deadline", field_of(play.get(), "Backoffd-Verdict"));
  EXPECT_EQ(1u, play.requests().size());
}

// --- the upstream's own last answer ---

TEST(Retry, TheLastAnswerIsRelayedWhole) {
  Turns play({gives(failure(500, "", "first")), gives(failure(503, "X-Why: b\r\nRetry-After: 0\r\n", "second"))},
             attempts(2));
  const std::string response = play.get();
  EXPECT_EQ(503, status_of(response));
  EXPECT_EQ("b", field_of(response, "X-Why"));
  EXPECT_EQ("0", field_of(response, "Retry-After"));
  EXPECT_EQ("second", body_of(response));
}

// The first attempt is answered so, all later ones break before an answer.
std::string held_answer(const Turn& answered, std::string_view method = "GET", const Change& change = {}) {
  Turns play({answered, closes_after("")}, all_of({attempts(3), change ? change : Change([](ProxySettings&) {})}));
  Peer client = play.client(std::string(method) + " http://{}/ HTTP/1.1\r\nHost: {}\r\n\r\n");
  const std::string response = client.read_response(method == "HEAD");
  expect_verdict(play, response, Reason::attempts);
  EXPECT_EQ("3", field_of(response, "Backoffd-Attempts"));
  EXPECT_EQ(3u, play.requests().size());
  return response;
}

TEST(Retry, AnAnswerIsBetterThanNoneLater) {
  const std::string response = held_answer(closes_after(failure(503, "X-Why: b\r\n", "busy")));
  EXPECT_EQ(503, status_of(response));
  EXPECT_EQ("b", field_of(response, "X-Why"));
  EXPECT_EQ("busy", body_of(response));
  EXPECT_TRUE(is_complete_response(response)) << response;
}

TEST(Retry, AHeldChunkedAnswerComesWhole) {
  const std::string response = held_answer(
      closes_after("HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbus\r\n1\r\ny\r\n0\r\n\r\n"));
  EXPECT_EQ(503, status_of(response));
  EXPECT_EQ("busy", body_of(response));
  EXPECT_TRUE(is_complete_response(response)) << response;
}

TEST(Retry, AHeldAnswerThatEndsWithItsConnectionComesWhole) {
  const std::string response = held_answer(closes_after("HTTP/1.1 503 Busy\r\n\r\nbusy"));
  EXPECT_EQ(503, status_of(response));
  EXPECT_EQ("busy", body_of(response));
  EXPECT_TRUE(is_complete_response(response)) << response;
}

TEST(Retry, AHeldAnswerToHeadHasItsLengthAndNoBody) {
  const std::string response = held_answer(closes_after("HTTP/1.1 503 Busy\r\nContent-Length: 1234\r\n\r\n"), "HEAD");
  EXPECT_EQ(503, status_of(response));
  EXPECT_EQ("1234", field_of(response, "Content-Length"));
  EXPECT_EQ("", body_of(response));
}

TEST(Retry, AHeldAnswerWithoutABodyStaysOne) {
  const std::string response = held_answer(closes_after("HTTP/1.1 204 No Content\r\nX-Why: b\r\n\r\n"), "GET",
                                           [](ProxySettings& s) { s.policy.retry.statuses = {204}; });
  EXPECT_EQ(204, status_of(response));
  EXPECT_EQ("b", field_of(response, "X-Why"));
  EXPECT_EQ("", field_of(response, "Content-Length"));
}

TEST(Retry, AHeldAnswerMayTakeItsTime) {
  const std::string response =
      held_answer(closes_slowly({"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\n", "b", "u", "s", "y"}));
  EXPECT_EQ(503, status_of(response));
  EXPECT_EQ("busy", body_of(response));
}

TEST(Retry, ALastAnswerLargerThanTheBufferIsRelayedWhole) {
  const std::string body(300 << 10, 'x');
  Turns play({gives(failure(503, "", body))},
             all_of({attempts(2), [](ProxySettings& s) { s.proxy.limits.body_buffer = 16 << 10; }}));
  const std::string response = play.get();
  EXPECT_EQ(503, status_of(response));
  EXPECT_EQ("2", field_of(response, "Backoffd-Attempts"));
  EXPECT_TRUE(body == body_of(response));
}

TEST(Retry, AnAnswerTooLargeToHoldDoesNotStopTheRetry) {
  Turns play({gives(failure(503, "", std::string(300 << 10, 'x'))), gives(ok("x"))},
             [](ProxySettings& s) { s.proxy.limits.body_buffer = 16 << 10; });
  expect_second_attempt(play, play.get());
}

TEST(Retry, TheClientsConnectionIsKeptAfterAHeldAnswer) {
  Turns play({closes_after(failure(503)), closes_after(""), gives(ok("x"))}, attempts(2));
  Peer client = play.client("GET http://{}/a HTTP/1.1\r\nHost: {}\r\n\r\nGET http://{}/b HTTP/1.1\r\nHost: {}\r\n\r\n");
  EXPECT_EQ(503, status_of(client.read_response()));
  EXPECT_EQ(200, status_of(client.read_response()));
}

// --- stale connections ---

void expect_stale_is_no_attempt(const Turn& stale, std::string_view octets) {
  Turns play({gives(ok("x")), stale, gives(ok("y"))}, attempts(1));
  EXPECT_EQ("x", body_of(play.get()));
  const std::string response = play.exchange(octets);
  EXPECT_EQ("y", body_of(response)) << response;
  EXPECT_EQ("1", field_of(response, "Backoffd-Attempts"));
  EXPECT_EQ("", field_of(response, "Backoffd-Verdict"));
  EXPECT_EQ(1u, play.proxy().counted([](const auto& c) { return c.stale_connections.get(); }));
  EXPECT_EQ(0u, play.outcomes(OutcomeKind::reset));
  EXPECT_EQ(2, play.origin().connections());
}

constexpr std::string_view kGet = "GET http://{}/ HTTP/1.1\r\nHost: {}\r\n\r\n";

TEST(Retry, AReusedConnectionThatWasClosedIsNoAttempt) { expect_stale_is_no_attempt(closes_after(""), kGet); }
TEST(Retry, AReusedConnectionThatWasResetIsNoAttempt) { expect_stale_is_no_attempt(resets_after(""), kGet); }
TEST(Retry, ABodyGoesAgainAfterAStaleConnection) {
  expect_stale_is_no_attempt(closes_after(""), request("PUT", "", "body"));
}

TEST(Retry, AReusedConnectionThatBeganToAnswerIsAnAttempt) {
  Turns play({gives(ok("x")), closes_after("HTTP/1.1 2"), gives(ok("y"))});
  play.get();
  EXPECT_EQ("2", field_of(play.get(), "Backoffd-Attempts"));
  EXPECT_EQ(1u, play.outcomes(OutcomeKind::reset));
}

TEST(Retry, APostTakesNoConnectionThatMayBeStale) {
  Turns play({gives(ok("x"))});
  play.get();
  EXPECT_EQ(200, status_of(play.exchange(request("POST", "", "pay"))));
  EXPECT_EQ(2, play.origin().connections());
}

// --- the client leaves ---

TEST(Retry, AClientThatResetsWhileBackingOffFreesEverything) {
  Turns play({gives(failure(503))}, long_waits);
  Peer client = play.client(kGet);
  EXPECT_TRUE(eventually([&] { return play.verdicts(Reason::retry) == 1; }));
  client.reset();
  EXPECT_TRUE(all_is_free(play.proxy()));
  EXPECT_EQ(1u, play.verdicts(Reason::client_gone));
  EXPECT_NE(std::string::npos, play.log_lines().find(" verdict=client_gone "));
}

TEST(Retry, AClientThatClosesWhileBackingOffFreesEverything) {
  Turns play({gives(failure(503))}, long_waits);
  Peer client = play.client(kGet);
  EXPECT_TRUE(eventually([&] { return play.verdicts(Reason::retry) == 1; }));
  client.close();
  EXPECT_TRUE(all_is_free(play.proxy()));
}

TEST(Retry, AClientThatOnlyEndedItsSideIsAnsweredAfterTheWait) {
  Turns play({gives(failure(503, "Retry-After: 1\r\n")), gives(ok("x"))});
  Peer client = play.client(kGet);
  client.end_write();
  EXPECT_EQ("x", body_of(client.read_response()));
}

// One request holds the only slot of the host; the returned client's waits behind it.
Peer second_in_queue(Turns& play, Peer& first, std::string_view octets) {
  first = play.client(kGet);
  EXPECT_TRUE(play.origin().wait_for_requests(1));
  Peer second = play.client(octets);
  EXPECT_TRUE(eventually([&] { return queued(play.proxy()) == 1; }));
  return second;
}

TEST(Retry, AClientThatLeavesTheQueueGivesItsPlaceBack) {
  for (const bool reset : {true, false}) {
    Turns play({stalls_after("")}, slots(1));
    Peer first{proxy::Fd()};
    Peer second = second_in_queue(play, first, kGet);
    reset ? second.reset() : second.close();
    EXPECT_TRUE(eventually([&] { return queued(play.proxy()) == 0; }));
    EXPECT_EQ(1u, play.requests().size());
  }
}

TEST(Retry, AClientThatLeavesTheQueueWithALargeBodyGivesItsPlaceBack) {
  for (const bool reset : {true, false}) {
    Turns play({stalls_after("")}, slots(1));
    Peer first{proxy::Fd()};
    // More than is read; of one that closes, no more than the kernel takes, or its end is not even on its way.
    const std::string body(reset ? 1 << 20 : 100 << 10, 'b');
    Peer second = second_in_queue(play, first, request("PUT", "", body));
    reset ? second.reset() : second.close();
    EXPECT_TRUE(eventually([&] { return queued(play.proxy()) == 0; })) << reset;
  }
}

TEST(Retry, AClientThatLeavesWhileTheOriginThinksFreesItsConnection) {
  Turns play({stalls_after("")});
  Peer client = play.client(kGet);
  EXPECT_TRUE(play.origin().wait_for_requests(1));
  client.reset();
  EXPECT_TRUE(all_is_free(play.proxy()));
}

TEST(Retry, AClientThatLeavesWhileBeingAnsweredEndsTheUpstreamToo) {
  std::atomic<bool> ended{false};
  Turns play({[&](Peer& peer) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    while (peer.send(std::string(64 << 10, 'x'))) {
    }
    return !(ended = true);
  }});
  Peer client = play.client(kGet);
  client.read_exactly(100000);
  client.close();
  EXPECT_TRUE(eventually([&] { return ended.load(); }));
  EXPECT_TRUE(all_is_free(play.proxy()));
}

// --- our own fields ---

TEST(Retry, EveryAnswerSaysHowManyAttemptsAndWhichRequest) {
  Turns play({gives(ok("x"))});
  const std::string first = play.get(), second = play.get();
  EXPECT_EQ("1", field_of(first, "Backoffd-Attempts"));
  EXPECT_EQ(16u, field_of(first, "Backoffd-Request-Id").size());
  EXPECT_NE(field_of(first, "Backoffd-Request-Id"), field_of(second, "Backoffd-Request-Id"));
  EXPECT_NE(std::string::npos, play.log_lines(2).find(" id=" + field_of(first, "Backoffd-Request-Id") + " "));
}

TEST(Retry, OurFieldsCanBeLeftOut) {
  Turns play({closes_after(failure(503)), closes_after("")},
             all_of({attempts(1), [](ProxySettings& s) { s.proxy.response_headers = false; }}));
  for (const int status : {503, 502}) {
    const std::string response = play.get();
    EXPECT_EQ(status, status_of(response));
    EXPECT_EQ(std::string::npos, head_of(response).find("Backoffd-")) << response;
  }
}

TEST(Retry, AnAnswerOfOurOwnSaysWhatHappenedAndToWhichRequest) {
  Turns play({closes_after("")}, attempts(1));
  const std::string response = play.get();
  EXPECT_EQ("backoffd; error=connection_terminated; details=\"reset\"", field_of(response, "Proxy-Status"));
  EXPECT_TRUE(body_of(response).starts_with("reset: ")) << response;
  EXPECT_NE(std::string::npos, body_of(response).find(field_of(response, "Backoffd-Request-Id"))) << response;
}

// --- Expect: 100-continue ---

constexpr std::string_view kExpecting =
    "PUT http://{}/ HTTP/1.1\r\nHost: {}\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";

// Asks for the body, takes it, and answers so.
Turn continues(std::string response) {
  return [response = std::move(response)](Peer& peer) {
    peer.send("HTTP/1.1 100 Continue\r\n\r\n");
    EXPECT_EQ("body", peer.read_exactly(4));
    return peer.send(response);
  };
}

// A script of one connection whose requests announce a body that is not there yet.
Play::Script reads_heads(std::vector<Turn> turns) {
  return [turns = std::move(turns)](Upstream& origin, Peer& peer) {
    for (const Turn& turn : turns) {
      origin.saw(peer.read_head());
      if (!turn(peer)) return;
    }
  };
}

TEST(Retry, TheBodyIsAskedForOnceHoweverManyAttempts) {
  Play play({reads_heads({continues(failure(503)), continues(ok("x"))})});
  Peer client = play.client(kExpecting);
  EXPECT_EQ("HTTP/1.1 100 Continue", first_line(client.read_head()));
  client.send("body");
  const std::string response = client.read_response();
  EXPECT_TRUE(response.starts_with("HTTP/1.1 200 ")) << response;
  EXPECT_EQ("2", field_of(response, "Backoffd-Attempts"));
}

TEST(Retry, AServerThatRefusesBeforeTheBodyIsTriedAgain) {
  Play play({reads_heads({closes_after(failure(503))}), reads_heads({continues(ok("x"))})});
  Peer client = play.client(kExpecting);
  EXPECT_EQ("HTTP/1.1 100 Continue", first_line(client.read_head()));
  client.send("body");
  EXPECT_EQ(200, status_of(client.read_response()));
}

TEST(Retry, AnExpectationWaitsInTheQueue) {
  std::atomic<bool> go{false};
  Play play({reads_heads({[&](Peer& peer) {
               EXPECT_TRUE(eventually([&] { return go.load(); }));
               return peer.send(ok("first"));
             }}),
             reads_heads({continues(ok("second"))})},
            slots(1));
  Peer first = play.client(kGet);
  EXPECT_TRUE(play.origin().wait_for_requests(1));
  Peer second = play.client(kExpecting);
  EXPECT_TRUE(eventually([&] { return queued(play.proxy()) == 1; }));
  go = true;
  EXPECT_EQ("HTTP/1.1 100 Continue", first_line(second.read_head()));
  second.send("body");
  EXPECT_EQ("second", body_of(second.read_response()));
}

}  // namespace
}  // namespace backoffd::test
