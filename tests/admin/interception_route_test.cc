#include "admin/interception_route.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/metrics.h"
#include "proxy/net/loop.h"

namespace backoffd::admin {
namespace {

using proxy::Loop;
using testing::HasSubstr;

class InterceptionRoute : public testing::Test {
 protected:
  InterceptionRoute() {
    config_.proxy.tls.intercept = proxy::InterceptMode::hosts;
    config_.proxy.tls.intercept_hosts = {"*.crossref.org"};
    config_.proxy.tls.passthrough = {"pinned.crossref.org"};
    auto authority =
        proxy::Authority::create(proxy::constraints_for(config_.proxy.tls.intercept_hosts), Loop::wall_now());
    fingerprint_ = authority->fingerprint();
    auto interceptor = proxy::Interceptor::make(config_.proxy.tls, std::move(*authority));
    interceptor_ = std::move(*interceptor);
    add_interception_routes(router_, config_, interceptor_.get());
  }
  json::Value call(const std::string& method, const std::string& path) {
    const Response response = router_.dispatch({method, path, ""});
    EXPECT_EQ(response.status, 200) << response.body;
    auto document = json::parse(response.body, json::Dialect::strict);
    EXPECT_TRUE(document) << response.body;
    return document ? document->root : json::Value();
  }

  Config config_;
  std::string fingerprint_;
  std::unique_ptr<proxy::Interceptor> interceptor_;
  Router router_;
};

TEST_F(InterceptionRoute, TellsWhatIsInterceptedAndByWhichCa) {
  const json::Value root = call("GET", "/interception");
  EXPECT_EQ(json::write(*root.find("intercept")), R"(["*.crossref.org"])");
  EXPECT_EQ(json::write(*root.find("passthrough")), R"(["pinned.crossref.org"])");
  const json::Value& ca = *root.find("ca");
  EXPECT_EQ(*ca.find("sha256")->string(), fingerprint_);
  EXPECT_EQ(json::write(*ca.find("may_sign")->find("dns")), R"(["crossref.org"])");
  EXPECT_FALSE(*ca.find("may_sign")->find("any")->boolean());
  EXPECT_EQ(*root.find("leaves_minted")->integer(), 0);
}

TEST_F(InterceptionRoute, LeavesAreCounted) {
  ASSERT_TRUE(interceptor_->accept("api.crossref.org", Loop::wall_now()));
  EXPECT_EQ(*call("GET", "/interception").find("leaves_minted")->integer(), 1);
  EXPECT_THAT(metrics_text({.now = Loop::now(), .interceptor = interceptor_.get()}),
              HasSubstr("backoffd_leaf_certificates_minted_total 1"));
}

TEST_F(InterceptionRoute, WhoTurnedTheCaDownIsNamedUntilItIsForgotten) {
  ASSERT_TRUE(interceptor_->pass_through().rejected("127.0.0.1", "api.crossref.org", "unknown_ca", Loop::now()));
  const json::Value learned = *call("GET", "/interception").find("learned_passthrough");
  ASSERT_EQ(learned.array()->size(), 1U);
  const json::Value& one = learned.array()->front();
  EXPECT_EQ(*one.find("client")->string(), "127.0.0.1");
  EXPECT_EQ(*one.find("host")->string(), "api.crossref.org");
  EXPECT_EQ(*one.find("why")->string(), "unknown_ca");
  EXPECT_GT(one.find("seconds_left")->number(), 0);
  EXPECT_THAT(metrics_text({.now = Loop::now(), .interceptor = interceptor_.get()}),
              HasSubstr("backoffd_learned_passthroughs 1"));
  EXPECT_EQ(*call("POST", "/interception/reset").find("forgotten")->integer(), 1);
  EXPECT_TRUE(call("GET", "/interception").find("learned_passthrough")->array()->empty());
  EXPECT_TRUE(interceptor_->intercepts("127.0.0.1", "api.crossref.org", Loop::now()));
}

TEST(InterceptionRouteOff, SaysThatNothingIsIntercepted) {
  const Config config;
  Router router;
  add_interception_routes(router, config, nullptr);
  const auto document = json::parse(router.dispatch({"GET", "/interception", ""}).body, json::Dialect::strict);
  ASSERT_TRUE(document);
  EXPECT_EQ(*document->root.find("intercept")->string(), "none");
  EXPECT_TRUE(document->root.find("ca")->is_null());
  EXPECT_EQ(router.dispatch({"POST", "/interception/reset", ""}).status, 200);
}

}  // namespace
}  // namespace backoffd::admin
