// The keys of TLS and of parent proxies: what they take, what they refuse and with which words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "admin/cli.h"
#include "admin/config_keys.h"
#include "admin/config_reader.h"
#include "admin/upstream_proxy.h"

namespace backoffd::admin {
namespace {

using proxy::InterceptMode;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> texts(const Problems& problems) {
  std::vector<std::string> out;
  for (const auto& problem : problems) out.push_back(problem.text());
  return out;
}

// `flags` as on the command line.
Loaded load(std::string_view file, std::vector<std::string> flags = {}) {
  const auto command = parse_command_line(std::move(flags));
  EXPECT_TRUE(command) << command.error().text();
  return read_settings(file, command ? command->assignments : std::vector<Assignment>());
}
Config good(std::string_view file, std::vector<std::string> flags = {}) {
  const Loaded loaded = load(file, std::move(flags));
  EXPECT_THAT(texts(loaded.problems), IsEmpty());
  return loaded.settings.config;
}
std::vector<std::string> problems_of(std::string_view file, std::vector<std::string> flags = {}) {
  return texts(load(file, std::move(flags)).problems);
}

TEST(TlsKeys, NothingIsInterceptedByDefault) {
  EXPECT_EQ(good("").proxy.tls.intercept, InterceptMode::none);
  EXPECT_EQ(good("").tls.ca, CaKind::state_dir);
}

TEST(TlsKeys, EveryPartIsRead) {
  const Config config = good(R"({
    "state_dir": "/state",
    "tls": {"intercept": ["*.crossref.org", "127.0.0.1"], "passthrough": ["pinned.crossref.org"], "ca": "ephemeral",
            "ca_cert": "/c.pem", "ca_key": "/k.pem", "publish_dir": "/shared", "upstream_roots": ["/a.pem", "/b.pem"],
            "insecure_skip_verify": ["lab.example"]},
    "upstream_proxy": "http://proxy.corp:3128", "upstream_proxy_credentials": "/secret",
    "no_proxy": ["localhost", ".corp", "*.lab", "10.0.0.0/8", "::1", "*"],
    "providers": [{"name": "p", "hosts": ["p.example"], "upstream_roots": "/p.pem", "client_certificate": "/me.pem",
                   "client_key": "/me.key", "upstream_proxy": "direct"}]
  })");
  EXPECT_EQ(config.proxy.tls.intercept, InterceptMode::hosts);
  EXPECT_THAT(config.proxy.tls.intercept_hosts, ElementsAre("*.crossref.org", "127.0.0.1"));
  EXPECT_THAT(config.proxy.tls.passthrough, ElementsAre("pinned.crossref.org"));
  EXPECT_EQ(config.tls.ca, CaKind::ephemeral);
  EXPECT_EQ(config.tls.ca_cert, "/c.pem");
  EXPECT_EQ(config.tls.ca_key, "/k.pem");
  EXPECT_EQ(config.tls.publish_dir, "/shared");
  EXPECT_THAT(config.proxy.tls.upstream_roots, ElementsAre("/a.pem", "/b.pem"));
  EXPECT_THAT(config.proxy.tls.insecure_skip_verify, ElementsAre("lab.example"));
  EXPECT_EQ(config.proxy.upstream_proxy.url, "http://proxy.corp:3128");
  EXPECT_EQ(config.proxy.upstream_proxy.https_url, "");
  EXPECT_EQ(config.proxy.upstream_proxy.credentials_file, "/secret");
  EXPECT_THAT(config.proxy.upstream_proxy.no_proxy,
              ElementsAre("localhost", ".corp", "*.lab", "10.0.0.0/8", "::1", "*"));
  EXPECT_EQ(config.policy.providers[0].upstream_roots, "/p.pem");
  EXPECT_EQ(config.policy.providers[0].client_certificate, "/me.pem");
  EXPECT_EQ(config.policy.providers[0].client_key, "/me.key");
  EXPECT_EQ(config.policy.providers[0].upstream_proxy, "direct");
  EXPECT_EQ(json::write(show_config(good(json::write(show_config(config))))), json::write(show_config(config)));
}

TEST(TlsKeys, TheFlagsReachTheirKeys) {
  const Config config =
      good(R"({"tls": {"upstream_roots": "/file.pem"}})",
           {"--intercept", "*.crossref.org,api.openalex.org", "--upstream-ca", "/a.pem", "--upstream-ca=/b.pem", "--ca",
            "ephemeral", "--ca-cert", "/c.pem", "--ca-key", "/k.pem"});
  EXPECT_EQ(config.proxy.tls.intercept, InterceptMode::hosts);
  EXPECT_THAT(config.proxy.tls.intercept_hosts, ElementsAre("*.crossref.org", "api.openalex.org"));
  EXPECT_THAT(config.proxy.tls.upstream_roots, ElementsAre("/file.pem", "/a.pem", "/b.pem"));
  EXPECT_EQ(config.tls.ca, CaKind::ephemeral);
  EXPECT_EQ(config.tls.ca_cert, "/c.pem");
  EXPECT_EQ(config.tls.ca_key, "/k.pem");
  EXPECT_EQ(good("", {"--intercept", "all", "--state-dir", "/s"}).proxy.tls.intercept, InterceptMode::all);
  EXPECT_EQ(good(R"({"tls": {"intercept": "all"}})", {"--intercept=none"}).proxy.tls.intercept, InterceptMode::none);
  EXPECT_EQ(good("", {"--set", "tls.intercept=all", "--ca", "ephemeral"}).proxy.tls.intercept, InterceptMode::all);
  EXPECT_THAT(good("", {"--set", "tls.upstream_roots=/a.pem,/b.pem"}).proxy.tls.upstream_roots,
              ElementsAre("/a.pem", "/b.pem"));
}

TEST(TlsKeys, InterceptProvidersMeansTheirHosts) {
  const Config config = good(R"({"tls": {"intercept": "providers", "ca": "ephemeral"},
    "providers": [{"name": "a", "hosts": ["a.example", "*.a.example"]}, {"name": "b", "hosts": ["b.example"]}]})");
  EXPECT_EQ(config.proxy.tls.intercept, InterceptMode::providers);
  EXPECT_THAT(config.proxy.tls.intercept_hosts, ElementsAre("a.example", "*.a.example", "b.example"));
  EXPECT_EQ(*show_config(config).find("tls")->find("intercept")->string(), "providers");
}

TEST(TlsKeys, WrongValuesAreToldWithTheirPlace) {
  struct Case {
    const char* file;
    const char* problem;
  };
  const Case cases[] = {
      {R"({"tls": {"intercept": "some"}})",
       R"(tls.intercept: "some": expected "none", "providers", "all", or a list of hosts)"},
      {R"({"tls": {"intercept": true}})",
       R"(tls.intercept: true: expected "none", "providers", "all", or a list of hosts)"},
      {R"({"tls": {"intercept": []}})", R"(tls.intercept: []: must not be empty; "none" intercepts nothing)"},
      {R"({"tls": {"ca": "ephemeral", "intercept": ["a.example", "all"]}})",
       R"(tls.intercept: ["a.example","all"]: "all" must stand alone)"},
      {R"({"tls": {"ca": "ephemeral", "intercept": ["https://a.example/"]}})",
       R"(tls.intercept[0]: "https://a.example/": expected a host name without scheme, port or path)"},
      {R"({"tls": {"passthrough": [""]}})", R"(tls.passthrough[0]: "": expected a host name)"},
      {R"({"tls": {"ca": "memory"}})", R"(tls.ca: "memory": expected one of state_dir, ephemeral)"},
      {R"({"tls": {"upstream_roots": 3}})", "tls.upstream_roots: 3: expected a list"},
      {R"({"tls": {"upstream_roots": ["/a", ""]}})", R"(tls.upstream_roots[1]: "": must not be empty)"},
      {R"({"tls": {"insecure_skip_verify": ["*.example"]}})",
       R"(tls.insecure_skip_verify[0]: "*.example": must be one host, not a pattern)"},
      {R"({"tls": {"ca_cert": "/c.pem"}})", R"(tls.ca_cert: "/c.pem": needs tls.ca_key, its private key)"},
      {R"({"tls": {"ca_key": "/k.pem"}})", R"(tls.ca_key: "/k.pem": needs tls.ca_cert, its certificate)"},
      {R"({"tls": {"intercept": "all"}})",
       R"(tls.intercept: needs a CA: set state_dir, a folder to keep it in, or tls.ca to "ephemeral", or tls.ca_cert )"
       "and tls.ca_key"},
      {R"({"tls": {"intercept": "providers", "ca": "ephemeral"}})",
       R"(tls.intercept: "providers": there is none; name them and their hosts in providers)"},
      {R"({"upstream_proxy": "https://p:1"})",
       R"(upstream_proxy: "https://p:1": TLS to a parent proxy is not supported; expected http://HOST:PORT, )"
       R"("environment" or nothing)"},
      {R"({"upstream_proxy": "socks5h://p:1"})",
       R"(upstream_proxy: "socks5h://p:1": a SOCKS proxy is not supported; expected http://HOST:PORT, )"
       R"("environment" or nothing)"},
      {R"({"upstream_proxy": "http://u:p@p:1"})",
       R"(upstream_proxy: "http://u:p@p:1": holds a user name; put user:password into a file and name it in )"
       "upstream_proxy_credentials"},
      {R"({"upstream_proxy": "p:1"})", R"(upstream_proxy: "p:1": expected http://HOST:PORT, "environment" or nothing)"},
      {R"({"upstream_proxy": "http://p:70000"})",
       R"(upstream_proxy: "http://p:70000": expected http://HOST:PORT, "environment" or nothing)"},
      {R"({"upstream_proxy": "http://p:1/x"})",
       R"(upstream_proxy: "http://p:1/x": expected http://HOST:PORT, "environment" or nothing)"},
      {R"({"upstream_proxy": "http://::1:1"})",
       R"(upstream_proxy: "http://::1:1": expected http://HOST:PORT, "environment" or nothing)"},
      {R"({"upstream_proxy": {"https": "p"}})",
       R"(upstream_proxy.https: "p": expected http://HOST:PORT, "direct" or nothing)"},
      {R"({"upstream_proxy": "http://127.0.0.1:8080"})",
       R"(upstream_proxy: "http://127.0.0.1:8080": is this proxy itself (listen))"},
      {R"({"no_proxy": ["host:80"]})", R"(no_proxy[0]: "host:80": expected a host name without scheme, port or path)"},
      {R"({"providers": [{"name": "p", "hosts": ["h"], "upstream_proxy": "environment"}]})",
       R"(providers[0].upstream_proxy: "environment": expected http://HOST:PORT, "direct" or nothing)"},
      {R"({"providers": [{"name": "p", "hosts": ["h"], "client_certificate": "/c"}]})",
       R"(providers[0].client_certificate: "/c": needs client_key, too)"},
      {R"({"providers": [{"name": "p", "hosts": ["h"], "client_key": "/k"}]})",
       R"(providers[0].client_key: "/k": needs client_certificate, too)"},
  };
  for (const Case& one : cases) EXPECT_THAT(problems_of(one.file), ElementsAre(one.problem)) << one.file;
  EXPECT_THAT(problems_of("", {"--ca", "disk"}), ElementsAre(R"(--ca: "disk": expected one of state_dir, ephemeral)"));
  EXPECT_THAT(problems_of("", {"--intercept", "providers", "--ca", "ephemeral"}),
              ElementsAre(R"(--intercept: "providers": there is none; name them and their hosts in providers)"));
  EXPECT_THAT(problems_of(R"({"egress": {"allow": "10.0.0.0/8"}})", {"--allow", "h"}),
              ElementsAre(R"(--allow: "10.0.0.0/8": expected a list)"));
}

TEST(TlsKeys, AParentProxyForEachScheme) {
  const auto parent = good(R"({"upstream_proxy": {"http": "http://a:1", "https": "direct"}})").proxy.upstream_proxy;
  EXPECT_EQ(parent.url, "http://a:1");
  EXPECT_EQ(parent.https_url, "direct");
}

// --- upstream_proxy: environment ---

struct Taken {
  proxy::UpstreamProxy proxy;
  std::vector<std::string> problems;
};
Taken take(const std::map<std::string, std::string>& variables) {
  Taken taken;
  taken.proxy.url = "environment";
  Problems problems;
  take_from_environment(
      taken.proxy,
      [&](const std::string& name) {
        const auto it = variables.find(name);
        return it == variables.end() ? std::nullopt : std::optional(it->second);
      },
      problems);
  taken.problems = texts(problems);
  return taken;
}

TEST(UpstreamProxyOfEnvironment, OneForAll) {
  for (const char* spelling : {"http://p:3128", "http://p:3128/", "p:3128"}) {
    const Taken taken = take({{"http_proxy", spelling}, {"HTTPS_PROXY", spelling}});
    EXPECT_EQ(taken.proxy.url, "http://p:3128") << spelling;
    EXPECT_EQ(taken.proxy.https_url, "") << spelling;
    EXPECT_THAT(taken.problems, IsEmpty()) << spelling;
  }
  EXPECT_EQ(take({{"all_proxy", "p"}}).proxy.url, "http://p:80");
  EXPECT_EQ(take({{"ALL_PROXY", "[::1]:8"}}).proxy.url, "http://[::1]:8");
  EXPECT_EQ(take({{"ALL_PROXY", "http://[::1]"}}).proxy.url, "http://[::1]:80");
}

TEST(UpstreamProxyOfEnvironment, TheSchemesApart) {
  EXPECT_EQ(take({{"https_proxy", "http://s:1"}}).proxy.url, "");
  EXPECT_EQ(take({{"https_proxy", "http://s:1"}}).proxy.https_url, "http://s:1");
  EXPECT_EQ(take({{"http_proxy", "http://p:1"}}).proxy.https_url, "direct");
  EXPECT_EQ(take({{"http_proxy", "http://p:1"}, {"ALL_PROXY", "http://s:1"}}).proxy.https_url, "http://s:1");
  EXPECT_EQ(take({{"http_proxy", "http://p:1"}, {"HTTP_PROXY", "http://other:1"}}).proxy.url, "http://p:1");
  EXPECT_EQ(take({{"http_proxy", " "}, {"HTTP_PROXY", "http://p:1"}}).proxy.url, "http://p:1");
}

TEST(UpstreamProxyOfEnvironment, NobodyNamedIsNone) {
  const Taken taken = take({});
  EXPECT_EQ(taken.proxy.url, "");
  EXPECT_EQ(taken.proxy.https_url, "");
  EXPECT_THAT(taken.problems, IsEmpty());
}

TEST(UpstreamProxyOfEnvironment, NoProxyMeansTheNamesBelow) {
  const Taken taken =
      take({{"http_proxy", "http://p:1"}, {"NO_PROXY", "localhost, .corp ,*.lab,10.0.0.0/8,[::1],host:80,,*"}});
  EXPECT_THAT(taken.proxy.no_proxy,
              ElementsAre("localhost", ".localhost", "corp", ".corp", "lab", ".lab", "10.0.0.0/8", "::1", "*"));
}

TEST(UpstreamProxyOfEnvironment, WhatCannotBeUsedIsToldWithoutItsPassword) {
  EXPECT_THAT(take({{"https_proxy", "socks5://p:1"}}).problems,
              ElementsAre("https_proxy: a SOCKS proxy is not supported; expected http://HOST:PORT (read because "
                          "upstream_proxy is \"environment\")"));
  EXPECT_THAT(take({{"HTTP_PROXY", "http://me:hunter2@p:1"}}).problems,
              ElementsAre("HTTP_PROXY: holds a user name; put user:password into a file and name it in "
                          "upstream_proxy_credentials (read because upstream_proxy is \"environment\")"));
}

TEST(UpstreamProxyOfEnvironment, IsNotReadWhereAnotherIsNamed) {
  proxy::UpstreamProxy proxy;
  proxy.url = "http://p:1";
  Problems problems;
  take_from_environment(
      proxy, [](const std::string&) { return std::optional<std::string>("http://q:1"); }, problems);
  EXPECT_EQ(proxy.url, "http://p:1");
  EXPECT_THAT(proxy.no_proxy, IsEmpty());
}

}  // namespace
}  // namespace backoffd::admin
