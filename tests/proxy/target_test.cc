#include "proxy/http/target.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace backoffd::proxy {
namespace {

using Form = Target::Form;

Head request(std::string_view method, std::string_view target, std::vector<std::string> hosts = {"h"}, int minor = 1) {
  Head head;
  head.set_request(method, target, minor);
  for (const std::string& host : hosts) head.add("Host", host);
  return head;
}

// "http host port path" of a request, or the refusal as "400 name".
std::string text_of(const TargetResult& result) {
  if (!result.ok) return std::to_string(result.error.status) + " " + std::string(result.error.name);
  const Target& t = result.target;
  const char* scheme = t.form == Form::authority ? "connect" : t.https ? "https" : "http";
  return std::string(scheme) + " " + t.host + " " + std::to_string(t.port) + " " + std::string(t.path_and_query);
}
std::string parsed(std::string_view method, std::string_view target) {
  const Head head = request(method, target);
  return text_of(parse_target(head));
}

struct Row {
  const char* id;
  std::string target;
  std::string expected;
};

TEST(TargetTest, AbsoluteForm) {
  const std::string host = "400 bad_host", port = "400 bad_port", target = "400 bad_target";
  const std::string scheme = "400 unknown_scheme", userinfo = "400 userinfo", fragment = "400 fragment";
  const std::vector<Row> rows = {
      {"A01", "http://a.b/c?d=e", "http a.b 80 /c?d=e"},
      {"A02", "http://a", "http a 80 "},
      {"A03", "http://a?q", "http a 80 ?q"},
      {"A04", "http://a/./b/../c%2Fd;e=~+%zz\\|{}?x?y/:@", "http a 80 /./b/../c%2Fd;e=~+%zz\\|{}?x?y/:@"},
      {"A16", "http:///x", host},
      {"A16", "http://", host},
      {"A16", "http://?q", host},
      {"A17", "http://:80/", host},
      {"A18", "http://u@a/", userinfo},
      {"A18", "http://u:p@a:80/", userinfo},
      {"A18", "http://@a/", userinfo},
      {"A18", "http://a@b@c/", userinfo},
      {"A19", "http://a/b#c", fragment},
      {"A19", "http://a#@b/", fragment},
      {"A30", "http://a:65536/", port},
      {"A30", "http://a:65616/", port},
      {"A30", "http://a:4294967376/", port},
      {"A30", "http://a:65535/", "http a 65535 /"},
      {"A31", "http://a:b/", port},
      {"A31", "http://a:+80/", port},
      {"A31", "http://a:-1/", port},
      {"A31", "http://a:80:80/", port},
      {"A31", "http://a:0/", port},
      {"A31", "http://a:000080/", port},
      {"empty port", "http://a:/b", "http a 80 /b"},
      {"leading zero", "http://a:0080/", "http a 80 /"},
      {"A32", "http://a\\b/", host},
      {"A32", "http://a\\@b/", userinfo},
      {"A32", "http:\\\\a/", target},
      {"A33", "http://a%00b/", host},
      {"A33", "http://%61/", host},
      {"A34", "ftp://a/", scheme},
      {"A34", "httpx://a/", scheme},
      {"A34", "ws://a/", scheme},
      {"A34", "1http://a/", target},
      {"A38", "a:80", target},
      {"A38", "localhost", target},
      {"A39", "*", target},
      {"one slash", "http:/a", target},
      {"no slash", "http:a", target},
      {"A42", "HTTP://LocalHost:8080/X", "http localhost 8080 /X"},
      {"A44", "https://a/", "https a 443 /"},
      {"A44", "HTTPS://a:80/", "https a 80 /"},
      {"A45", "http://[::1]:8080/", "http ::1 8080 /"},
      {"A45", "http://[2001:DB8:0:0:0:0:0:1]", "http 2001:db8::1 80 "},
      {"A45", "http://[::FFFF:1.2.3.4]/", "http ::ffff:1.2.3.4 80 /"},
      {"A45 open", "http://[::1/", host},
      {"A45 rest", "http://[::1]x/", host},
      {"A45 empty", "http://[]/", host},
      {"A45 no address", "http://[a]/", host},
      {"A45 IPv4", "http://[1.2.3.4]/", host},
      {"A45 future", "http://[v1.a]/", host},
      {"A45 zone", "http://[fe80::1%25eth0]/", host},
      {"A45 zone", "http://[fe80::1%eth0]/", host},
      {"A45 long", "http://[" + std::string(60, '0') + "]/", host},
      {"A45 bare", "http://::1/", host},
      {"final dot", "http://A.b./", "http a.b. 80 /"},
      {"dots", "http://a..b/", host},
      {"dots", "http://.a/", host},
      {"dots", "http://./", host},
      {"underscore", "http://a_b-c/", "http a_b-c 80 /"},
      {"long name", "http://" + std::string(254, 'a') + "/", "http " + std::string(254, 'a') + " 80 /"},
      {"long name", "http://" + std::string(255, 'a') + "/", host},
      {"list", "http://a,b/", host},
      {"quote", "http://a\"b/", host},
      {"decimal address", "http://2130706433/", "http 2130706433 80 /"},
  };
  for (const Row& row : rows) EXPECT_EQ(parsed("GET", row.target), row.expected) << row.id << ": " << row.target;
}

TEST(TargetTest, Connect) {
  const std::vector<Row> rows = {
      {"G01", "A.b:443", "connect a.b 443 "},
      {"G18", "[::1]:443", "connect ::1 443 "},
      {"G08", "a", "400 bad_port"},
      {"G08", "[::1]", "400 bad_port"},
      {"G09", "a:", "400 bad_port"},
      {"G10", "a:0", "400 bad_port"},
      {"G11", "a:70000", "400 bad_port"},
      {"G12", "http://a:443", "400 bad_port"},
      {"G12", "http://a:443/", "400 bad_port"},
      {"G13", "a:443/b", "400 bad_port"},
      {"G13", "/a", "400 bad_host"},
      {"G13", "*", "400 bad_host"},
      {"G13", "a:443?b", "400 bad_port"},
      {"G13", "a:443#b", "400 fragment"},
      {"G14", "u@a:443", "400 userinfo"},
      {"G14", "u:p@a:443", "400 userinfo"},
      {"G15", "a:65979", "400 bad_port"},
      {"no host", ":443", "400 bad_host"},
  };
  for (const Row& row : rows) EXPECT_EQ(parsed("CONNECT", row.target), row.expected) << row.id << ": " << row.target;
  EXPECT_EQ(parsed("connect", "a:443"), "400 bad_target");  // another method, case counts
}

TEST(TargetTest, I03OriginAndAsteriskFormAreNoProxyRequests) {
  const Head origin = request("GET", "/a?b");
  EXPECT_EQ(text_of(parse_target(origin)), "400 not_a_proxy_request");
  EXPECT_EQ(parse_target(origin).target.form, Form::origin);
  EXPECT_EQ(parse_target(origin).target.path_and_query, "/a?b");
  const Head asterisk = request("OPTIONS", "*");
  EXPECT_EQ(text_of(parse_target(asterisk)), "400 not_a_proxy_request");
  EXPECT_EQ(parse_target(asterisk).target.form, Form::asterisk);
  EXPECT_EQ(parsed("GET", "//a/b"), "400 not_a_proxy_request");
  EXPECT_EQ(parsed("GET", "/a#b"), "400 fragment");
}

TEST(TargetTest, Host) {
  const std::string ok = "http a 80 /", bad = "400 bad_host_field", missing = "400 missing_host";
  struct HostRow {
    const char* id;
    std::vector<std::string> hosts;
    int minor;
    std::string expected;
  };
  const std::vector<HostRow> rows = {
      {"B01", {"b"}, 1, ok},
      {"B02", {}, 1, missing},
      {"B03", {"a", "b"}, 1, bad},
      {"B04", {"a", "a"}, 1, bad},
      {"B04 1.0", {"a", "a"}, 0, bad},
      {"B05", {"a b"}, 1, bad},
      {"B05", {"a/b"}, 1, bad},
      {"B05", {"u@a"}, 1, bad},
      {"B05", {"a:b"}, 1, bad},
      {"B05", {"a:99999"}, 1, bad},
      {"B05", {"http://a"}, 1, bad},
      {"B05", {"[::1"}, 1, bad},
      {"B05", {"\xc3\xa9"}, 1, bad},
      {"B05", {"<script>"}, 1, bad},
      {"B06", {"a, b"}, 1, bad},
      {"B06", {"a,b"}, 1, bad},
      {"B07", {}, 0, ok},
      {"B08", {""}, 1, ok},
      {"port", {"a:8080"}, 1, ok},
      {"IPv6", {"[::1]:80"}, 1, ok},
  };
  for (const HostRow& row : rows) {
    const Head head = request("GET", "http://a/", row.hosts, row.minor);
    EXPECT_EQ(text_of(parse_target(head)), row.expected) << row.id;
    const Head connect = request("CONNECT", "a:443", row.hosts, row.minor);
    EXPECT_EQ(text_of(parse_target(connect)), row.expected == ok ? "connect a 443 " : row.expected) << row.id;
  }
  // Also where the proxy answers by itself.
  EXPECT_EQ(text_of(parse_target(request("GET", "/", {}))), missing);
  EXPECT_EQ(text_of(parse_target(request("GET", "/", {"a", "b"}))), bad);
}

TEST(TargetTest, WritesTheAuthority) {
  const auto authority = [](std::string_view method, std::string_view target) {
    const Head head = request(method, target);
    return parse_target(head).target.authority();
  };
  EXPECT_EQ(authority("GET", "http://A/"), "a");
  EXPECT_EQ(authority("GET", "http://a:80/"), "a");
  EXPECT_EQ(authority("GET", "http://a:81/"), "a:81");
  EXPECT_EQ(authority("GET", "http://a:443/"), "a:443");
  EXPECT_EQ(authority("GET", "https://a:443/"), "a");
  EXPECT_EQ(authority("GET", "https://a:80/"), "a:80");
  EXPECT_EQ(authority("GET", "http://[::1]/"), "[::1]");
  EXPECT_EQ(authority("GET", "http://[::1]:8080/"), "[::1]:8080");
  EXPECT_EQ(authority("CONNECT", "a:443"), "a:443");
  EXPECT_EQ(authority("CONNECT", "[::1]:443"), "[::1]:443");
}

TEST(TargetTest, Path) {
  const auto path = [](std::string_view target) {
    static Head head;
    head = request("GET", target);
    return std::string(parse_target(head).target.path());
  };
  EXPECT_EQ(path("http://a"), "/");
  EXPECT_EQ(path("http://a?b/c"), "/");
  EXPECT_EQ(path("http://a/b/c?d/e"), "/b/c");
}

TEST(TargetTest, WithinATunnel) {
  const Head connect = request("CONNECT", "A.b:443");
  const Target tunnel = parse_target(connect).target;
  const auto within = [&](std::string_view method, std::string_view target, std::vector<std::string> hosts,
                          int minor = 1) {
    const Head head = request(method, target, std::move(hosts), minor);
    return text_of(parse_target_within(head, tunnel));
  };
  EXPECT_EQ(within("GET", "/x?y", {"a.b"}), "https a.b 443 /x?y");
  EXPECT_EQ(within("GET", "/x", {"A.B:443"}), "https a.b 443 /x");
  EXPECT_EQ(within("OPTIONS", "*", {"a.b"}), "https a.b 443 ");
  EXPECT_EQ(within("GET", "https://a.b/x", {"z"}), "https a.b 443 /x");
  EXPECT_EQ(within("GET", "/x", {}, 0), "https a.b 443 /x");
  EXPECT_EQ(within("GET", "/x", {""}), "https a.b 443 /x");
  EXPECT_EQ(within("GET", "/x", {}), "400 missing_host");
  EXPECT_EQ(within("GET", "/x", {"c.d"}), "421 misdirected");
  EXPECT_EQ(within("GET", "/x", {"a.b:80"}), "421 misdirected");
  EXPECT_EQ(within("GET", "http://a.b/x", {"a.b"}), "421 misdirected");
  EXPECT_EQ(within("GET", "http://a.b:443/x", {"a.b"}), "421 misdirected");
  EXPECT_EQ(within("GET", "https://c.d/x", {"a.b"}), "421 misdirected");
  EXPECT_EQ(within("CONNECT", "a.b:443", {"a.b"}), "421 misdirected");
}

TEST(TargetTest, ParsesConfiguredAuthorities) {
  std::string host;
  std::uint16_t port = 0;
  EXPECT_TRUE(parse_authority("127.0.0.1:8080", host, port));
  EXPECT_EQ(host, "127.0.0.1");
  EXPECT_EQ(port, 8080);
  EXPECT_TRUE(parse_authority("[::1]:80", host, port));
  EXPECT_EQ(host, "::1");
  EXPECT_TRUE(parse_authority("Name:443", host, port));
  EXPECT_EQ(host, "name");
  for (const auto* bad : {"", "a", "a:", ":80", "a:0", "a:65536", "a:80x", "[::1]", "::1:80", "a b:80", "u@a:80"})
    EXPECT_FALSE(parse_authority(bad, host, port)) << bad;
}

}  // namespace
}  // namespace backoffd::proxy
