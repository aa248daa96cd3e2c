// What a browser gets of the admin interface: the page's files, the events, the history, the exchanges; and what a page
// of somebody else's gets: nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <thread>

#include "admin/admin_server.h"
#include "admin/event_feed.h"
#include "admin/exchanges_route.h"
#include "admin/gates_route.h"
#include "admin/web_files.h"
#include "admin/web_route.h"
#include "policy/gate.h"
#include "policy/guard.h"
#include "proxy/exchange_info.h"
#include "proxy/refusal.h"
#include "tests/support/play.h"
#include "tests/support/running_proxy.h"
#include "tests/support/socket.h"

namespace backoffd::admin {
namespace {

using test::body_of;
using test::field_of;
using test::Peer;
using test::Play;
using test::status_of;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class DashboardTest : public testing::Test {
 protected:
  DashboardTest() : play_(test::ok("x")) {
    auto bound = AdminServer::bind(loop_, *proxy::Endpoint::parse("127.0.0.1:0"));
    server_ = std::move(*bound);
    Router router;
    feed_ = std::make_unique<EventFeed>(loop_, *server_, play_.proxy().engine(), play_.proxy().server());
    feed_->add_routes(router);
    add_gate_routes(router, play_.proxy().engine(), [] {});
    add_exchange_routes(router, play_.proxy().server(), *server_, loop_);
    add_web_routes(router);
    server_->serve(Guard({}, ""), std::move(router));
    feed_->start();
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~DashboardTest() override {
    loop_.stop();
    thread_.join();
    play_.proxy().server().stop();
  }

  Peer ask(const std::string& path, const std::string& fields = "", const std::string& method = "GET") {
    Peer peer = test::connect_to(server_->endpoint().port);
    peer.send(method + " " + path + " HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n");
    return peer;
  }
  std::string get(const std::string& path, const std::string& fields = "") { return ask(path, fields).read_response(); }
  // The data of the next state event.
  static json::Value next_event(Peer& peer) {
    peer.read_until("event: state\ndata: ");
    const std::string text = peer.read_until("\n");
    auto document = json::parse(text, json::Dialect::strict);
    EXPECT_TRUE(document) << text;
    return document ? document->root : json::Value();
  }
  void on_loop(const std::function<void()>& work) {
    std::atomic<bool> done{false};
    loop_.post([&] {
      work();
      done = true;
    });
    while (!done) usleep(1000);
  }

  Play play_;
  proxy::Loop loop_;
  std::unique_ptr<AdminServer> server_;
  std::unique_ptr<EventFeed> feed_;
  std::thread thread_;
};

std::int64_t integer(const json::Value& object, std::string_view name) {
  const json::Value* value = object.find(name);
  return value && value->integer() ? *value->integer() : -1;
}

// --- files ---

TEST_F(DashboardTest, ThePageMayLoadItsOwnFilesAndNothingElse) {
  const std::string page = get("/");
  EXPECT_EQ(status_of(page), 200);
  EXPECT_EQ(field_of(page, "Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(field_of(page, "Content-Security-Policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  EXPECT_EQ(field_of(page, "X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(field_of(page, "Referrer-Policy"), "no-referrer");
  EXPECT_EQ(field_of(page, "Cross-Origin-Opener-Policy"), "same-origin");
  EXPECT_EQ(field_of(page, "Cross-Origin-Resource-Policy"), "same-origin");
  EXPECT_EQ(field_of(page, "Permissions-Policy"), "camera=(), geolocation=(), microphone=()");
  EXPECT_THAT(body_of(page), AllOf(Not(HasSubstr("http://")), Not(HasSubstr("https://")), Not(HasSubstr("style="))));
  EXPECT_EQ(body_of(page), body_of(get("/index.html")));
}

TEST_F(DashboardTest, EveryFileOfTheDashboardIsServedAsItIs) {
  std::set<std::string> there;
  for (const auto& entry : std::filesystem::directory_iterator("admin/web")) there.insert(entry.path().filename());
  std::set<std::string> served;
  for (const WebFile& file : web_files()) {
    served.insert(std::string(file.name));
    const std::string response = get("/" + std::string(file.name));
    EXPECT_EQ(status_of(response), 200) << file.name;
    EXPECT_EQ(field_of(response, "Content-Type"), file.type);
    EXPECT_EQ(body_of(response), file.content);
    EXPECT_GT(file.content.size(), 100U);
  }
  EXPECT_EQ(served, there);
}

TEST_F(DashboardTest, AFileThatTheBrowserHasIsNotSentAgain) {
  const std::string first = get("/app.js");
  const std::string etag = field_of(first, "ETag");
  EXPECT_THAT(etag, testing::MatchesRegex("\"[0-9a-f]{16}\""));
  EXPECT_EQ(field_of(first, "Cache-Control"), "no-cache");
  EXPECT_NE(etag, field_of(get("/dom.js"), "ETag"));
  EXPECT_EQ(status_of(get("/app.js", "If-None-Match: \"0000000000000000\"\r\n")), 200);
  Peer peer = ask("/app.js", "If-None-Match: \"other\", W/" + etag + "\r\nConnection: close\r\n");
  const std::string second = peer.read_all();
  EXPECT_EQ(status_of(second), 304);
  EXPECT_TRUE(second.ends_with("\r\n\r\n"));
}

TEST_F(DashboardTest, AnAnswerThatIsNoPageMayDoNothingAndIsKeptByNobody) {
  const std::string response = get("/gates");
  EXPECT_EQ(field_of(response, "Content-Security-Policy"), "default-src 'none'; frame-ancestors 'none'");
  EXPECT_EQ(field_of(response, "Cache-Control"), "no-store");
}

// What has no sentence there is shown by its bare name.
TEST(DashboardWords, ThereIsASentenceForEverythingThatMayBeTold) {
  std::set<std::string> names;
  const auto add = [&](const auto& all) {
    for (const std::string_view name : all) names.emplace(name);
  };
  add(policy::kLearnerStateNames);
  add(proxy::kStageNames);
  add(policy::kGateVerdictNames);
  add(policy::kGateNames);
  add(policy::kGuardModeNames);
  add(policy::GuardAct::kKindNames);
  add(policy::kReasonNames);
  add(policy::kOutcomeNames);
  using namespace proxy::refusals;
  for (const proxy::Refusal* refusal :
       {&kDnsError, &kDnsTimeout, &kClientHeadTimeout, &kBodyTimeout, &kBadBody, &kConnectPort, &kLoop,
        &kNotAProxyRequest, &kParentRefused, &kBadPolicyHeader, &kExchangeTimeout, &kClientNotAllowed, &kClientTlsError,
        &kClientRejectedCertificate}) {
    names.emplace(refusal->name);
  }
  for (const char* nothing_to_tell : {"none", "response", "finished"}) names.erase(nothing_to_tell);
  const auto files = web_files();
  const auto words =
      std::find_if(files.begin(), files.end(), [](const WebFile& file) { return file.name == "words.js"; });
  ASSERT_NE(words, files.end());
  for (const std::string& name : names) {
    const bool quoted = name.find('-') != std::string::npos;
    EXPECT_THAT(std::string(words->content), HasSubstr("\n  " + (quoted ? '"' + name + '"' : name) + ": "));
  }
}

// --- events ---

TEST_F(DashboardTest, EventsTellTheStateEachSecond) {
  play_.get("/a");
  Peer peer = ask("/events");
  const std::string head = peer.read_head();
  EXPECT_EQ(status_of(head), 200);
  EXPECT_EQ(field_of(head, "Content-Type"), "text/event-stream");
  EXPECT_EQ(field_of(head, "Cache-Control"), "no-store");
  EXPECT_EQ(field_of(head, "X-Content-Type-Options"), "nosniff");
  json::Value state = next_event(peer);
  EXPECT_FALSE(*state.find("draining")->boolean());
  ASSERT_EQ(state.find("keys")->array()->size(), 1U);
  const json::Value& key = state.find("keys")->array()->front();
  EXPECT_THAT(*key.find("key")->string(), HasSubstr("@127.0.0.1"));
  EXPECT_EQ(integer(key, "requests"), 1);
  for (const char* name : {"provider", "state", "configured_limit", "effective_limit", "reduction_pct", "queued",
                           "in_flight", "max_concurrency", "retries", "throttle_answers", "hints", "hints_ignored",
                           "reason", "changed", "paused_until"}) {
    EXPECT_NE(key.find(name), nullptr) << name;
  }
  EXPECT_EQ(integer(*state.find("totals"), "requests"), 1);
  EXPECT_NE(state.find("gates")->find("provider-learning"), nullptr);
  play_.get("/b");
  for (int i = 0; i < 5 && integer(*state.find("totals"), "requests") < 2; ++i) state = next_event(peer);
  EXPECT_EQ(integer(*state.find("totals"), "requests"), 2);
}

TEST_F(DashboardTest, EventsAreFramedByTheStandard) {
  Peer peer = ask("/events", "Connection: close\r\n");
  peer.read_head();
  // Each in a chunk of its own.
  EXPECT_THAT(peer.read_until("\n\n"), testing::EndsWith("\r\nretry: 3000\n\n"));
  EXPECT_THAT(peer.read_until("\n\n"), testing::ContainsRegex("event: state\ndata: [{][^\n]*[}]\n\n$"));
}

TEST_F(DashboardTest, AnOldClientGetsEventsUntilTheEndOfTheConnection) {
  Peer peer = test::connect_to(server_->endpoint().port);
  peer.send("GET /events HTTP/1.0\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(field_of(peer.read_head(), "Transfer-Encoding"), "");
  EXPECT_NE(next_event(peer).find("keys"), nullptr);
}

TEST_F(DashboardTest, ExchangesThatNeededHelpAreToldOnceToWhoIsThere) {
  const auto refused = [&] { play_.exchange("CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n"); };
  const auto recent = [](const json::Value& state) { return state.find("exchanges")->find("recent")->array()->size(); };
  refused();
  Peer peer = ask("/events");
  EXPECT_EQ(recent(next_event(peer)), 1U);
  EXPECT_EQ(recent(next_event(peer)), 0U);
  refused();
  std::size_t more = 0;
  for (int i = 0; i < 5 && more == 0; ++i) more = recent(next_event(peer));
  EXPECT_EQ(more, 1U);
  Peer late = ask("/events");
  EXPECT_EQ(recent(next_event(late)), 2U);
}

TEST_F(DashboardTest, SoManyMayListenAndOneMoreWhenOneHasLeft) {
  std::vector<Peer> listeners;
  for (std::size_t i = 0; i < EventFeed::kMostListeners; ++i) {
    listeners.push_back(ask("/events"));
    EXPECT_EQ(status_of(listeners.back().read_head()), 200);
  }
  EXPECT_EQ(status_of(get("/events")), 503);
  EXPECT_EQ(status_of(ask("/events", "Connection: close\r\n", "HEAD").read_all()), 503);  // how the page knows
  listeners.pop_back();
  int status = 503;
  for (int i = 0; i < 100 && status != 200; ++i) {
    usleep(100000);
    Peer peer = ask("/events");
    status = status_of(peer.read_head());
  }
  EXPECT_EQ(status, 200);
}

TEST_F(DashboardTest, AListenerThatTakesNothingIsDropped) {
  Peer peer = ask("/events");
  peer.read_head();
  // As if a thousand large events had come.
  bool dropped = false;
  const std::string much(1 << 16, 'x');
  for (int i = 0; i < 1000 && !dropped; ++i) on_loop([&] { dropped = !server_->push(1, much); });
  EXPECT_TRUE(dropped);
}

TEST_F(DashboardTest, EventsEndAtTheDrainWithOneThatSaysSo) {
  Peer peer = ask("/events");
  next_event(peer);
  on_loop([&] {
    play_.proxy().server().drain([] {});
    feed_->drain();
  });
  json::Value state = next_event(peer);
  if (!*state.find("draining")->boolean()) state = next_event(peer);
  EXPECT_TRUE(*state.find("draining")->boolean());
  EXPECT_THAT(peer.read_all(), testing::EndsWith("0\r\n\r\n"));
}

TEST_F(DashboardTest, HeadOfTheEventsEndsAtOnce) {
  Peer peer = ask("/events", "", "HEAD");
  EXPECT_THAT(peer.read_all(), AllOf(HasSubstr("text/event-stream"), testing::EndsWith("\r\n\r\n")));
}

// --- history ---

TEST_F(DashboardTest, TheHistoryHoldsWhatWasBeforeThePageWasOpened) {
  play_.get("/a");
  std::int64_t sent = 0;
  json::Value history;
  for (int i = 0; i < 100 && sent == 0; ++i) {
    usleep(100000);
    history = json::parse(body_of(get("/history")), json::Dialect::strict)->root;
    for (const auto& [key, series] : *history.find("keys")->object()) {
      for (const json::Value& n : *series.find("requests")->array()) sent += *n.integer();
      EXPECT_EQ(series.find("requests")->array()->size(), series.find("state")->array()->size());
      EXPECT_EQ(series.find("requests")->array()->size(), series.find("effective_limit")->array()->size());
    }
  }
  EXPECT_EQ(sent, 1);
  EXPECT_EQ(history.find("states")->array()->size(), policy::kLearnerStateNames.size());
}

policy::KeyStatus key_with(const std::string& text, std::uint64_t requests) {
  policy::KeyStatus key;
  key.key = text;
  key.requests = requests;
  key.configured_limit = key.effective_limit = 12.3456789;
  return key;
}

TEST(KeyHistory, IsASampleASecondAndFillsTheOnesThatWereMissed) {
  KeyHistory history;
  const policy::WallTime start{std::chrono::seconds(1000000)};
  history.add({key_with("a@a", 5)}, start);
  history.add({key_with("a@a", 7)}, start + std::chrono::milliseconds(1000));
  history.add({key_with("a@a", 8)}, start + std::chrono::milliseconds(1400));  // counted with the next one
  history.add({key_with("a@a", 10)}, start + std::chrono::milliseconds(4000));
  const json::Value shown = history.show();
  EXPECT_EQ(*shown.find("end")->string(), "1970-01-12T13:46:44Z");
  EXPECT_EQ(json::write(*shown.find("keys")->find("a@a")->find("requests")), "[5,2,0,0,3]");
  EXPECT_EQ(shown.find("keys")->find("a@a")->find("effective_limit")->array()->front().number(), 12.35);
}

TEST(KeyHistory, IsBoundedAndForgetsWhoIsNotChosen) {
  KeyHistory history;
  policy::WallTime now{std::chrono::seconds(1000000)};
  for (std::size_t i = 0; i < 2 * KeyHistory::kSamples; ++i) {
    now += std::chrono::seconds(1);
    history.add({key_with("a@a", i), key_with("b@b", i)}, now);
  }
  history.add({key_with("a@a", 3 * KeyHistory::kSamples)}, now + std::chrono::seconds(1));
  const json::Value shown = history.show();
  ASSERT_EQ(shown.find("keys")->object()->size(), 1U);
  EXPECT_EQ(shown.find("keys")->find("a@a")->find("requests")->array()->size(), KeyHistory::kSamples);
}

TEST(KeyHistory, CountersThatBeginAnewAreNoDifference) {
  KeyHistory history;
  const policy::WallTime start{std::chrono::seconds(1000000)};
  history.add({key_with("a@a", 100)}, start);
  history.add({key_with("a@a", 3)}, start + std::chrono::seconds(1));
  EXPECT_EQ(json::write(*history.show().find("keys")->find("a@a")->find("requests")), "[100,3]");
}

// --- exchanges ---

TEST_F(DashboardTest, ExchangesAreToldByTheirState) {
  play_.exchange("CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n");
  const auto told = [&](const std::string& query) {
    return json::parse(body_of(get("/exchanges" + query)), json::Dialect::strict)->root;
  };
  const json::Value recent = told("?state=recent");
  ASSERT_EQ(recent.find("exchanges")->array()->size(), 1U);
  const json::Value& one = recent.find("exchanges")->array()->front();
  EXPECT_EQ(*one.find("method")->string(), "CONNECT");
  EXPECT_NE(one.find("verdict"), nullptr);
  EXPECT_GT(one.find("ended")->number(), 1e9);
  for (const char* query : {"", "?state=waiting", "?state=active"}) {
    EXPECT_TRUE(told(query).find("exchanges")->array()->empty()) << query;
  }
  EXPECT_EQ(status_of(get("/exchanges?state=other")), 400);
}

TEST_F(DashboardTest, ACallThatIsAnsweredLaterKeepsTheOrderOfAnswers) {
  Peer peer = test::connect_to(server_->endpoint().port);
  peer.send(
      "GET /exchanges HTTP/1.1\r\nHost: localhost\r\n\r\nGET /nope HTTP/1.1\r\nHost: localhost\r\n\r\n"
      "GET /exchanges HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(body_of(peer.read_response()), HasSubstr("in_flight"));
  EXPECT_EQ(status_of(peer.read_response()), 404);
  EXPECT_THAT(body_of(peer.read_response()), HasSubstr("in_flight"));
  EXPECT_TRUE(peer.ended());
}

TEST_F(DashboardTest, ACallerThatLeavesBeforeItsAnswerHarmsNobody) {
  for (int i = 0; i < 50; ++i) ask("/exchanges").reset();
  EXPECT_EQ(status_of(get("/exchanges")), 200);
}

// --- other people's pages ---

struct Caller {
  const char* what;
  const char* fields;
  bool may;
};
const Caller kCallers[] = {
    {"a program", "", true},
    {"our own page", "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\nOrigin: http://localhost\r\n", true},
    {"an address that was typed", "Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n",
     true},
    {"a link that was followed",
     "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n", true},
    {"a frame", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n", false},
    {"another page's fetch()", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n", false},
    {"another page's script", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Dest: script\r\n", false},
    {"a page of another port", "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\n", false},
    {"a browser that says the origin only", "Origin: http://evil.example\r\n", false},
    {"another port's origin", "Origin: http://localhost:3000\r\n", false},
    {"a page without an origin", "Origin: null\r\n", false},
};

TEST_F(DashboardTest, OnlyOurOwnPageMayRead) {
  for (const Caller& caller : kCallers) {
    for (const char* path : {"/", "/gates", "/exchanges", "/history", "/app.js"}) {
      EXPECT_EQ(status_of(get(path, caller.fields)), caller.may ? 200 : 403) << caller.what << " " << path;
    }
    Peer peer = ask("/events", caller.fields);
    EXPECT_EQ(status_of(peer.read_head()), caller.may ? 200 : 403) << caller.what;
  }
}

TEST_F(DashboardTest, OnlyOurOwnPageMayFlipAGate) {
  for (const Caller& caller : kCallers) {
    Peer peer = ask("/gates/contextual-retry",
                    std::string(caller.fields) + "Content-Type: application/json\r\nContent-Length: 4\r\n", "POST");
    peer.send("true");
    const bool link = std::string_view(caller.what).starts_with("a link");
    EXPECT_EQ(status_of(peer.read_response()), caller.may && !link ? 200 : 403) << caller.what;
  }
}

}  // namespace
}  // namespace backoffd::admin
