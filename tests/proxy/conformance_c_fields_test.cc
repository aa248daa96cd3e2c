// Fields both ways: hop-by-hop ones, Via, Date, what passes untouched, what is refused.
#include <gtest/gtest.h>

#include "tests/support/play.h"

namespace backoffd::test {
namespace {

using namespace std::string_literals;

const char* const kBackoffd = "1.1 backoffd (";

// Field lines of one side, and what the other side's head must hold or must have no field of.
struct Fields {
  const char* id;
  std::string sent;
  std::vector<std::string> lines;  // whole lines, or several in a row
  std::vector<std::string> absent;
};

void expect_fields(const std::string& message, const Fields& row) {
  for (const std::string& line : row.lines) EXPECT_TRUE(has_line(message, line)) << line << " is not in\n" << message;
  for (const std::string& name : row.absent) EXPECT_EQ("", field_of(message, name)) << name << " is in\n" << message;
}

class ConformanceFields : public testing::TestWithParam<Fields> {};

TEST_P(ConformanceFields, OfARequest) {
  Play play;
  expect_fields(play.request_for("GET http://{}/ HTTP/1.1\r\nHost: {}\r\n" + GetParam().sent + "\r\n"), GetParam());
}

const std::string kUnchanged =
    "Authorization: Basic YTpi\r\nCookie: a=b; c=\"d\"\r\nRange: bytes=5-\r\nIf-None-Match: W/\"x\", \"y\"\r\n"
    "If-Modified-Since: Sat, 29 Oct 1994 19:43:31 GMT\r\nIf-Match: \"z\"\r\nIf-Range: \"z\"\r\n"
    "Accept-Encoding: br;q=0.5, gzip\r\nUser-Agent: tool/1.0 (a, b)\r\nAccept: */*";

const std::vector<Fields> kRequestFields = {
    {"C01", "Connection: X-Drop\r\nX-Drop: 1\r\nX-Keep: 2\r\n", {"X-Keep: 2"}, {"X-Drop", "Connection"}},
    {"C02",
     "Connection: , x-A,,\tX-b ,\r\ncoNNection: X-C\r\nX-A: 1\r\nx-B: 2\r\nX-c: 3\r\nX-D: 4\r\n",
     {"X-D: 4"},
     {"X-A", "X-B", "X-C", "Connection"}},
    {"C03-Keep-Alive", "Keep-Alive: timeout=5\r\nX-D: 4\r\n", {"X-D: 4"}, {"Keep-Alive"}},
    {"C03-Proxy-Authorization", "Proxy-Authorization: Basic YTpi\r\nX-D: 4\r\n", {"X-D: 4"}, {"Proxy-Authorization"}},
    {"C03-Proxy-Connection", "Proxy-Connection: keep-alive\r\nX-D: 4\r\n", {"X-D: 4"}, {"Proxy-Connection"}},
    {"C03-TE", "TE: trailers\r\nX-D: 4\r\n", {"X-D: 4"}, {"TE"}},
    {"C03-Upgrade", "Upgrade: websocket\r\nX-D: 4\r\n", {"X-D: 4"}, {"Upgrade"}},
    {"C04", "TE: trailers, deflate;q=0.5\r\nConnection: TE\r\nX-D: 4\r\n", {"X-D: 4"}, {"TE", "Connection"}},
    {"C05", "X-R: 1\r\nx-o:2\r\nX-R:  3 \r\nX-Empty:\r\n", {"X-R: 1\r\nx-o: 2\r\nX-R: 3\r\nX-Empty: "}, {}},
    {"C06", kUnchanged + "\r\n", {kUnchanged}, {}},
    {"C17", "X-Name: gr\xc3\xbc\xc3\x9f \xff\r\n", {"X-Name: gr\xc3\xbc\xc3\x9f \xff"}, {}},
    {"C18",
     "X-Forwarded-For: 192.0.2.1, 192.0.2.2\r\nForwarded: for=192.0.2.1\r\n",
     {"X-Forwarded-For: 192.0.2.1, 192.0.2.2", "Forwarded: for=192.0.2.1"},
     {}},
    {"C19", "X-D: 4\r\n", {"X-D: 4"}, {"X-Forwarded-For", "Forwarded", "Client-IP", "X-Client-IP", "X-Real-IP"}},
    {"C20-Authorization",
     "Connection: Authorization\r\nAuthorization: Basic YTpi\r\n",
     {"Authorization: Basic YTpi"},
     {}},
    {"C20-Cookie", "Connection: Cookie\r\nCookie: a=b\r\n", {"Cookie: a=b"}, {}},
};
INSTANTIATE_TEST_SUITE_P(C, ConformanceFields, testing::ValuesIn(kRequestFields), RowName());

TEST(ConformanceFields, C07_C08_ViaIsAddedBehindTheReceivedMembers) {
  const std::string get = "GET http://{}/ HTTP/1.1\r\nHost: {}\r\n";
  EXPECT_TRUE(field_of(Play().request_for(get + "\r\n"), "Via").starts_with(kBackoffd));
  const std::string request = Play().request_for(get + "Via: 1.0 fred\r\nVia: 1.1 p.example (Apache, \"x\")\r\n\r\n");
  EXPECT_TRUE(has_line(request, "Via: 1.0 fred")) << request;
  EXPECT_NE(std::string::npos, request.find("\r\nVia: 1.1 p.example (Apache, \"x\"), "s + kBackoffd)) << request;
}

TEST(ConformanceFields, C09_C10_ViaNamesTheProtocolReceived) {
  Play play({says("HTTP/1.0 200 OK\r\nVia: 1.1 fred\r\nContent-Length: 1\r\n\r\nx")});
  const std::string response = play.exchange("GET http://{}/ HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(field_of(response, "Via").starts_with("1.1 fred, 1.0 backoffd (")) << response;
  EXPECT_TRUE(field_of(play.request(), "Via").starts_with("1.0 backoffd (")) << play.request();
  EXPECT_TRUE(field_of(Play().get(), "Via").starts_with(kBackoffd));
}

TEST(ConformanceFields, C20_ConnectionCannotUndoFramingRoutingOrVia) {
  const std::string head = "POST http://{}/ HTTP/1.1\r\nHost: {}\r\n";
  Play one;
  const std::string first = one.request_for(head +
                                            "Connection: Host, Content-Length, Via\r\nVia: 1.1 fred\r\n"
                                            "Content-Length: 3\r\n\r\nabc");
  EXPECT_TRUE(has_line(first, one.fill("Host: {}"))) << first;
  EXPECT_TRUE(has_line(first, "Content-Length: 3")) << first;
  EXPECT_TRUE(field_of(first, "Via").starts_with("1.1 fred, "s + kBackoffd)) << first;
  EXPECT_EQ("abc", body_of(first));
  const std::string second = Play().request_for(head +
                                                "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n"
                                                "\r\n3\r\nabc\r\n0\r\n\r\n");
  EXPECT_EQ("chunked", field_of(second, "Transfer-Encoding")) << second;
  EXPECT_EQ("abc", body_of(second));
}

// --- requests that are refused, and what follows on their connection with them ---

struct BadFields {
  const char* id;
  std::string lines;
};
class ConformanceBadFields : public testing::TestWithParam<BadFields> {};

TEST_P(ConformanceBadFields, Get400) {
  Play play;
  expect_refused_and_closed(play, "GET http://{}/ HTTP/1.1\r\n" + GetParam().lines + "Host: {}\r\n\r\n", 400);
}

const std::vector<BadFields> kBadFields = {
    {"C21", "X-A : 1\r\n"},
    {"C21-tab", "X-A\t: 1\r\n"},
    {"C22", "X-A: 1\r\n 2\r\n"},
    {"C22-tab", "X-A: 1\r\n\tb: 2\r\n"},
    {"C23", " X-A: 1\r\n"},
    {"C23-tab", "\tX-A: 1\r\n"},
    {"C24-NUL", "X-A: a\0b\r\n"s},
    {"C24-bare-CR", "X-A: a\rb\r\n"},
    {"C24-bare-LF", "X-A: a\nb\r\n"},
    {"C25", "X-A: a\x01\x62\r\n"},
    {"C25-vtab", "X-A: a\x0b\x62\r\n"},
    {"C25-del", "X-A: a\x7f\x62\r\n"},
    {"C26-ctl", "X\x01: 1\r\n"},
    {"C26-empty", ": 1\r\n"},
    {"C26-no-colon", "X-A\r\n"},
    {"C26-paren", "X(A): 1\r\n"},
    {"C26-quote", "\"X\": 1\r\n"},
    {"C26-space", "X A: 1\r\n"},
    {"C26-utf8", "X\xc3\xa9: 1\r\n"},
    {"C27", "X-A: 1\n"},
};
INSTANTIATE_TEST_SUITE_P(C, ConformanceBadFields, testing::ValuesIn(kBadFields), RowName());

TEST(ConformanceBadFields, C27_BareLfAllThroughIsRefused) {
  Play play;
  expect_refused_and_closed(play, "GET http://{}/ HTTP/1.1\nHost: {}\n\n", 400);
}

TEST(ConformanceBadFields, C28_AFieldOf1MBGets431) {
  Play play;
  expect_refused(play, "GET http://{}/ HTTP/1.1\r\nHost: {}\r\nX-A: " + std::string(1 << 20, 'a') + "\r\n\r\n", 431);
}

TEST(ConformanceBadFields, C29_20000FieldsGet431) {
  Play play;
  std::string fields;
  for (int i = 0; i < 20000; ++i) fields += "A: b\r\n";
  expect_refused(play, "GET http://{}/ HTTP/1.1\r\nHost: {}\r\n" + fields + "\r\n", 431);
}

TEST(ConformanceFields, C30_ALargeCookieAndAHundredFieldsPass) {
  std::string fields = "Cookie: " + std::string(8192, 'c') + "\r\n";
  for (int i = 0; i < 100; ++i) fields += "X-" + std::to_string(i) + ": " + std::to_string(i * i) + "\r\n";
  const std::string request = Play().request_for("GET http://{}/ HTTP/1.1\r\nHost: {}\r\n" + fields + "\r\n");
  EXPECT_NE(std::string::npos, request.find(fields)) << request;
}

// --- responses ---

class ConformanceAnswerFields : public testing::TestWithParam<Fields> {};

TEST_P(ConformanceAnswerFields, OfAResponse) {
  Play play(GetParam().sent);
  const std::string response = play.get();
  EXPECT_TRUE(is_complete_response(response) || status_of(response) == 304) << response;
  EXPECT_EQ(body_of(GetParam().sent), body_of(response));
  EXPECT_EQ(first_line(GetParam().sent), first_line(response));
  expect_fields(response, GetParam());
}

const std::string kCookies = "Set-Cookie: a=1; Path=/\r\nX-B: 2\r\nSet-Cookie: b=2, c\r\nx-empty: \r\nSet-Cookie: a=3";
const std::string kCoded = "Content-Encoding: gzip\r\nContent-Type: text/plain\r\nETag: \"g\"\r\nAge: 7";
const std::string kRange = "Content-Range: bytes 2-4/9\r\nETag: \"r\"";
const std::string kParts = "--b\r\nContent-Range: bytes 0-0/9\r\n\r\na\r\n--b--\r\n";
const std::string kMultipart = "Content-Type: multipart/byteranges; boundary=b";
const std::string kNotModified = "ETag: \"n\"\r\nCache-Control: max-age=60\r\nExpires: 0\r\nContent-Length: 77";
const std::string kChallenges = "WWW-Authenticate: Basic realm=\"a\", Negotiate\r\nWWW-Authenticate: Digest a=\"b\"";
const std::string kProxyChallenge = "Proxy-Authenticate: Basic realm=\"next\"";

const std::vector<Fields> kResponseFields = {
    {"C11-kept", ok("x", "Date: Sat, 29 Oct 1994 19:43:31 GMT\r\n"), {"Date: Sat, 29 Oct 1994 19:43:31 GMT"}, {}},
    {"C12",
     ok("x",
        "Connection: X-Drop, keep-alive\r\nX-Drop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: a\r\nX-D: 4\r\n"),
     {"X-D: 4"},
     {"X-Drop", "Connection", "Keep-Alive", "Proxy-Connection"}},
    {"C13", ok("x", kCookies + "\r\n"), {kCookies}, {}},
    {"C14", ok("\x1f\x8b\x08\0\0\xff\r\n\r\n"s, kCoded + "\r\n"), {kCoded, "Content-Length: 10"}, {}},
    {"C15", answer("206 Partial Content", kRange + "\r\n", "cde"), {kRange, "Content-Length: 3"}, {}},
    {"C15-multipart", answer("206 Partial Content", kMultipart + "\r\n", kParts), {kMultipart}, {}},
    {"C16", "HTTP/1.1 304 Not Modified\r\n" + kNotModified + "\r\n\r\n", {"ETag: \"n\"", "Expires: 0"}, {}},
    {"C35-401", answer("401 Unauthorized", kChallenges + "\r\n", "who?"), {kChallenges}, {}},
    {"C35-407", answer("407 Proxy Authentication Required", kProxyChallenge + "\r\n", "who?"), {kProxyChallenge}, {}},
};
INSTANTIATE_TEST_SUITE_P(C, ConformanceAnswerFields, testing::ValuesIn(kResponseFields), RowName());

TEST(ConformanceAnswerFields, C11_DateIsAddedToAResponseWithoutOne) {
  const std::string date = field_of(Play().get(), "Date");
  EXPECT_EQ(29u, date.size()) << date;
  EXPECT_TRUE(date.ends_with(" GMT")) << date;
}

TEST(ConformanceAnswerFields, C16_ANotModifiedHasNoBodyAndTheConnectionGoesOn) {
  Play play("HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: \"n\"\r\n\r\n");
  Peer client = play.proxy().connect();
  for (int i = 0; i < 2; ++i) {
    client.send(get_request(play.origin().url()));
    const std::string response = client.read_response();
    EXPECT_EQ(304, status_of(response)) << response;
    EXPECT_EQ("", body_of(response));
  }
  EXPECT_EQ(1, play.origin().connections());
}

class ConformanceBadAnswerFields : public testing::TestWithParam<BadFields> {};

TEST_P(ConformanceBadAnswerFields, Make502) {
  Play play("HTTP/1.1 200 OK\r\n" + GetParam().lines + "Content-Length: 1\r\n\r\nx");
  const std::string response = play.get();
  EXPECT_EQ(502, status_of(response)) << response;
  EXPECT_TRUE(is_complete_response(response)) << response;
  EXPECT_NE(0u, play.requests().size());
}

const std::vector<BadFields> kBadAnswerFields = {
    {"C31", "X-A : 1\r\n"},
    {"C32", "X-A: 1\r\n 2\r\n"},
    {"C33-NUL", "X-A: a\0b\r\n"s},
    {"C33-bare-CR", "X-A: a\rb\r\n"},
    {"C34", "X-A: " + std::string(4 << 20, 'a') + "\r\n"},
};
INSTANTIATE_TEST_SUITE_P(C, ConformanceBadAnswerFields, testing::ValuesIn(kBadAnswerFields), RowName());

}  // namespace
}  // namespace backoffd::test
