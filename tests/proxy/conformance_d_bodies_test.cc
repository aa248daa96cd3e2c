// Request bodies and their framing: one meaning only, or no request at all.
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/play.h"

namespace backoffd::test {
namespace {

using namespace std::string_literals;

const std::string kPost = "POST http://{}/ HTTP/1.1\r\nHost: {}\r\n";

std::string chunked(const std::string& body) { return kPost + "Transfer-Encoding: chunked\r\n\r\n" + body; }

// --- bodies that arrive ---

TEST(ConformanceBodies, D01_ABodyWithLengthArrivesWhole) {
  const std::string body = "a\r\n\r\n\0GET / HTTP/1.1\r\n\r\n\xff"s;
  const std::string request =
      Play().request_for(kPost + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_EQ(body, body_of(request));
  EXPECT_EQ(std::to_string(body.size()), field_of(request, "Content-Length"));
}

struct Chunks {
  const char* id;
  std::string sent;
  const char* body = "";
};
class ConformanceChunks : public testing::TestWithParam<Chunks> {};

TEST_P(ConformanceChunks, ArriveWhole) {
  const std::string request = Play().request_for(chunked(GetParam().sent));
  EXPECT_EQ("chunked", field_of(request, "Transfer-Encoding")) << request;
  EXPECT_EQ("", field_of(request, "Content-Length")) << request;
  EXPECT_EQ(GetParam().body, body_of(request)) << request;
  EXPECT_EQ(std::string::npos, request.find("name=")) << request;
}

const std::vector<Chunks> kChunks = {
    {"D02", "1\r\na\r\n00003\r\nbcd\r\nA\r\n0123456789\r\n0\r\n\r\n", "abcd0123456789"},
    {"D02-empty", "0\r\n\r\n", ""},
    {"D02-zeros", "1\r\na\r\n0000\r\n\r\n", "a"},
    {"D03", "3;name=value\r\nabc\r\n2;a;name=\"q;\\\"\"\r\nde\r\n0;name=1\r\n\r\n", "abcde"},
    {"D04", "3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n", "abc"},
};
INSTANTIATE_TEST_SUITE_P(D, ConformanceChunks, testing::ValuesIn(kChunks), RowName());

TEST(ConformanceBodies, C01_D04_TrailersThatConnectionNamesAreNotPassedOn) {
  const std::string body = "3\r\nabc\r\n0\r\nX-Hop: 1\r\nX-End: 2\r\n\r\n";
  Play play("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: x-hop\r\n\r\n" + body);
  Peer client = play.client(
      "PUT http://{}/ HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\nConnection: x-hop\r\n\r\n" + body);
  const std::string passed = "3\r\nabc\r\n0\r\nX-End: 2\r\n\r\n";
  client.read_head();
  EXPECT_EQ(passed, client.read_chunked());
  EXPECT_TRUE(play.request().ends_with("\r\n\r\n" + passed)) << play.request();
}

TEST(ConformanceBodies, D04_TrailersAreNeverMergedIntoTheHead) {
  const std::string request =
      Play().request_for(chunked("3\r\nabc\r\n0\r\nX-T: 1\r\nContent-Length: 9\r\nAuthorization: a\r\n\r\n"));
  EXPECT_EQ("", field_of(request, "X-T")) << request;
  EXPECT_EQ(std::string::npos, request.find("Content-Length")) << request;
  EXPECT_EQ(std::string::npos, request.find("Authorization")) << request;
}

TEST(ConformanceBodies, D05_D06_8MBArriveWhole) {
  const std::string body = much(8 << 20);
  const std::string counted = "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  EXPECT_TRUE(body == body_of(Play().request_for(kPost + counted + body)));
  std::string chunks;
  for (std::size_t at = 0, size = 1; at < body.size(); at += size, size = size * 3 % 77777 + 1) {
    const std::string piece = body.substr(at, size);
    char line[16];
    std::snprintf(line, sizeof line, "%zx\r\n", piece.size());
    chunks += line + piece + "\r\n";
  }
  EXPECT_TRUE(body == body_of(Play().request_for(chunked(chunks + "0\r\n\r\n"))));
}

TEST(ConformanceBodies, D07_APostWithoutFramingHasNoBody) {
  const std::string request = Play().request_for(kPost + "\r\n");
  EXPECT_EQ(head_of(request), request);
  EXPECT_EQ("", field_of(request, "Transfer-Encoding"));
}

TEST(ConformanceBodies, D08_ABodyOfAGetIsNotASecondRequest) {
  Play play;
  const std::string body = play.fill("GET http://{}/evil HTTP/1.1\r\nHost: {}\r\n\r\n");
  const std::string request = play.request_for(
      "GET http://{}/ HTTP/1.1\r\nHost: {}\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_EQ(body, body_of(request));
}

TEST(ConformanceBodies, D09_AChunkedBodyKeepsItsFramingWithAnyMethod) {
  for (const std::string method : {"GET", "HEAD", "DELETE"}) {
    const std::string request = Play().request_for(
        method + " http://{}/ HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    EXPECT_TRUE(request.starts_with(method + " / ")) << request;
    EXPECT_EQ("abc", body_of(request)) << request;
  }
}

TEST(ConformanceBodies, D10_D11_ACutBodyNeverLooksWholeToTheOrigin) {
  for (const std::string& sent :
       {kPost + "Content-Length: 10\r\n\r\nabc", chunked("5\r\nabc"), chunked("3\r\nabc\r\n")}) {
    Play play({hears("abc")});
    Peer client = play.client(sent);
    ASSERT_TRUE(play.origin().wait_for_requests(1));
    EXPECT_TRUE(play.requests()[0].ends_with("abc"));
    client.end_write();
    ASSERT_TRUE(play.origin().wait_for_requests(2));
    EXPECT_TRUE(play.requests()[1].empty() || play.requests()[1] == "\r\n") << play.requests()[1];
    EXPECT_EQ(std::string::npos, client.read_all().find(" 200 "));
  }
}

TEST(ConformanceBodies, D37_WhatFollowsTheBodyIsTheNextRequest) {
  Play play;
  Peer client = play.client(kPost + "Content-Length: 3\r\n\r\nabcGET http://{}/two HTTP/1.1\r\nHost: {}\r\n\r\n");
  EXPECT_EQ(200, status_of(client.read_response()));
  EXPECT_EQ(200, status_of(client.read_response()));
  ASSERT_EQ(2u, play.requests().size());
  EXPECT_EQ("abc", body_of(play.requests()[0]));
  EXPECT_EQ("GET /two HTTP/1.1", first_line(play.requests()[1]));
}

// --- framing that has no single meaning ---

struct Framings {
  const char* id;
  std::string lines;
  int status = 400;
  const char* version = "1.1";
};
class ConformanceFraming : public testing::TestWithParam<Framings> {};

// The body is whole by the length (8) and by the chunks.
TEST_P(ConformanceFraming, WithoutOneMeaningIsRefused) {
  Play play;
  const Framings& row = GetParam();
  expect_refused_and_closed(
      play,
      std::string("POST http://{}/ HTTP/") + row.version + "\r\nHost: {}\r\n" + row.lines + "\r\n3\r\nabc\r\n0\r\n\r\n",
      row.status);
}

const std::string kBoth = "Content-Length: 13\r\n";
const std::vector<Framings> kFramings = {
    {"D12", kBoth + "Transfer-Encoding: chunked\r\n"},
    {"D13", "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"},
    {"D14-chunked-twice", kBoth + "Transfer-Encoding: chunked, chunked\r\n"},
    {"D14-comma", kBoth + "Transfer-Encoding: ,chunked\r\n"},
    {"D14-cr", kBoth + "Transfer-Encoding: \rchunked\r\n"},
    {"D14-dup-case", kBoth + "Transfer-Encoding: chunked\r\ntransfer-encoding: cow\r\n"},
    {"D14-empty", kBoth + "Transfer-Encoding:\r\n"},
    {"D14-fold", kBoth + "Transfer-Encoding:\r\n chunked\r\n"},
    {"D14-gzip-chunked", kBoth + "Transfer-Encoding: gzip, chunked\r\n"},
    {"D14-identity-after", kBoth + "Transfer-Encoding: chunked, identity\r\n"},
    {"D14-lf", kBoth + "X: y\nTransfer-Encoding: chunked\r\n"},
    {"D14-nbsp", kBoth + "Transfer-Encoding: \xa0"
                         "chunked\r\n"},
    {"D14-param", kBoth + "Transfer-Encoding: chunked;q=1\r\n"},
    {"D14-quoted", kBoth + "Transfer-Encoding: \"chunked\"\r\n"},
    {"D14-sp-before-colon", kBoth + "Transfer-Encoding : chunked\r\n"},
    {"D14-trailing-nul", kBoth + "Transfer-Encoding: chunked\0\r\n"s},
    {"D14-two-lines", kBoth + "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"},
    {"D14-utf-k", kBoth + "Transfer-Encoding: chun\xe2\x84\xaa"
                          "ed\r\n"},
    {"D14-vtab", kBoth + "Transfer-Encoding: \x0b"
                         "chunked\r\n"},
    {"D14-xchunked", kBoth + "Transfer-Encoding: xchunked\r\n"},
    {"D15", "Transfer-Encoding: chunked, gzip\r\n"},
    {"D16", "Transfer-Encoding: gzip, chunked\r\n", 501},
    {"D16-alone", "Transfer-Encoding: gzip\r\n", 501},
    {"D17", "Transfer-Encoding: chunked\r\n", 400, "1.0"},
    {"D18", "Content-Length: 13\r\nContent-Length: 3\r\n"},
    {"D19", "Content-Length: 5, 6\r\n"},
    {"D20", "Content-Length: 13, 13\r\n"},
    {"D20-twice", "Content-Length: 13\r\nContent-Length: 13\r\n"},
    {"D21-2^63", "Content-Length: 9223372036854775808\r\n"},
    {"D21-2^64+5", "Content-Length: 18446744073709551621\r\n"},
    {"D21-30-digits", "Content-Length: 100000000000000000000000000013\r\n"},
    {"D21-alpha", "Content-Length: 13a\r\n"},
    {"D21-empty", "Content-Length:\r\n"},
    {"D21-float", "Content-Length: 13.0\r\n"},
    {"D21-hex", "Content-Length: 0xd\r\n"},
    {"D21-list-empty", "Content-Length: 13,\r\n"},
    {"D21-minus", "Content-Length: -13\r\n"},
    {"D21-plus", "Content-Length: +13\r\n"},
    {"D21-quoted", "Content-Length: \"13\"\r\n"},
    {"D21-space", "Content-Length: 1 3\r\n"},
    {"D21-underscore", "Content-Length: 1_3\r\n"},
    {"D21-vtab",
     "Content-Length: \x0b"
     "13\r\n"},
};
INSTANTIATE_TEST_SUITE_P(D, ConformanceFraming, testing::ValuesIn(kFramings), RowName());

TEST(ConformanceFraming, D14_AnUnderscoreMakesAnotherFieldAndTheLengthCounts) {
  const std::string request =
      Play().request_for(kPost + kBoth + "Transfer_Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  EXPECT_EQ("3\r\nabc\r\n0\r\n\r\n", request.substr(head_of(request).size()));
  EXPECT_EQ("", field_of(request, "Transfer-Encoding"));
}

// --- chunks that are none ---

class ConformanceBadChunks : public testing::TestWithParam<Chunks> {};

// The origin has the head and the first chunk, but never gets an end, and never what follows.
TEST_P(ConformanceBadChunks, NeverCompleteARequest) {
  Play play({hears("1\r\nz\r\n")});
  Peer client = play.client(chunked("1\r\nz\r\n"));
  ASSERT_TRUE(play.origin().wait_for_requests(1));
  client.send(play.fill(GetParam().sent + "0\r\n\r\nGET http://{}/behind HTTP/1.1\r\nHost: {}\r\n\r\n"));
  const std::string response = client.read_response();
  EXPECT_EQ(400, status_of(response)) << response;
  EXPECT_TRUE(is_complete_response(response)) << response;
  EXPECT_TRUE(client.ended());
  ASSERT_TRUE(play.origin().wait_for_requests(2));
  EXPECT_TRUE(play.requests()[0].ends_with("\r\n\r\n1\r\nz\r\n")) << play.requests()[0];
  EXPECT_EQ(std::string::npos, play.requests()[1].find("0\r\n")) << play.requests()[1];
  EXPECT_EQ(std::string::npos, play.requests()[1].find("behind")) << play.requests()[1];
}

const std::vector<Chunks> kBadChunks = {
    {"D22", "10000000000000003\r\nabc\r\n"},
    {"D22-sign", "8000000000000000\r\nabc\r\n"},
    {"D23", "0000000000000000000000000000000000000003\r\nabc\r\n"},
    {"D24", "0x3\r\nabc\r\n"},
    {"D25", "-3\r\nabc\r\n"},
    {"D25-plus", "+3\r\nabc\r\n"},
    {"D26", "0_3\r\nabc\r\n"},
    {"D27", "3\r\nabc3\r\nabc\r\n"},
    {"D28", "3\r\nabcde\r\n"},
    {"D29", "3\nabc\r\n"},
    {"D30", "3\r\nabc\n"},
    {"D31", "3;a=\rb\r\nabc\r\n"},
    {"D32", "3;a\nabc\r\n"},
    {"D32-value", "3;a=b\nx\r\nabc\r\n"},
    {"D33", "\r\n3\r\nabc\r\n"},
    {"D34", " 3\r\nabc\r\n"},
    {"D34-behind", "3 \r\nabc\r\n"},
    {"D36", "3\r\nabc\r\n0\r\nX Y: 1\r\n\r\n"},
    {"D36-no-colon", "3\r\nabc\r\n0\r\nXY\r\n\r\n"},
    {"D36-lf", "3\r\nabc\r\n0\r\nX: y\nZ: 1\r\n\r\n"},
    {"D36-fold", "3\r\nabc\r\n0\r\nX: y\r\n z\r\n\r\n"},
};
INSTANTIATE_TEST_SUITE_P(D, ConformanceBadChunks, testing::ValuesIn(kBadChunks), RowName());

TEST(ConformanceBadChunks, D35_2MBOfChunkExtensionAreRefused) {
  Play play({hears("1\r\nz\r\n")});
  Peer client = play.client(chunked("1\r\nz\r\n3;a=" + std::string(2 << 20, 'b') + "\r\nabc\r\n0\r\n\r\n"));
  EXPECT_EQ(400, status_of(client.read_response()));
  EXPECT_TRUE(client.ended());
  ASSERT_TRUE(play.origin().wait_for_requests(2));
  EXPECT_EQ("", play.requests()[1]);
}

}  // namespace
}  // namespace backoffd::test
