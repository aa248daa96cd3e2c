#include "proxy/http/framing.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/proxy/http_text.h"

namespace backoffd::proxy {
namespace {

// "none", "length 5", "chunked", "close", or the refusal as "400 name".
std::string text_of(const FramingResult& result) {
  if (!result.ok) return std::to_string(result.error.status) + " " + std::string(result.error.name);
  switch (result.framing.kind) {
    case Framing::Kind::none:
      return "none";
    case Framing::Kind::length:
      return "length " + std::to_string(result.framing.length);
    case Framing::Kind::chunked:
      return "chunked";
    case Framing::Kind::until_close:
      return "close";
  }
  return "";
}

std::string of_request(const std::string& fields, const std::string& line = "POST http://a/ HTTP/1.1") {
  const std::string text = line + "\r\nHost: a\r\n" + fields + "\r\n";
  const std::string parsed = outcome(text, HeadParser::Kind::request);
  return parsed == "ok" ? text_of(frame_request(parse_head(text))) : parsed;
}

std::string of_response(const std::string& fields, const std::string& line = "HTTP/1.1 200 OK",
                        std::string_view method = "GET") {
  const std::string text = line + "\r\n" + fields + "\r\n";
  const std::string parsed = outcome(text, HeadParser::Kind::response);
  return parsed == "ok" ? text_of(frame_response(parse_response(text), method)) : parsed;
}

struct Row {
  const char* id;
  std::string fields;
  std::string expected;
};

const std::string kLength = "400 bad_content_length";
const std::string kCoding = "400 bad_transfer_encoding";
const std::string kBoth = "400 conflicting_framing";
const std::string kUnknown = "501 unknown_transfer_coding";

std::string length(const std::string& value) { return "Content-Length: " + value + "\r\n"; }
std::string coding(const std::string& value) { return "Transfer-Encoding: " + value + "\r\n"; }

TEST(FramingTest, Requests) {
  const std::vector<Row> rows = {
      {"D01", length("5"), "length 5"},
      {"D01", "content-LENGTH:\t005 \t\r\n", "length 5"},
      {"D02", coding("chunked"), "chunked"},
      {"CHUNKED", coding("CHUNKED"), "chunked"},
      {"D07", "", "none"},
      {"zero", length("0"), "length 0"},
      {"2^63-1", length("9223372036854775807"), "length 9223372036854775807"},
      {"D12", length("5") + coding("chunked"), kBoth},
      {"D13", coding("chunked") + length("0"), kBoth},
      {"D15", coding("chunked, gzip"), kCoding},
      {"D16", coding("gzip, chunked"), kUnknown},
      {"D16", coding("gzip"), kUnknown},
      {"D16", coding("identity"), kUnknown},
      {"D18", length("5") + length("6"), kLength},
      {"D19", length("5, 6"), kLength},
      {"D20", length("5, 5"), kLength},
      {"D20", length("5") + length("5"), kLength},
      {"D21-2^63", length("9223372036854775808"), kLength},
      {"D21-2^64+5", length("18446744073709551621"), kLength},
      {"D21-30-digits", length(std::string(30, '1')), kLength},
      {"D21-alpha", length("abc"), kLength},
      {"D21-empty", length(""), kLength},
      {"D21-float", length("5.0"), kLength},
      {"D21-hex", length("0x5"), kLength},
      {"D21-list-empty", length(","), kLength},
      {"D21-list-empty", length("5,"), kLength},
      {"D21-minus", length("-5"), kLength},
      {"D21-plus", length("+5"), kLength},
      {"D21-quoted", length("\"5\""), kLength},
      {"D21-space", length("5 5"), kLength},
      {"D21-underscore", length("5_0"), kLength},
      {"D21-vtab", length("\v5"), "400 bad_field_line"},
      {"nbsp",
       length("\xa0"
              "5"),
       kLength},
      {"param", length("5;a"), kLength},
  };
  for (const Row& row : rows) EXPECT_EQ(of_request(row.fields), row.expected) << row.id << ": " << row.fields;
}

TEST(FramingTest, D14ObfuscatedCodings) {
  const std::vector<Row> rows = {
      {"D14-chunked-twice", coding("chunked, chunked"), kCoding},
      {"D14-comma", coding(", chunked"), kCoding},
      {"D14-comma", coding("chunked,"), kCoding},
      {"D14-dup-case", coding("chunked") + coding("CHUNKED"), kCoding},
      {"D14-empty", coding(""), kCoding},
      {"D14-gzip-chunked", coding("gzip, chunked"), kUnknown},
      {"D14-identity-after", coding("chunked, identity"), kCoding},
      {"D14-nbsp",
       coding("\xa0"
              "chunked"),
       kCoding},
      {"D14-param", coding("chunked;a=b"), kCoding},
      {"D14-quoted", coding("\"chunked\""), kCoding},
      {"D14-two-lines", coding("chunked") + coding("identity"), kCoding},
      {"D14-utf-k",
       coding("chun\xe2\x84\xaa"
              "ed"),
       kCoding},
      {"D14-xchunked", coding("xchunked"), kUnknown},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(of_request(row.fields), row.expected) << row.id << ": " << row.fields;
    EXPECT_EQ(of_request(row.fields + length("5")), kBoth) << row.id;
    EXPECT_EQ(of_request(length("5") + row.fields), kBoth) << row.id;
  }
  // A name that only looks alike frames nothing, and is passed as the unknown field it is.
  EXPECT_EQ(of_request("Transfer_Encoding: chunked\r\n" + length("5")), "length 5") << "D14-underscore";
}

TEST(FramingTest, D17NoCodingsInHttp10) {
  const std::string line = "POST http://a/ HTTP/1.0";
  EXPECT_EQ(of_request(coding("chunked"), line), "400 transfer_encoding_in_http_1_0");
  EXPECT_EQ(of_request(length("5"), line), "length 5");
  EXPECT_EQ(of_response(coding("chunked"), "HTTP/1.0 200 OK"), "502 transfer_encoding_in_http_1_0");
}

TEST(FramingTest, G17ConnectHasNoBody) {
  const std::string line = "CONNECT a:443 HTTP/1.1";
  EXPECT_EQ(of_request("", line), "none");
  EXPECT_EQ(of_request(length("0"), line), "none");
  EXPECT_EQ(of_request(length("5"), line), "400 connect_with_body");
  EXPECT_EQ(of_request(coding("chunked"), line), "400 connect_with_body");
}

TEST(FramingTest, D09AnyMethodMayHaveABody) {
  for (const std::string method : {"GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "X"})
    EXPECT_EQ(of_request(coding("chunked"), method + " http://a/ HTTP/1.1"), "chunked") << method;
}

TEST(FramingTest, Responses) {
  const std::vector<Row> rows = {
      {"E01", coding("chunked"), "chunked"},
      {"E03", "", "close"},
      {"length", length("5"), "length 5"},
      {"zero", length("0"), "length 0"},
      {"E14", coding("chunked") + length("5"), "502 conflicting_framing"},
      {"E15-alpha", length("abc"), "502 bad_content_length"},
      {"E15-empty", length(""), "502 bad_content_length"},
      {"E15-list", length("5, 6"), "502 bad_content_length"},
      {"E15-negative", length("-5"), "502 bad_content_length"},
      {"E15-overflow", length("18446744073709551621"), "502 bad_content_length"},
      {"E15-plus", length("+5"), "502 bad_content_length"},
      {"E15-two-different", length("5") + length("6"), "502 bad_content_length"},
      {"E16", coding("gzip"), "502 unknown_transfer_coding"},
      {"E16", coding("gzip, chunked"), "502 unknown_transfer_coding"},
      {"E16", coding("chunked, gzip"), "502 bad_transfer_encoding"},
  };
  for (const Row& row : rows) EXPECT_EQ(of_response(row.fields), row.expected) << row.id;
}

TEST(FramingTest, ResponsesWithoutABody) {
  const std::string ok = "HTTP/1.1 200 OK";
  for (const std::string& fields : {std::string(), length("5"), coding("chunked")}) {
    EXPECT_EQ(of_response(fields, ok, "HEAD"), "none") << "E08, E09";
    EXPECT_EQ(of_response(fields, ok, "CONNECT"), "none");
    for (const auto* status : {"100", "101", "103", "199", "204", "304"})
      EXPECT_EQ(of_response(fields, "HTTP/1.1 " + std::string(status)), "none") << "E10, E11 " << status;
  }
  EXPECT_EQ(of_response(length("5"), "HTTP/1.1 403 No", "CONNECT"), "length 5");
  EXPECT_EQ(of_response(length("x"), ok, "HEAD"), "502 bad_content_length");
  EXPECT_EQ(of_response("", "HTTP/1.1 205 x"), "close");
}

}  // namespace
}  // namespace backoffd::proxy
