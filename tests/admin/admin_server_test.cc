// The admin interface as its callers see it: raw bytes on a socket against the real routes, engine and data plane.
#include "admin/admin_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "admin/client.h"
#include "admin/config_reader.h"
#include "admin/config_route.h"
#include "admin/gates_route.h"
#include "admin/json.h"
#include "admin/learning_route.h"
#include "admin/learning_status.h"
#include "admin/metrics.h"
#include "admin/state_route.h"
#include "tests/support/running_proxy.h"
#include "tests/support/socket.h"

namespace backoffd::admin {
namespace {

using policy::GateId;
using policy::GateLayer;
using policy::GateMode;
using test::body_of;
using test::field_of;
using test::status_of;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kToken = "correct-horse-battery";

policy::GateSetting with_mode(GateMode mode) {
  policy::GateSetting setting;
  setting.mode = mode;
  return setting;
}

class AdminTest : public testing::Test {
 protected:
  explicit AdminTest(std::string token = "") {
    auto bound = AdminServer::bind(loop_, *proxy::Endpoint::parse("127.0.0.1:0"));
    server_ = std::move(*bound);
    Router router;
    add_state_routes(
        router, [this] { return draining_.load(); }, [this] { draining_ = true; });
    add_gate_routes(router, proxy_.engine(), [this] { ++changes_; });
    add_learning_routes(router, proxy_.engine(), [this] { ++changes_; });
    add_config_route(router, Config());
    server_->serve(Guard({"*.admin.example"}, std::move(token)), std::move(router));
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~AdminTest() override {
    loop_.stop();
    thread_.join();
  }

  test::Peer connect() { return test::connect_to(server_->endpoint().port); }
  std::string exchange(const std::string& request) {
    test::Peer peer = connect();
    peer.send(request);
    return peer.read_response();
  }
  std::string get(const std::string& path) { return exchange("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n"); }
  std::string post(const std::string& path, const std::string& body,
                   const std::string& fields = "Content-Type: application/json\r\n") {
    return exchange("POST " + path + " HTTP/1.1\r\nHost: localhost\r\n" + fields +
                    "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  json::Value json_of(const std::string& response) {
    auto document = json::parse(body_of(response), json::Dialect::strict);
    EXPECT_TRUE(document) << response;
    return document ? document->root : json::Value();
  }
  std::string code_of(const std::string& response) {
    const json::Value root = json_of(response);
    const json::Value* error = root.find("error");
    return error && error->find("code") && error->find("message") ? *error->find("code")->string() : "";
  }
  GateMode mode_of(GateId id) {
    for (const auto& status : proxy_.engine().gates()) {
      if (status.id == id) return status.gate.effective().mode;
    }
    return GateMode::off;
  }

  test::RunningProxy proxy_;
  std::atomic<bool> draining_{false};
  std::atomic<int> changes_{0};
  proxy::Loop loop_;
  std::unique_ptr<AdminServer> server_;
  std::thread thread_;
};

class AdminWithTokenTest : public AdminTest {
 protected:
  AdminWithTokenTest() : AdminTest(kToken) {}
};

TEST_F(AdminTest, HealthIsAlwaysGoodAndReadinessEndsWithTheDrain) {
  EXPECT_EQ(status_of(get("/healthz")), 200);
  EXPECT_EQ(status_of(get("/readyz")), 200);
  EXPECT_EQ(status_of(post("/drain", "")), 202);
  EXPECT_TRUE(draining_);
  EXPECT_EQ(status_of(get("/healthz")), 200);
  EXPECT_EQ(code_of(get("/readyz")), "draining");
}

TEST_F(AdminTest, GatesShowEveryLayerAndTheEffectiveValue) {
  proxy_.engine().set_gate(GateId::contextual_retry, GateLayer::config, with_mode(GateMode::shadow));
  EXPECT_EQ(status_of(post("/gates/contextual-retry", R"({"mode": "on", "percentage": 25, "providers": ["a*"]})")),
            200);
  const json::Value root = json_of(get("/gates"));
  const json::Value* gate = root.find("gates")->find("contextual-retry");
  ASSERT_NE(gate, nullptr);
  EXPECT_EQ(*gate->find("layer")->string(), "admin");
  EXPECT_EQ(*gate->find("effective")->find("mode")->string(), "on");
  EXPECT_EQ(gate->find("effective")->find("percentage")->number(), 25);
  EXPECT_EQ(*gate->find("layers")->find("config")->find("mode")->string(), "shadow");
  EXPECT_EQ(*gate->find("layers")->find("default")->find("mode")->string(), "off");
  EXPECT_EQ(gate->find("layers")->find("environment"), nullptr);
}

TEST_F(AdminTest, AGateTakesABooleanAnObjectAndNullTakesItBack) {
  const auto mode = [this] { return mode_of(GateId::provider_learning); };
  EXPECT_EQ(status_of(post("/gates/provider-learning", "true")), 200);
  EXPECT_EQ(mode(), GateMode::on);
  EXPECT_EQ(status_of(post("/gates/provider-learning", R"({"mode": "shadow"})")), 200);
  EXPECT_EQ(mode(), GateMode::shadow);
  EXPECT_EQ(status_of(post("/gates/provider-learning", "false")), 200);
  EXPECT_EQ(mode(), GateMode::off);
  proxy_.engine().set_gate(GateId::provider_learning, GateLayer::config, with_mode(GateMode::on));
  EXPECT_EQ(mode(), GateMode::off);
  EXPECT_EQ(status_of(post("/gates/provider-learning", "null")), 200);
  EXPECT_EQ(mode(), GateMode::on);
  EXPECT_EQ(changes_, 4);
}

TEST_F(AdminTest, AWrongFlipChangesNothingAndIsExplained) {
  for (const char* body : {"", "{", "5", "[]", R"("on")", R"({"percentage": 5})", R"({"mode": "maybe"})",
                           R"({"mode": "on", "percentage": 101})", R"({"mode": "on", "mode": "off"})",
                           R"({"mode": "on", "colour": 1})", "true x", "1e1000000000"}) {
    const std::string response = post("/gates/contextual-retry", body);
    EXPECT_EQ(status_of(response), 400) << body;
    EXPECT_NE(code_of(response), "") << body;
    EXPECT_EQ(mode_of(GateId::contextual_retry), GateMode::off) << body;
  }
  EXPECT_EQ(status_of(post("/gates/contextual-retry", std::string(60000, '['))), 400);
  EXPECT_EQ(code_of(post("/gates/other", "true")), "no_such_gate");
  EXPECT_EQ(code_of(get("/gates/other")), "no_such_gate");
}

TEST_F(AdminTest, LearningHasTheShapeThatOtherToolsRead) {
  policy::LearnedKey learned;
  learned.key = "a@a.example";
  learned.reduction_pct = 20;
  learned.base_rate = 10;
  proxy_.engine().restore({learned}, policy::Duration(0), proxy::Loop::now());
  const json::Value root = json_of(get("/learning"));
  const json::Value* providers = root.find("providers");
  ASSERT_NE(providers, nullptr);
  for (const auto& [key, entry] : *providers->object()) {
    EXPECT_NE(key.find('@'), std::string::npos);
    EXPECT_NE(entry.find("status")->string(), nullptr);
    EXPECT_NE(entry.find("consecutive_429s")->integer(), nullptr);
    EXPECT_TRUE(entry.find("reduction_pct")->is_number());
  }
}

TEST_F(AdminTest, ResettingAnUnknownKeyIsToldSo) {
  EXPECT_EQ(code_of(post("/learning/nobody@nowhere.example/reset", "")), "no_such_key");
  EXPECT_EQ(code_of(post("/learning/a%40b%2Fc/reset", "")), "no_such_key");
  EXPECT_EQ(code_of(post("/learning/a%4/reset", "")), "not_found");
}

TEST_F(AdminTest, TheConfigurationIsShown) {
  const json::Value root = json_of(get("/config"));
  EXPECT_EQ(*root.find("retry")->find("max_attempts")->integer(), 6);
  EXPECT_TRUE(read_settings(body_of(get("/config")), {}).problems.empty());
}

TEST_F(AdminTest, UnknownPathsAndMethodsAreTold) {
  EXPECT_EQ(code_of(get("/")), "not_found");
  EXPECT_EQ(code_of(get("/gates/")), "not_found");
  EXPECT_EQ(code_of(get("/gates/a/b")), "not_found");
  const std::string response = post("/gates", "{}");
  EXPECT_EQ(status_of(response), 405);
  EXPECT_EQ(field_of(response, "Allow"), "GET");
  EXPECT_EQ(code_of(exchange("GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")), "bad_target");
}

TEST_F(AdminTest, HeadIsServedAsGetWithoutABody) {
  test::Peer peer = connect();
  peer.send("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const std::string response = peer.read_all();
  EXPECT_EQ(status_of(response), 200);
  EXPECT_TRUE(response.ends_with("\r\n\r\n")) << response;
}

TEST_F(AdminTest, OneConnectionServesManyCallsAlsoSentAtOnce) {
  test::Peer peer = connect();
  peer.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /nope HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(status_of(peer.read_response()), 200);
  EXPECT_EQ(status_of(peer.read_response()), 404);
  peer.send_slowly("GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(status_of(peer.read_response()), 200);
  EXPECT_TRUE(peer.ended());
}

TEST_F(AdminTest, ChunkedBodiesAreRead) {
  EXPECT_EQ(
      status_of(exchange("POST /gates/contextual-retry HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                         "application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ntr\r\n2\r\nue\r\n0\r\n\r\n")),
      200);
  EXPECT_EQ(mode_of(GateId::contextual_retry), GateMode::on);
}

TEST_F(AdminTest, BoundsAreKept) {
  EXPECT_EQ(code_of(post("/gates/contextual-retry", std::string(65537, ' '))), "body_too_large");
  EXPECT_EQ(status_of(exchange("POST /gates/contextual-retry HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                               "application/json\r\nContent-Length: 99999999999\r\n\r\n")),
            413);
  EXPECT_EQ(status_of(get("/" + std::string(5000, 'a'))), 414);
  EXPECT_EQ(status_of(exchange("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(20000, 'a') + "\r\n\r\n")),
            431);
  EXPECT_EQ(status_of(exchange("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")),
            400);
}

TEST_F(AdminTest, AChangeNeedsPostAndJson) {
  for (const char* fields :
       {"", "Content-Type: text/plain\r\n", "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: application/jsonp\r\n", "Content-Type: application/json\r\nContent-Type: text/plain\r\n"}) {
    EXPECT_EQ(code_of(post("/gates/contextual-retry", "true", fields)), "unsupported_media_type") << fields;
  }
  EXPECT_EQ(status_of(get("/drain")), 405);
  EXPECT_FALSE(draining_);
  EXPECT_EQ(mode_of(GateId::contextual_retry), GateMode::off);
  EXPECT_EQ(status_of(post("/gates/contextual-retry", "true", "Content-Type: Application/JSON; charset=utf-8\r\n")),
            200);
}

TEST_F(AdminTest, AForeignHostIsRefused) {
  const auto host = [this](const std::string& value) {
    return status_of(exchange("GET /gates HTTP/1.1\r\nHost: " + value + "\r\n\r\n"));
  };
  for (const char* good :
       {"localhost", "LOCALHOST:80", "127.0.0.1:9901", "127.1.2.3", "[::1]:9901", "x.admin.example:1"}) {
    EXPECT_EQ(host(good), 200) << good;
  }
  for (const char* bad : {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "10.0.0.1",
                          "[2001:db8::1]", "0.0.0.0", "admin.example", "x.admin.example.evil",
                          "localhost:80@evil.example", "localhost:x", "[::1].evil.example", "[::1", "::1", ""}) {
    EXPECT_EQ(host(bad), 403) << bad;
  }
  EXPECT_EQ(status_of(exchange("GET /gates HTTP/1.1\r\n\r\n")), 400);
  EXPECT_EQ(status_of(exchange("GET /gates HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n")), 400);
}

TEST_F(AdminTest, NoOtherOriginIsEverGranted) {
  const std::string preflight = exchange(
      "OPTIONS /gates/contextual-retry HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n"
      "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\n\r\n");
  EXPECT_EQ(status_of(preflight), 403);
  EXPECT_THAT(preflight, Not(HasSubstr("Access-Control-Allow")));
}

TEST_F(AdminWithTokenTest, AChangeNeedsTheToken) {
  const auto flip = [this](const std::string& fields) {
    return post("/gates/contextual-retry", "true", "Content-Type: application/json\r\n" + fields);
  };
  for (const std::string& wrong :
       {std::string(), std::string("Authorization: Bearer wrong-token-here-x\r\n"),
        "Authorization: Bearer " + std::string(kToken) + "x\r\n",
        "Authorization: Basic " + std::string(kToken) + "\r\n", std::string("Authorization: Bearer \r\n")}) {
    const std::string response = flip(wrong);
    EXPECT_EQ(status_of(response), 401) << wrong;
    EXPECT_EQ(field_of(response, "WWW-Authenticate"), "Bearer");
    EXPECT_THAT(response, Not(HasSubstr(kToken)));
  }
  EXPECT_EQ(mode_of(GateId::contextual_retry), GateMode::off);
  EXPECT_EQ(status_of(flip("Authorization: bearer " + std::string(kToken) + "\r\n")), 200);
  EXPECT_EQ(status_of(get("/gates")), 200);
}

TEST_F(AdminWithTokenTest, TheClientOfTheCommandLineIsUnderstood) {
  Call what{
      .admin = server_->endpoint(), .method = "POST", .path = "/gates/contextual-retry", .body = "true", .token = ""};
  auto answer = call(what);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 401);
  EXPECT_THAT(message_of(*answer), HasSubstr("token"));
  what.token = kToken;
  answer = call(what);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(mode_of(GateId::contextual_retry), GateMode::on);
}

TEST_F(AdminTest, AConnectionThatWasRefusedEndsAlsoWhenItsClientHoldsOn) {
  test::Peer peer = connect();
  peer.send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_EQ(status_of(peer.read_response()), 400);
  EXPECT_TRUE(peer.ended());
  // The lingering end is over when what is sent to it is answered by a reset.
  for (int i = 0; i < 1000 && peer.send("x"); ++i) usleep(10000);
  EXPECT_FALSE(peer.send("x"));
}

TEST_F(AdminTest, ClientsThatHoldConnectionsShutNobodyOut) {
  std::vector<test::Peer> held;
  for (int i = 0; i < 300; ++i) {
    held.push_back(connect());
    held.back().send("GET /heal");
  }
  EXPECT_EQ(status_of(get("/healthz")), 200);
}

TEST(Secret, OnlyTheWholeSecretIsTheSame) {
  EXPECT_TRUE(same_secret("secret", "secret"));
  for (const char* wrong : {"", "s", "secre", "secrets", "SECRET", "secretsecret", "xecret", "secrex"}) {
    EXPECT_FALSE(same_secret(wrong, "secret")) << wrong;
  }
  EXPECT_FALSE(same_secret("", ""));
}

TEST(Metrics, WorkersAreAddedUpAndNamesAreUnique) {
  proxy::Counters a, b;
  a.attempts.add(2);
  b.attempts.add(3);
  a.refuse("queue_full");
  b.refuse("queue_full");
  a.head_seconds.observe(0.002);
  b.head_seconds.observe(1000);
  policy::Gate gate(GateId::contextual_retry);
  const std::string text = metrics_text(
      {.workers = {&a, &b}, .gates = {{{.id = GateId::contextual_retry, .gate = gate, .guard = {}, .acts = {}}, {}}}});
  EXPECT_THAT(text, HasSubstr("\nbackoffd_attempts_total 5\n"));
  EXPECT_THAT(text, HasSubstr("\nbackoffd_refusals_total{refusal=\"queue_full\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("\nbackoffd_response_head_duration_seconds_bucket{le=\"0.005\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nbackoffd_response_head_duration_seconds_bucket{le=\"+Inf\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("\nbackoffd_response_head_duration_seconds_count 2\n"));
  EXPECT_THAT(text, HasSubstr("\nbackoffd_gate_mode{gate=\"contextual-retry\",mode=\"off\"} 1\n"));
}

TEST(Metrics, WhetherLearningIsKeptIsToldWhereItHasAFile) {
  EXPECT_THAT(metrics_text({}), Not(HasSubstr("backoffd_learning_kept")));
  EXPECT_THAT(metrics_text({.learning_kept = true}), HasSubstr("\nbackoffd_learning_kept 1\n"));
  EXPECT_THAT(metrics_text({.learning_kept = false}), HasSubstr("\nbackoffd_learning_kept 0\n"));
}

TEST(Metrics, IgnoredHintsAreToldAsInTheLearningStatus) {
  policy::KeyStatus key;
  key.key = "k@h";
  key.hints_ignored = 7;
  EXPECT_THAT(metrics_text({.keys = {key}}),
              HasSubstr("backoffd_key_ignored_hints_total{provider=\"k\",key=\"k@h\"} 7"));
  const json::Value learning = learning_json({key}, {}, {});
  EXPECT_EQ(*learning.find("providers")->find("k@h")->find("hints_ignored")->integer(), 7);
}

TEST(Metrics, OfKeysThereIsTheirNumberAndASeriesEachForTheseFew) {
  std::vector<policy::KeyStatus> keys(1);
  keys[0].key = "odd\"\n@h";
  keys[0].requests = 5000;
  const std::string text = metrics_text({.keys = keys, .key_count = 1000});
  EXPECT_THAT(text, HasSubstr("\nbackoffd_keys 1000\n"));
  EXPECT_THAT(text, HasSubstr("backoffd_key_requests_total{provider=\"odd\\\"\\n\",key=\"odd\\\"\\n@h\"} 5000"));
}

TEST(Metrics, AWebhookIsToldOfWhereThereIsOne) {
  EXPECT_THAT(metrics_text({}), Not(HasSubstr("webhook")));
  const std::string text = metrics_text({.webhook = WebhookCounts{.delivered = 3, .lost = 1, .retries = 7}});
  EXPECT_THAT(text, HasSubstr("\nbackoffd_webhook_messages_total{result=\"delivered\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("\nbackoffd_webhook_messages_total{result=\"lost\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\nbackoffd_webhook_retries_total 7\n"));
}

}  // namespace
}  // namespace backoffd::admin
