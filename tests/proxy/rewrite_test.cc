#include "proxy/http/rewrite.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "policy/text.h"
#include "tests/proxy/http_text.h"

namespace backoffd::proxy {
namespace {

using Kind = Framing::Kind;

// Without the mark of this process and the time of day, which no test can know.
std::string without_chance(std::string text) {
  const auto is_hex = [](char c) { return policy::is_digit(c) || (c >= 'a' && c <= 'f'); };
  for (std::size_t at = 0; (at = text.find(" (", at)) != std::string::npos; ++at) {
    const std::string_view mark = std::string_view(text).substr(at + 2, 8);
    if (std::all_of(mark.begin(), mark.end(), is_hex) && text.compare(at + 10, 1, ")") == 0) text.erase(at, 11);
  }
  const std::string_view date = "Date: ";
  for (std::size_t at = 0; (at = text.find(date, at)) != std::string::npos; ++at) {
    const std::string_view value = std::string_view(text).substr(at + date.size(), 29);
    if (policy::parse_http_date(value, std::chrono::sys_seconds())) text.replace(at + date.size(), 29, "now");
  }
  return text;
}

// The head that goes upstream for a client's head, line by line ("|" for each line end).
std::string lines(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find("\r\n", at);
    if (end == std::string::npos) return out + "(open) " + text.substr(at);
    out += text.substr(at, end - at) + "|";
    at = end + 2;
  }
  return out;
}

template <class Change>
std::string sent(const std::string& head_text, Change change) {
  const Head head = parse_head(head_text);
  const TargetResult target = parse_target(head);
  EXPECT_TRUE(target.ok) << head_text;
  const FramingResult framing = frame_request(head);
  EXPECT_TRUE(framing.ok) << head_text;
  UpstreamRequest request{head, target.target, framing.framing, "us", {}, {}, {}, {}};
  change(request);
  BufferPtr out = new_buffer();
  write_request_head(request, out.get());
  return lines(without_chance(text_of(out.get())));
}
std::string sent(const std::string& head_text) {
  return sent(head_text, [](UpstreamRequest&) {});
}
std::string get(const std::string& fields, const std::string& line = "GET http://o/p HTTP/1.1") {
  const std::string text = sent(line + "\r\nHost: h\r\n" + fields + "\r\n");
  const std::string prefix = "GET /p HTTP/1.1|Host: o|";
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

TEST(RewriteTest, RequestTarget) {
  const auto line = [](const std::string& request_line) {
    const std::string text = sent(request_line + "\r\nHost: h\r\n\r\n");
    return text.substr(0, text.find('|', text.find("Host: ")));
  };
  EXPECT_EQ(line("GET http://o/a%2F../b?c=;d HTTP/1.1"), "GET /a%2F../b?c=;d HTTP/1.1|Host: o") << "A01, A04";
  EXPECT_EQ(line("GET http://o HTTP/1.1"), "GET / HTTP/1.1|Host: o") << "A02";
  EXPECT_EQ(line("GET http://o?q HTTP/1.1"), "GET /?q HTTP/1.1|Host: o") << "A03";
  EXPECT_EQ(line("OPTIONS http://o HTTP/1.1"), "OPTIONS * HTTP/1.1|Host: o") << "A05";
  EXPECT_EQ(line("OPTIONS http://o?q HTTP/1.1"), "OPTIONS /?q HTTP/1.1|Host: o") << "A05";
  EXPECT_EQ(line("OPTIONS http://o/ HTTP/1.1"), "OPTIONS / HTTP/1.1|Host: o") << "A06";
  EXPECT_EQ(line("PROPFIND http://o/x HTTP/1.1"), "PROPFIND /x HTTP/1.1|Host: o") << "A08";
  EXPECT_EQ(line("get http://o/x HTTP/1.1"), "get /x HTTP/1.1|Host: o") << "A09";
  EXPECT_EQ(line("GET http://o/ HTTP/1.0"), "GET / HTTP/1.1|Host: o") << "A43";
  EXPECT_EQ(line("GET http://o/ HTTP/1.2"), "GET / HTTP/1.1|Host: o") << "A43";
  EXPECT_EQ(line("GET HTTP://[::1]:81/ HTTP/1.1"), "GET / HTTP/1.1|Host: [::1]:81") << "A45";
  EXPECT_EQ(line("GET http://O:080/ HTTP/1.1"), "GET / HTTP/1.1|Host: o") << "A42";
  EXPECT_EQ(sent("GET http://o/ HTTP/1.0\r\n\r\n"), "GET / HTTP/1.1|Host: o|Via: 1.0 us||") << "B07, C10";
}

TEST(RewriteTest, ToAParentProxyTheTargetStaysAbsolute) {
  const auto line = [](const std::string& target, const std::string& method) {
    return sent(method + " " + target + " HTTP/1.1\r\nHost: h\r\nProxy-Authorization: theirs\r\n\r\n",
                [](UpstreamRequest& r) { r.proxy_authorization = "Basic eDp5"; });
  };
  EXPECT_EQ(line("http://O:81?q", "GET"),
            "GET http://o:81/?q HTTP/1.1|Host: o:81|Proxy-Authorization: Basic eDp5|Via: 1.1 us||");
  EXPECT_EQ(line("http://o", "OPTIONS"),
            "OPTIONS http://o HTTP/1.1|Host: o|Proxy-Authorization: Basic eDp5|Via: 1.1 us||");
  EXPECT_EQ(sent("GET http://o HTTP/1.1\r\nHost: h\r\n\r\n", [](UpstreamRequest& r) { r.absolute = true; }),
            "GET http://o/ HTTP/1.1|Host: o|Via: 1.1 us||");
}

TEST(RewriteTest, MaxForwards) {
  const std::string head = "OPTIONS http://o/ HTTP/1.1\r\nHost: h\r\nMax-Forwards: 5\r\n\r\n";
  EXPECT_EQ(sent(head, [](UpstreamRequest& r) { r.max_forwards = 4; }),
            "OPTIONS / HTTP/1.1|Host: o|Max-Forwards: 4|Via: 1.1 us||")
      << "A12";
  EXPECT_EQ(get("Max-Forwards: 5\r\n"), "Max-Forwards: 5|Via: 1.1 us||") << "A15";
  EXPECT_EQ(sent("OPTIONS http://o/ HTTP/1.1\r\nHost: h\r\n\r\n", [](UpstreamRequest& r) { r.max_forwards = 4; }),
            "OPTIONS / HTTP/1.1|Host: o|Via: 1.1 us||")
      << "A15";
}

TEST(RewriteTest, HopByHopFieldsOfARequest) {
  const std::string via = "Via: 1.1 us||";
  struct Row {
    const char* id;
    std::string fields;
    std::string expected;
  };
  const std::vector<Row> rows = {
      {"C01", "Connection: X-Hop\r\nX-Hop: 1\r\nX-Stay: 2\r\n", "X-Stay: 2|"},
      {"C02", "Connection: ,x-a ,, X-B,\r\nX-A: 1\r\nX-B: 2\r\nConnection: \tX-c\r\nX-C: 3\r\nX-D: 4\r\n", "X-D: 4|"},
      {"C02", "X-A: 1\r\nconnection: x-a\r\nX-A: 2\r\n", ""},
      {"C03", "Keep-Alive: 5\r\nProxy-Connection: close\r\nProxy-Authorization: x\r\nTE: trailers\r\nUpgrade: y\r\n",
       ""},
      {"C03", "HTTP2-Settings: x\r\nProxy-Authenticate: x\r\nProxy-Odd: x\r\nTrailer: x\r\n", ""},
      {"C04", "Connection: TE\r\nTE: trailers, deflate\r\n", ""},
      {"C05", "X-A: 1\r\nx-b:\r\nX-A: 2\r\n", "X-A: 1|x-b: |X-A: 2|"},
      {"C06",
       "Authorization: a\r\nCookie: b\r\nRange: bytes=0-\r\nIf-Range: \"e\"\r\nIf-None-Match: *\r\n"
       "Accept-Encoding: gzip\r\nUser-Agent: u\r\n",
       "Authorization: a|Cookie: b|Range: bytes=0-|If-Range: \"e\"|If-None-Match: *|Accept-Encoding: gzip|"
       "User-Agent: u|"},
      {"C17", "X: \xe2\x82\xac\r\n", "X: \xe2\x82\xac|"},
      {"C18", "Forwarded: for=a\r\nX-Forwarded-For: b\r\n", "Forwarded: for=a|X-Forwarded-For: b|"},
      {"C20-Authorization", "Connection: Authorization\r\nAuthorization: a\r\n", "Authorization: a|"},
      {"C20-Content-Length", "Connection: Content-Length\r\nContent-Length: 5\r\n", "Content-Length: 5|"},
      {"C20-Cookie", "Connection: cookie\r\nCookie: a\r\n", "Cookie: a|"},
      {"C20-Host", "Connection: Host\r\n", ""},
      {"C20-Transfer-Encoding", "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n",
       "Transfer-Encoding: chunked|"},
      {"known but free", "Connection: Accept\r\nAccept: a\r\n", ""},
      {"ours", "Backoffd-Gate: a=on\r\nBackoffd-Provider: p\r\nBackoffd-Operation: download\r\n", ""},
      {"G22", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n", ""},
      {"F06", "Expect: 100-continue\r\n", "Expect: 100-continue|"},
  };
  for (const Row& row : rows) EXPECT_EQ(get(row.fields), row.expected + via) << row.id;
  EXPECT_EQ(get("Expect: 100-continue\r\n", "GET http://o/p HTTP/1.0"), "Via: 1.0 us||") << "F08";
}

TEST(RewriteTest, ManyConnectionOptions) {
  std::string fields;
  for (int i = 0; i < 100; ++i) fields += "Connection: connection, connection, keep-alive\r\n";
  EXPECT_EQ(get(fields), "Via: 1.1 us||");
  std::string options;
  for (int i = 0; i < 5000; ++i) options += "o" + std::to_string(i) + ",";
  EXPECT_EQ(get("Connection: " + options + "\r\nO4999: x\r\no5000: y\r\nO0: z\r\n"), "o5000: y|Via: 1.1 us||");
}

TEST(RewriteTest, ViaOfARequest) {
  EXPECT_EQ(get(""), "Via: 1.1 us||") << "C07";
  EXPECT_EQ(get("Via: 1.0 a\r\nX: y\r\n"), "Via: 1.0 a, 1.1 us|X: y||") << "C08";
  EXPECT_EQ(get("Via: 1.0 a\r\nVia: 1.1 b, 1.1 c\r\n"), "Via: 1.0 a|Via: 1.1 b, 1.1 c, 1.1 us||") << "C08";
  EXPECT_EQ(get("Via: 1.0 a\r\nVia:\r\n"), "Via: 1.0 a|Via: |Via: 1.1 us||");
  EXPECT_EQ(get("Connection: Via\r\nVia: 1.0 a\r\n"), "Via: 1.0 a, 1.1 us||") << "C20-Via";
  EXPECT_EQ(get("", "GET http://o/p HTTP/1.0"), "Via: 1.0 us||") << "C10";
}

TEST(RewriteTest, TheOwnMemberInViaIsALoop) {
  BufferPtr out = new_buffer();
  const Head head = parse_head("GET http://o/ HTTP/1.1\r\nHost: h\r\nVia: 1.1 a (x, y)\r\n\r\n");
  const TargetResult target = parse_target(head);
  EXPECT_FALSE(via_has(head, "us"));
  write_request_head({head, target.target, {}, "us", {}, {}, {}, {}}, out.get());
  std::string again = text_of(out.get());
  again.replace(4, 1, "http://o/");
  EXPECT_TRUE(via_has(parse_head(again), "us")) << again;
  EXPECT_FALSE(via_has(parse_head(again), "other"));
  again.replace(again.find("a (x"), 4, "a\"(x");
  EXPECT_TRUE(via_has(parse_head(again), "us")) << "quotes hide nothing: " << again;

  const auto received = [](const std::string& via) {
    return via_has(parse_head("GET http://o/ HTTP/1.1\r\nHost: h\r\nVia: " + via + "\r\n\r\n"), "us");
  };
  EXPECT_FALSE(received("1.1 us (00000000)")) << "another process of this name, very probably";
  EXPECT_FALSE(received("1.1 us, HTTP/1.0 us (x), us, 1.1 them"));
  std::string many = "1.1 us";
  for (int i = 0; i < 20; ++i) many += ", 1.1 us";
  EXPECT_TRUE(received(many)) << "comments may have been taken out on the way";
  std::string long_list;
  for (int i = 0; i < 6000; ++i) long_list += "1.1 p" + std::to_string(i) + ",";
  EXPECT_FALSE(received(long_list));
}

TEST(RewriteTest, FramingOfARequestIsStatedOnce) {
  EXPECT_EQ(get("Content-Length: 5\r\n"), "Content-Length: 5|Via: 1.1 us||");
  EXPECT_EQ(get("Content-Length: 0\r\n"), "Content-Length: 0|Via: 1.1 us||");
  EXPECT_EQ(get("Transfer-Encoding: CHUNKED\r\nTrailer: X\r\n"), "Trailer: X|Transfer-Encoding: chunked|Via: 1.1 us||");
}

TEST(RewriteTest, ResumedRequestsHaveARangeOfTheirOwn) {
  const std::string head = "GET http://o/ HTTP/1.1\r\nHost: h\r\nRange: bytes=5-\r\nIf-Range: \"a\"\r\n\r\n";
  EXPECT_EQ(sent(head,
                 [](UpstreamRequest& r) {
                   r.range = "bytes=9-";
                   r.if_range = "\"b\"";
                 }),
            "GET / HTTP/1.1|Host: o|Range: bytes=9-|If-Range: \"b\"|Via: 1.1 us||");
  EXPECT_EQ(sent(head, [](UpstreamRequest& r) { r.range = "bytes=9-"; }),
            "GET / HTTP/1.1|Host: o|Range: bytes=9-|Via: 1.1 us||");
}

TEST(RewriteTest, G21G22Upgrade) {
  const std::string head = "GET http://o/ HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  EXPECT_EQ(sent(head, [](UpstreamRequest& r) { r.upgrade = "websocket"; }),
            "GET / HTTP/1.1|Host: o|Connection: upgrade|Upgrade: websocket|Via: 1.1 us||");
  EXPECT_EQ(sent(head, [](UpstreamRequest& r) { r.upgrade = "H2C"; }), "GET / HTTP/1.1|Host: o|Via: 1.1 us||");
}

// --- responses ---

template <class Change>
std::string answered(const std::string& head_text, Framing framing, Change change) {
  const Head head = parse_response(head_text);
  EXPECT_NE(head.status(), 0) << head_text;
  ClientResponse response{head, framing, "us", 1, true, {}};
  change(response);
  BufferPtr out = new_buffer();
  write_response_head(response, out.get());
  return lines(without_chance(text_of(out.get())));
}
std::string answered(const std::string& head_text, Framing framing) {
  return answered(head_text, framing, [](ClientResponse&) {});
}

constexpr Framing kFive{Kind::length, 5}, kChunked{Kind::chunked, 0}, kNone{};
const std::string kOk = "HTTP/1.1 200 OK\r\nDate: d\r\n";

TEST(RewriteTest, StatusLines) {
  EXPECT_EQ(answered("HTTP/1.1 299 Odd \xe9\r\nDate: d\r\n\r\n", kNone), "HTTP/1.1 299 Odd \xe9|Date: d|Via: 1.1 us||")
      << "E25";
  EXPECT_EQ(answered("HTTP/1.1 200\r\nDate: d\r\n\r\n", kNone), "HTTP/1.1 200 |Date: d|Via: 1.1 us||") << "E26";
  EXPECT_EQ(answered("HTTP/1.0 200 OK\r\nDate: d\r\n\r\n", kNone), "HTTP/1.1 200 OK|Date: d|Via: 1.0 us||")
      << "C10, E04";
}

TEST(RewriteTest, FieldsOfAResponse) {
  struct Row {
    const char* id;
    std::string fields;
    std::string expected;
  };
  const std::vector<Row> rows = {
      {"C09", "", "Via: 1.1 us|"},
      {"C09", "Via: 1.0 a\r\n", "Via: 1.0 a, 1.1 us|"},
      {"C12", "Connection: X-Hop, close\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\n", "Via: 1.1 us|"},
      {"C13", "Set-Cookie: a=1\r\nX: y\r\nSet-Cookie: b=2\r\n", "Set-Cookie: a=1|X: y|Set-Cookie: b=2|Via: 1.1 us|"},
      {"C13", "Connection: Set-Cookie\r\nSet-Cookie: a=1\r\n", "Set-Cookie: a=1|Via: 1.1 us|"},
      {"C14", "Content-Encoding: gzip\r\nETag: \"e\"\r\n", "Content-Encoding: gzip|ETag: \"e\"|Via: 1.1 us|"},
      {"C15", "Content-Range: bytes 0-4/5\r\n", "Content-Range: bytes 0-4/5|Via: 1.1 us|"},
      {"C35", "Proxy-Authenticate: Basic\r\nWWW-Authenticate: Basic\r\n",
       "Proxy-Authenticate: Basic|WWW-Authenticate: Basic|Via: 1.1 us|"},
      {"G23", "Connection: upgrade\r\nUpgrade: h2c\r\n", "Via: 1.1 us|"},
      {"received members of Proxy-Status", "Proxy-Status: a\r\n", "Proxy-Status: a|Via: 1.1 us|"},
      {"our names", "Backoffd-Attempts: 7\r\nbackoffd-x: y\r\nBackoffd-Gate: z\r\n", "Via: 1.1 us|"},
      {"length of theirs", "Content-Length: 7\r\n", "Via: 1.1 us|"},
      {"Retry-After", "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
       "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT|Via: 1.1 us|"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(answered(kOk + row.fields + "\r\n", kFive),
              "HTTP/1.1 200 OK|Date: d|" + row.expected + "Content-Length: 5||")
        << row.id;
  EXPECT_EQ(answered("HTTP/1.1 200 OK\r\n\r\n", kFive), "HTTP/1.1 200 OK|Via: 1.1 us|Date: now|Content-Length: 5||")
      << "C11";
}

TEST(RewriteTest, FramingOfAResponse) {
  const std::string start = "HTTP/1.1 200 OK|Date: d|", via = "Via: 1.1 us|";
  EXPECT_EQ(answered(kOk + "Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n", kChunked),
            start + "Trailer: X|" + via + "Transfer-Encoding: chunked||");
  EXPECT_EQ(answered(kOk + "Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n", {Kind::until_close, 0}),
            start + via + "Connection: close||")
      << "E02: also where the caller forgot to say it";
  EXPECT_EQ(answered(kOk + "Content-Length: 7\r\n\r\n", kNone), start + via + "Content-Length: 7||") << "E08";
  EXPECT_EQ(answered(kOk + "Transfer-Encoding: chunked\r\n\r\n", kNone), start + via + "|") << "E09";
  EXPECT_EQ(answered("HTTP/1.1 304 x\r\nDate: d\r\nContent-Length: 7\r\nETag: \"e\"\r\n\r\n", kNone),
            "HTTP/1.1 304 x|Date: d|ETag: \"e\"|Via: 1.1 us|Content-Length: 7||")
      << "C16";
  EXPECT_EQ(answered("HTTP/1.1 204 x\r\nDate: d\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n", kNone),
            "HTTP/1.1 204 x|Date: d|Via: 1.1 us||")
      << "E10";
}

TEST(RewriteTest, KeepAlive) {
  const std::string start = "HTTP/1.1 200 OK|Date: d|Via: 1.1 us|Content-Length: 5|";
  const auto with = [](bool keep_alive, int minor) {
    return answered(kOk + "\r\n", kFive, [&](ClientResponse& r) {
      r.keep_alive = keep_alive;
      r.client_minor_version = minor;
    });
  };
  EXPECT_EQ(with(true, 1), start + "|") << "F01";
  EXPECT_EQ(with(false, 1), start + "Connection: close||") << "F03";
  EXPECT_EQ(with(false, 0), start + "Connection: close||") << "F04";
  EXPECT_EQ(with(true, 0), start + "Connection: keep-alive||") << "F05";
}

TEST(RewriteTest, AddedFieldsComeLast) {
  const AddedField added[] = {{"Backoffd-Attempts", "2"}, {"Proxy-Status", "us"}};
  EXPECT_EQ(answered(kOk + "Proxy-Status: a\r\n\r\n", kFive,
                     [&](ClientResponse& r) {
                       r.added = added;
                       r.added_count = 2;
                     }),
            "HTTP/1.1 200 OK|Date: d|Proxy-Status: a|Via: 1.1 us|Content-Length: 5|Backoffd-Attempts: 2|"
            "Proxy-Status: us||");
}

TEST(RewriteTest, SwitchingProtocols) {
  EXPECT_EQ(answered("HTTP/1.1 101 x\r\nDate: d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-X: y\r\n\r\n",
                     kNone, [](ClientResponse& r) { r.upgrade = "websocket"; }),
            "HTTP/1.1 101 x|Date: d|Sec-X: y|Via: 1.1 us|Connection: upgrade|Upgrade: websocket||");
}

TEST(RewriteTest, E21InterimHeads) {
  BufferPtr out = new_buffer();
  write_interim_head(parse_response("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\nConnection: X\r\nX: y\r\n"
                                    "Content-Length: 5\r\n\r\n"),
                     "us", out.get());
  EXPECT_EQ(lines(without_chance(text_of(out.get()))), "HTTP/1.1 103 Early Hints|Link: <a>|Via: 1.1 us||");
}

TEST(RewriteTest, OwnResponses) {
  const auto own = [](OwnResponse response) {
    BufferPtr out = new_buffer();
    write_own_response(response, out.get());
    return without_chance(text_of(out.get()));
  };
  const std::string head =
      "HTTP/1.1 502 Bad Gateway\r\nDate: now\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 6\r\n"
      "Cache-Control: no-store\r\n";
  OwnResponse response;
  response.text = "sorry\n";
  EXPECT_EQ(own(response), head + "\r\nsorry\n");
  response.head_only = true;
  EXPECT_EQ(own(response), head + "\r\n") << "F27";
  response.keep_alive = false;
  EXPECT_EQ(own(response), head + "Connection: close\r\n\r\n");
  const AddedField added{"Retry-After", "3"};
  response.added = &added;
  response.added_count = 1;
  EXPECT_EQ(own(response), head + "Retry-After: 3\r\nConnection: close\r\n\r\n");
}

// What a head may come to is reckoned once, before it is written: the most of everything must fit.
TEST(RewriteTest, HeadsOfAnySizeFit) {
  for (const std::size_t size : {0, 1, 100, 5000, 60000}) {
    const std::string x(size, 'x');
    std::string fields;
    for (int i = 0; i < 100; ++i) fields += "a:\r\n";
    const std::string head = "GET http://" + std::string(254, 'h') + ":65535?" + x.substr(0, 16000) +
                             " HTTP/1.1\r\nHost: h\r\nX:" + x.substr(0, 40000) + "\r\n" + fields + "\r\n";
    const std::string text = sent(head, [&](UpstreamRequest& r) {
      r.proxy_authorization = x;
      r.range = x;
      r.if_range = x;
      r.upgrade = "websocket";
      r.via = x;
      r.framing = {Kind::length, ~std::uint64_t{0}};
    });
    EXPECT_TRUE(text.ends_with("||"));
    const std::string answer = answered("HTTP/1.1 200 " + x + "\r\n" + fields + "\r\n",
                                        {Kind::length, ~std::uint64_t{0}}, [&](ClientResponse& r) {
                                          r.via = x;
                                          r.keep_alive = false;
                                        });
    EXPECT_TRUE(answer.ends_with("||"));
  }
}

TEST(RewriteTest, ProxyStatus) {
  EXPECT_EQ(proxy_status_member("us", "connection_refused", ""), "us; error=connection_refused");
  EXPECT_EQ(proxy_status_member("us", "", ""), "us");
  EXPECT_EQ(proxy_status_member("us", "dns_error", "a \"b\" \\ \xe9\r\n"),
            "us; error=dns_error; details=\"a \\\"b\\\" \\\\ ???\"");
  EXPECT_EQ(proxy_status_member("1us", "dns_error", ""), "\"1us\"; error=dns_error");
}

TEST(RewriteTest, Dates) {
  const std::string now = http_date_now();
  EXPECT_EQ(now.size(), 29u);
  const auto read = policy::parse_http_date(now, std::chrono::sys_seconds());
  ASSERT_TRUE(read);
  EXPECT_LE(std::chrono::abs(std::chrono::system_clock::now() - *read), std::chrono::seconds(5));
}

}  // namespace
}  // namespace backoffd::proxy
