#include "proxy/http/parser.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/proxy/http_text.h"

namespace backoffd::proxy {
namespace {

using namespace std::string_literals;
using Kind = HeadParser::Kind;

struct Row {
  const char* id;  // the line of the conformance list it shows, or what it is about
  std::string text;
  std::string expected;
};

// Every row is read whole, byte by byte and in odd pieces, with the same result.
void expect_rows(Kind kind, const std::vector<Row>& rows) {
  for (const Row& row : rows)
    for (const std::size_t step : {0, 1, 3, 7, 16})
      EXPECT_EQ(outcome(row.text, kind, step), row.expected)
          << row.id << ", step " << step << ": " << testing::PrintToString(row.text.substr(0, 200));
}

std::string request(const std::string& line) { return line + "\r\nHost: a\r\n\r\n"; }
std::string with_field(const std::string& line) { return "GET http://a/ HTTP/1.1\r\nHost: a\r\n" + line + "\r\n\r\n"; }

TEST(ParserTest, RequestLine) {
  const std::string bad = "400 bad_request_line", version = "400 bad_version";
  expect_rows(Kind::request, {
                                 {"A07", request("GET http://a/" + std::string(7970, 'x') + " HTTP/1.1"), "ok"},
                                 {"A08-QUERY", request("QUERY http://a/ HTTP/1.1"), "ok"},
                                 {"A09", request("get http://a/ HTTP/1.1"), "ok"},
                                 {"A10", request("M-SEARCH!#$%&'*+.^_`|~ http://a/ HTTP/1.1"), "ok"},
                                 {"A20", request("GET http://a/ b HTTP/1.1"), bad},
                                 {"A21", request("GET\thttp://a/ HTTP/1.1"), bad},
                                 {"A21", request("GET http://a/\tHTTP/1.1"), bad},
                                 {"A22", request("GET http://a/"), bad},
                                 {"A23", request("GET http://a/ http/1.1"), version},
                                 {"A24", request("GET http://a/ HTTP/2.0"), "505 bad_version"},
                                 {"A24 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 bad_version"},
                                 {"A24 0.9", request("GET http://a/ HTTP/0.9"), "505 bad_version"},
                                 {"A25", request("GET http://a/ HTTP/1.10"), version},
                                 {"A25", request("GET http://a/ HTTP/01.1"), version},
                                 {"A25", request("GET http://a/ HTTP/1."), version},
                                 {"A25", request("GET http://a/ HTTP/1.1x"), version},
                                 {"A25", request("GET http://a/ HTTP/1,1"), version},
                                 {"A26", "nonsense\r\n\r\n", bad},
                                 {"A26 TLS", "\x16\x03\x01", bad},
                                 {"A27", request("GET http://a/\0 HTTP/1.1"s), bad},
                                 {"A28", request("GET http://a/\x01 HTTP/1.1"), bad},
                                 {"A28 DEL", request("GET http://a/\x7f HTTP/1.1"), bad},
                                 {"A28 obs-text", request("GET http://a/\xc3\xa9 HTTP/1.1"), bad},
                                 {"A29", request("GET http://a/\r HTTP/1.1"), bad},
                                 {"A29", request("GET http://a/ HTTP/1.1\r"), version},
                                 {"A35", request("GE(T http://a/ HTTP/1.1"), bad},
                                 {"A35", request("G\xc3\x89T http://a/ HTTP/1.1"), bad},
                                 {"A35 empty", request(" http://a/ HTTP/1.1"), bad},
                                 {"A37", request("GET  http://a/ HTTP/1.1"), bad},
                                 {"A37", request("GET http://a/  HTTP/1.1"), bad},
                                 {"A37 trailing", request("GET http://a/ HTTP/1.1 "), bad},
                                 {"A40", "GET http://a/" + std::string(300000, 'x'), "414 target_too_long"},
                                 {"A40 whole", request("GET http://a/" + std::string(300000, 'x') + " HTTP/1.1"),
                                  "414 target_too_long"},
                                 {"A40 method", std::string(300000, 'x'), bad},
                                 {"A41", "\r\n" + request("GET http://a/ HTTP/1.1"), "ok"},
                                 {"A41 bare LF", "\n" + request("GET http://a/ HTTP/1.1"), bad},
                                 {"A41 bare CR", "\rGET http://a/ HTTP/1.1", bad},
                                 {"A41 two", "\r\n\r\n" + request("GET http://a/ HTTP/1.1"), bad},
                                 {"A43", request("GET http://a/ HTTP/1.2"), "ok"},
                                 {"A43", request("GET http://a/ HTTP/1.0"), "ok"},
                                 {"C27", "GET http://a/ HTTP/1.1\nHost: a\r\n\r\n", bad},
                                 {"C27", "GET http://a/ HTTP/1.1\r\nHost: a\n\r\n", "400 bad_field_line"},
                                 {"cut", "GET http://a/ HTTP/1.1\r\nHost: a\r\n", "more"},
                             });
}

TEST(ParserTest, ReadsTheRequestLine) {
  const Head head = parse_head("QUERY http://A/b?c HTTP/1.0\r\n\r\n");
  EXPECT_EQ(head.method(), "QUERY");
  EXPECT_EQ(head.target(), "http://A/b?c");
  EXPECT_EQ(head.minor_version(), 0);
  EXPECT_EQ(head.size(), 0u);
  EXPECT_EQ(parse_head("GET http://a/ HTTP/1.7\r\n\r\n").minor_version(), 1);
}

TEST(ParserTest, FieldLines) {
  const std::string bad = "400 bad_field_line";
  std::vector<Row> rows = {
      {"C17", with_field("X: \xe2\x82\xac caf\xe9"), "ok"},
      {"C21", with_field("X : a"), bad},
      {"C21 TAB", with_field("X\t: a"), bad},
      {"C22", with_field("X: a\r\n b"), "400 obs_fold"},
      {"C22", with_field("X: a\r\n\tb"), "400 obs_fold"},
      {"C22 empty first", with_field("X:\r\n b"), "400 obs_fold"},
      {"C22 empty last", with_field("X: a\r\n "), "400 obs_fold"},
      {"C22 length", with_field("Content-Length: 1\r\n 2"), "400 obs_fold"},
      {"C22 coding", with_field("Transfer-Encoding:\r\n chunked"), "400 obs_fold"},
      {"C23", "GET http://a/ HTTP/1.1\r\n Host: a\r\n\r\n", bad},
      {"C23", "GET http://a/ HTTP/1.1\r\n\tHost: a\r\n\r\n", bad},
      {"C24-NUL", with_field("X: a\0b"s), bad},
      {"C24-bare-CR", with_field("X: a\rb"), bad},
      {"C24-bare-LF", with_field("X: a\nY: b"), bad},
      {"C24 CR CR LF", with_field("X: a\r"), bad},
      {"C25", with_field("X: a\x1b[1m"), bad},
      {"C25 DEL", with_field("X: \x7f"), bad},
      {"C26-ctl", with_field("X\x01: a"), bad},
      {"C26-empty", with_field(": a"), bad},
      {"C26-no-colon", with_field("X"), bad},
      {"C26-paren", with_field("X(: a"), bad},
      {"C26-quote", with_field("\"X\": a"), bad},
      {"C26-space", with_field("X Y: a"), bad},
      {"C26-utf8", with_field("\xc3\xa9: a"), bad},
      {"C30", with_field("Cookie: " + std::string(8000, 'x')), "ok"},
      {"D14-cr", with_field("Transfer-Encoding: chun\rked"), bad},
      {"D14-fold", with_field("Transfer-Encoding:\r\n\tchunked"), "400 obs_fold"},
      {"D14-lf", with_field("Transfer-Encoding: \nchunked"), bad},
      {"D14-sp-before-colon", with_field("Transfer-Encoding : chunked"), bad},
      {"D14-trailing-nul", with_field("Transfer-Encoding: chunked\0"s), bad},
      {"D14-vtab", with_field("Transfer-Encoding: \vchunked"), bad},
      {"D21-vtab", with_field("Content-Length: \v5"), bad},
      {"empty value", with_field("X:"), "ok"},
      {"blank value", with_field("X: \t "), "ok"},
      {"TAB before a length", with_field("Content-Length:\t5 \t"), "ok"},
      // What these mean is not the parser's to say (framing_test).
      {"two lengths", with_field("Content-Length: 5\r\nContent-Length: 6"), "ok"},
      {"length no number", with_field("Content-Length: x"), "ok"},
      {"both", with_field("Content-Length: 5\r\nTransfer-Encoding: chunked, x"), "ok"},
      {"upgrade", with_field("Connection: upgrade\r\nUpgrade: h2c"), "ok"},
      {"head ends in LF", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\n", bad},
      {"head ends in CR x", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\rx", bad},
  };
  for (int c = 0; c < 256; ++c) {
    if (c == '\n' || c == '\r') continue;
    const bool text = c == '\t' || (c >= 0x20 && c != 0x7f);
    for (const std::size_t at : {1, 3, 7, 8, 16}) {
      std::string value(18, at % 2 == 0 ? 'a' : '\xe9');
      value[at] = static_cast<char>(c);
      rows.push_back({"any value", with_field("X: " + value), text ? "ok" : bad});
    }
  }
  expect_rows(Kind::request, rows);
}

TEST(ParserTest, ReadsFieldLines) {
  for (const std::size_t step : {0, 1, 5}) {
    Wire wire("GET http://a/ HTTP/1.1\r\nA:1\r\nEmpty:\r\nBlank: \t \r\nhost: \t a b \t\r\nVIA:\tx\r\n\r\nrest", step);
    HeadParser parser(Kind::request, {});
    ASSERT_EQ(feed_all(parser, wire), HeadParser::State::done);
    const Head head = parser.take();
    EXPECT_EQ(wire.rest(), "rest") << "step " << step;
    ASSERT_EQ(head.size(), 5u);
    EXPECT_EQ(head.field(0).value, "1");
    EXPECT_EQ(head.field(1).name, "Empty");
    EXPECT_EQ(head.field(1).value, "");
    EXPECT_EQ(head.field(2).value, "");
    EXPECT_EQ(head.field(3).name, "host");
    EXPECT_EQ(head.find(FieldId::host), "a b");
    EXPECT_EQ(head.find(FieldId::via), "x");
  }
}

TEST(ParserTest, StatusLine) {
  const std::string bad = "502 bad_status_line";
  const auto response = [](const std::string& line) { return line + "\r\nDate: x\r\n\r\n"; };
  expect_rows(Kind::response, {
                                  {"E18-0.9", "<html>hello", bad},
                                  {"E18-garbage", response("garbage"), bad},
                                  {"E18-http2", response("HTTP/2.0 200 OK"), bad},
                                  {"E18-http2", response("HTTP/2 200"), bad},
                                  {"E18-status-2-digit", response("HTTP/1.1 20 OK"), bad},
                                  {"E18-status-text", response("HTTP/1.1 OK"), bad},
                                  {"E18 four digits", response("HTTP/1.1 2000 OK"), bad},
                                  {"E18 below 100", response("HTTP/1.1 099 x"), bad},
                                  {"E18 two spaces", response("HTTP/1.1  200 OK"), bad},
                                  {"E18 TAB", response("HTTP/1.1\t200 OK"), bad},
                                  {"E18 HTTP/1.10", response("HTTP/1.10 200 OK"), bad},
                                  {"E18 lower", response("http/1.1 200 OK"), bad},
                                  {"E18 empty line first", "\r\n" + response("HTTP/1.1 200 OK"), bad},
                                  {"E18 control", response("HTTP/1.1 200 O\x01K"), bad},
                                  {"E18 bare LF", "HTTP/1.1 200 OK\nDate: x\r\n\r\n", bad},
                                  {"E18-empty", "", "more"},
                                  {"E25", response("HTTP/1.1 299 Odd \xe9"), "ok"},
                                  {"E25", response("HTTP/1.1 999 x"), "ok"},
                                  {"E26", response("HTTP/1.1 200"), "ok"},
                                  {"E26", response("HTTP/1.1 200 "), "ok"},
                                  {"E04", response("HTTP/1.0 200 OK"), "ok"},
                                  {"E34-status-line", "HTTP/1.1 200 O", "more"},
                                  {"E34-in-field", "HTTP/1.1 200 OK\r\nDa", "more"},
                                  {"E34-half-blank", "HTTP/1.1 200 OK\r\nDate: x\r\n\r", "more"},
                                  {"E34-before-blank", "HTTP/1.1 200 OK\r\nDate: x\r\n", "more"},
                                  {"C31", "HTTP/1.1 200 OK\r\nX : a\r\n\r\n", "502 bad_field_line"},
                                  {"C32", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", "502 obs_fold"},
                                  {"C33-NUL", "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n"s, "502 bad_field_line"},
                                  {"C33-bare-CR", "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", "502 bad_field_line"},
                                  {"C34", "HTTP/1.1 200 OK\r\nX: " + std::string(100000, 'x'), "502 head_too_large"},
                                  {"C34", "HTTP/1.1 200 " + std::string(100000, 'x'), "502 head_too_large"},
                              });
  const Head head = parse_response("HTTP/1.1 404\r\n\r\n");
  EXPECT_EQ(head.status(), 404);
  EXPECT_EQ(head.reason(), "");
  EXPECT_EQ(parse_response("HTTP/1.0 299 Odd  one \xe9\r\n\r\n").reason(), "Odd  one \xe9");
}

TEST(ParserTest, Limits) {
  const HeadLimits limits{1000, 100, 3};
  const auto at = [&](const std::string& text, std::size_t step) { return outcome(text, Kind::request, step, limits); };
  for (const std::size_t step : {0, 1, 13}) {
    const std::string line = "GET / HTTP/1.1\r\n";
    EXPECT_EQ(at("GET " + std::string(100, '/') + " HTTP/1.1\r\n\r\n", step), "ok");
    EXPECT_EQ(at("GET " + std::string(101, '/') + " HTTP/1.1\r\n\r\n", step), "414 target_too_long");
    EXPECT_EQ(at(line + "a:\r\nb:\r\nc:\r\n\r\n", step), "ok");
    EXPECT_EQ(at(line + "a:\r\nb:\r\nc:\r\nd:\r\n\r\n", step), "431 too_many_fields");
    const std::size_t value = 1000 - line.size() - 8;
    EXPECT_EQ(at(line + "abc:" + std::string(value, 'x') + "\r\n\r\n", step), "ok");
    EXPECT_EQ(at(line + "abc:" + std::string(value + 1, 'x') + "\r\n\r\n", step), "431 head_too_large");
    EXPECT_EQ(at(line + "abc:" + std::string(5000, 'x'), step), "431 head_too_large");
  }
}

TEST(ParserTest, C29ManyFieldsAndC34LongHeadsTakeLinearTime) {
  std::string text = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 20000; ++i) text += "X" + std::to_string(i) + ": y\r\n";
  text += "\r\n";
  EXPECT_EQ(outcome(text, Kind::request), "431 too_many_fields");
  for (const std::size_t step : {0, 1}) EXPECT_EQ(outcome(text, Kind::request, step, {1 << 20, 1000, 30000}), "ok");

  const std::string long_one =
      "GET / HTTP/1.1\r\n" + std::string(3 << 20, 'x') + ": " + std::string(1 << 20, 'y') + "\r\n\r\n";
  for (const std::size_t step : {0, 97}) EXPECT_EQ(outcome(long_one, Kind::request, step, {8 << 20, 1000, 10}), "ok");
}

TEST(ParserTest, OneAfterTheOther) {
  Wire wire("GET http://a/ HTTP/1.1\r\nA: 1\r\n\r\n\r\nPUT http://b/ HTTP/1.1\r\nB: 2\r\n\r\n");
  wire.more();
  HeadParser parser(Kind::request, {});
  EXPECT_FALSE(parser.started());
  ASSERT_EQ(parser.feed(wire.in()), HeadParser::State::done);
  EXPECT_TRUE(parser.started());
  const Head first = parser.take();
  EXPECT_FALSE(parser.started());
  ASSERT_EQ(parser.feed(wire.in()), HeadParser::State::done);
  EXPECT_EQ(parser.feed(wire.in()), HeadParser::State::done);  // the head waits to be taken
  EXPECT_EQ(first.method(), "GET");
  EXPECT_EQ(parser.head().method(), "PUT");
  EXPECT_EQ(parser.head().find("b"), "2");
}

TEST(ParserTest, AnEmptyLineBeginsNoRequest) {
  Wire wire("\r\n", 1);
  HeadParser parser(Kind::request, {});
  EXPECT_EQ(feed_all(parser, wire), HeadParser::State::more);
  EXPECT_FALSE(parser.started());
  EXPECT_EQ(wire.rest(), "");
}

TEST(ParserTest, AnErrorIsForGood) {
  Wire wire("bad\r\nGET http://a/ HTTP/1.1\r\n\r\n");
  HeadParser parser(Kind::request, {});
  EXPECT_EQ(feed_all(parser, wire), HeadParser::State::error);
  EXPECT_EQ(parser.feed(wire.in()), HeadParser::State::error);
  EXPECT_EQ(parser.error().name, "bad_request_line");
}

}  // namespace
}  // namespace backoffd::proxy
