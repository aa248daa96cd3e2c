#include "proxy/http/body.h"

#include <gtest/gtest.h>
#include <llhttp.h>

#include <random>
#include <string>
#include <vector>

#include "tests/proxy/http_text.h"

namespace backoffd::proxy {
namespace {

using namespace std::string_literals;
using State = BodyReader::State;
using Kind = Framing::Kind;

constexpr std::size_t kRoom = 1 << 30;

struct Result {
  std::string payload;
  std::string end;   // "done", "more" or the refusal's name
  std::string rest;  // what stayed behind the body
  Head trailers;
};

Result read_body(Framing framing, std::string_view text, std::size_t step = 0, std::size_t room = kRoom) {
  Wire wire(text, step);
  BufferPtr payload = new_buffer();
  BodyReader reader(framing, {});
  Result result;
  State state = reader.state();
  while (state == State::more) {
    const std::size_t before = evbuffer_get_length(wire.in());
    state = reader.read(wire.in(), payload.get(), room);
    EXPECT_LE(evbuffer_get_length(payload.get()), room);
    result.payload += text_of(payload.get());
    evbuffer_drain(payload.get(), evbuffer_get_length(payload.get()));
    if (state == State::more && evbuffer_get_length(wire.in()) == before && !wire.more()) break;
  }
  EXPECT_EQ(result.payload.size(), reader.received());
  result.end = state == State::done ? "done" : state == State::more ? "more" : std::string(reader.error());
  result.rest = wire.rest();
  result.trailers = reader.trailers();
  return result;
}

constexpr Framing kChunked{Kind::chunked, 0};

struct Row {
  const char* id;
  std::string text;
  std::string end;
  std::string payload;
};

TEST(BodyTest, Chunks) {
  const std::string size = "bad_chunk_size", extension = "bad_chunk_extension", end = "bad_chunk_end";
  const std::string trailer = "bad_trailer";
  const std::vector<Row> rows = {
      {"D02", "5\r\nhello\r\n0\r\n\r\n", "done", "hello"},
      {"D02", "0005\r\nhello\r\nB\r\nhello again\r\n00000\r\n\r\n", "done", "hellohello again"},
      {"D02", "1a\r\n" + std::string(26, 'x') + "\r\n0\r\n\r\n", "done", std::string(26, 'x')},
      {"D03", "5;a\r\nhello\r\n0;b=c;d=\"e;f\\\"\r\"\r\n\r\n", extension, "hello"},
      {"D03", "5;a;b=c \t; d = \"e;f,\\\"\\\\ \t\xe9\";g\r\nhello\r\n0;b=c\r\n\r\n", "done", "hello"},
      {"D03", "5 \t;a\r\nhello\r\n0\r\n\r\n", "done", "hello"},
      {"D03 empty name", "5;\r\nhello\r\n0\r\n\r\n", extension, ""},
      {"D03 empty value", "5;a=\r\nhello\r\n0\r\n\r\n", extension, ""},
      {"D03 no token", "5;a[\r\nhello\r\n0\r\n\r\n", extension, ""},
      {"D03 open quotes", "5;a=\"b\r\nhello\r\n0\r\n\r\n", extension, ""},
      {"D03 space at the end", "5;a \r\nhello\r\n0\r\n\r\n", extension, ""},
      {"D03 control", "5;a=\x01\r\nhello\r\n0\r\n\r\n", extension, ""},
      {"D22", "10000000000000005\r\nhello\r\n0\r\n\r\n", size, ""},
      {"D22", "8000000000000000\r\nhello", size, ""},
      {"D22", "fffffffffffffffe\r\nhello", size, ""},
      {"D22 largest", "7fffffffffffffff\r\nhello", "more", "hello"},
      {"D23", std::string(39, '0') + "5\r\nhello\r\n0\r\n\r\n", size, ""},
      {"D23", std::string(40, 'f') + "\r\nhello\r\n0\r\n\r\n", size, ""},
      {"D23 sixteen", std::string(15, '0') + "5\r\nhello\r\n0\r\n\r\n", "done", "hello"},
      {"D24", "0x5\r\nhello\r\n0\r\n\r\n", size, ""},
      {"D25", "-5\r\nhello\r\n0\r\n\r\n", size, ""},
      {"D25", "+5\r\nhello\r\n0\r\n\r\n", size, ""},
      {"D26", "0_5\r\nhello\r\n0\r\n\r\n", size, ""},
      {"D27", "5\r\nhello0\r\n\r\n", end, "hello"},
      {"D27", "5\r\nhello\rX0\r\n\r\n", end, "hello"},
      {"D28", "5\r\nhelloworld\r\n0\r\n\r\n", end, "hello"},
      {"D29", "5\nhello\r\n0\r\n\r\n", size, ""},
      {"D30", "5\r\nhello\n0\r\n\r\n", end, "hello"},
      {"D31", "5;a\rb\r\nhello\r\n0\r\n\r\n", size, ""},
      {"D32", "5;a\nb\r\nhello\r\n0\r\n\r\n", extension, ""},
      {"D32", "5;\nxx\r\nhello\r\n0\r\n\r\n", extension, ""},
      {"D33", "\r\nhello\r\n0\r\n\r\n", size, ""},
      {"D33", ";a\r\nhello\r\n0\r\n\r\n", size, ""},
      {"D34", " 5\r\nhello\r\n0\r\n\r\n", size, ""},
      {"D34 behind", "5 \r\nhello\r\n0\r\n\r\n", extension, ""},
      {"D36 bare LF", "0\r\nX: a\n\r\n", trailer, ""},
      {"D36 no colon", "0\r\nX\r\n\r\n", trailer, ""},
      {"D36 empty name", "0\r\n: a\r\n\r\n", trailer, ""},
      {"D36 obs-fold", "0\r\nX: a\r\n b\r\n\r\n", trailer, ""},
      {"D36 space", "0\r\nX : a\r\n\r\n", trailer, ""},
      {"D36 request", "0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", trailer, ""},
      {"last chunk's LF", "0\r\n\n", trailer, ""},
      {"digit", "g\r\n", size, ""},
      {"E17-overflow", "100000000000000000000\r\n", size, ""},
      {"D11", "5\r\nhel", "more", "hel"},
      {"D11", "5\r\nhello\r\n", "more", "hello"},
      {"E06", "5\r\nhello\r\n0\r\n", "more", "hello"},
      {"E06", "5\r\nhello\r\n0\r\n\r", "more", "hello"},
  };
  for (const Row& row : rows) {
    for (const std::size_t step : {0, 1, 2, 3, 5, 8}) {
      for (const std::size_t room : {kRoom, std::size_t{1}, std::size_t{4}}) {
        const Result result = read_body(kChunked, row.text, step, room);
        EXPECT_EQ(result.end, row.end) << row.id << ", step " << step << ": " << testing::PrintToString(row.text);
        EXPECT_EQ(result.payload, row.payload) << row.id << ", step " << step;
      }
    }
  }
}

TEST(BodyTest, D37BytesBehindTheBodyStay) {
  for (const std::size_t step : {0, 1, 4}) {
    EXPECT_EQ(read_body(kChunked, "5\r\nhello\r\n0\r\nX: y\r\n\r\nGET /", step).rest, "GET /");
    EXPECT_EQ(read_body({Kind::length, 5}, "helloGET /", step).rest, "GET /");
    EXPECT_EQ(read_body({Kind::length, 0}, "GET /", step).rest, "GET /");
    EXPECT_EQ(read_body({}, "GET /", step).rest, "GET /");
  }
}

TEST(BodyTest, LengthAndClose) {
  for (const std::size_t step : {0, 1, 3}) {
    EXPECT_EQ(read_body({Kind::length, 5}, "hello", step, 2).payload, "hello");
    EXPECT_EQ(read_body({Kind::length, 5}, "hello", step).end, "done");
    EXPECT_EQ(read_body({Kind::length, 6}, "hello", step).end, "more");
    EXPECT_EQ(read_body({Kind::until_close, 0}, "hello", step).payload, "hello");
    EXPECT_EQ(read_body({Kind::until_close, 0}, "hello", step).end, "more");
  }
  EXPECT_EQ(BodyReader().state(), State::done);
}

TEST(BodyTest, EndOfInputIsTheEndOfCloseDelimitedBodiesOnly) {
  BodyReader close({Kind::until_close, 0}, {}), length({Kind::length, 1}, {}), chunked(kChunked, {});
  EXPECT_EQ(close.end(), State::done);
  EXPECT_EQ(length.end(), State::error);
  EXPECT_EQ(chunked.end(), State::error);
  EXPECT_EQ(length.error(), "incomplete_body");
  EXPECT_EQ(BodyReader({Kind::length, 0}, {}).end(), State::done);
}

TEST(BodyTest, DirectBytes) {
  BodyReader length({Kind::length, 10}, {});
  EXPECT_EQ(length.direct(), 10u);
  length.skip(4);
  EXPECT_EQ(length.direct(), 6u);
  EXPECT_EQ(length.state(), State::more);
  length.skip(6);
  EXPECT_EQ(length.state(), State::done);
  EXPECT_EQ(length.received(), 10u);
  EXPECT_EQ(length.direct(), 0u);
  BodyReader close({Kind::until_close, 0}, {});
  close.skip(7);
  EXPECT_EQ(close.direct(), ~std::uint64_t{0});
  EXPECT_EQ(close.received(), 7u);
  EXPECT_EQ(BodyReader(kChunked, {}).direct(), 0u);
}

TEST(BodyTest, Trailers) {
  const Result result = read_body(kChunked, "0\r\nX-Sum: a\r\nContent-Length: 7\r\nY:\r\n\r\n", 1);
  EXPECT_EQ(result.end, "done");
  ASSERT_EQ(result.trailers.size(), 3u);
  EXPECT_EQ(result.trailers.find("x-sum"), "a");
}

TEST(BodyTest, TrailersHaveLimits) {
  Wire wire("0\r\na:\r\nb:\r\nc:\r\n\r\n");
  wire.more();
  BufferPtr payload = new_buffer();
  BodyReader reader(kChunked, {1000, 1000, 2});
  EXPECT_EQ(reader.read(wire.in(), payload.get(), kRoom), State::error);
  EXPECT_EQ(read_body(kChunked, "0\r\na:" + std::string(100000, 'x'), 1000).end, "bad_trailer");
}

TEST(BodyTest, D35ExtensionsAreBounded) {
  EXPECT_EQ(read_body(kChunked, "5;" + std::string(2 << 20, 'x') + "\r\nhello\r\n0\r\n\r\n", 4096).end,
            "chunk_extension_too_long");
  std::string many;
  for (int i = 0; i < 20000; ++i) many += "1;aaaa\r\nx\r\n";
  EXPECT_EQ(read_body(kChunked, many + "0\r\n\r\n").end, "chunk_extension_too_long");
  // A sender that signs each of its chunks is no attack.
  std::string signatures;
  for (int i = 0; i < 1000; ++i)
    signatures += "400;chunk-signature=" + std::string(64, 'a') + "\r\n" + std::string(1024, 'x') + "\r\n";
  EXPECT_EQ(read_body(kChunked, signatures + "0\r\n\r\n").end, "done");
}

TEST(BodyTest, AMillionOneByteChunks) {
  std::string text;
  for (int i = 0; i < 1000000; ++i) text += "1\r\nx\r\n";
  const Result result = read_body(kChunked, text + "0\r\n\r\n");
  EXPECT_EQ(result.end, "done");
  EXPECT_EQ(result.payload, std::string(1000000, 'x'));
}

TEST(BodyTest, LargePayloadIsMovedNotCopied) {
  const std::string data(100000, 'x');
  BufferPtr in = new_buffer(), payload = new_buffer();
  evbuffer_add(in.get(), "186a0\r\n", 7);
  evbuffer_add_reference(in.get(), data.data(), data.size(), nullptr, nullptr);
  evbuffer_add(in.get(), "\r\n0\r\n\r\n", 7);
  BodyReader reader(kChunked, {});
  ASSERT_EQ(reader.read(in.get(), payload.get(), kRoom), State::done);
  evbuffer_iovec piece;
  ASSERT_EQ(evbuffer_peek(payload.get(), -1, nullptr, &piece, 1), 1);
  EXPECT_EQ(piece.iov_base, data.data());
  EXPECT_EQ(piece.iov_len, data.size());
}

// --- against llhttp ---

std::string llhttp_body(std::string_view text, bool& done) {
  struct Seen {
    std::string payload;
    bool done = false;
  } seen;
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  settings.on_body = [](llhttp_t* p, const char* at, std::size_t size) {
    static_cast<Seen*>(p->data)->payload.append(at, size);
    return 0;
  };
  settings.on_message_complete = [](llhttp_t* p) {
    static_cast<Seen*>(p->data)->done = true;
    return static_cast<int>(HPE_PAUSED);
  };
  llhttp_t parser;
  llhttp_init(&parser, HTTP_REQUEST, &settings);
  parser.data = &seen;
  const std::string head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  llhttp_execute(&parser, head.data(), head.size());
  llhttp_execute(&parser, text.data(), text.size());
  done = seen.done;
  return seen.payload;
}

TEST(BodyTest, WhatWeTakeLlhttpTakesTheSameWay) {
  std::mt19937 random(20240601);
  const std::string alphabet = "0123459abfAF\r\n\r\n;=\" xg-_";
  int taken = 0;
  for (int round = 0; round < 40000; ++round) {
    std::string text;
    for (unsigned chunks = random() % 4; chunks > 0; --chunks) {
      const std::size_t size = random() % 20 + 1;
      char line[32];
      std::snprintf(line, sizeof line, random() % 2 ? "%zx" : "%04zX", size);
      text += line;
      if (random() % 4 == 0) text += random() % 2 ? ";a=b" : ";a;b=\"c d\"";
      text += "\r\n";
      for (std::size_t i = 0; i < size; ++i) text += alphabet[random() % alphabet.size()];
      text += "\r\n";
    }
    text += "0\r\n";
    if (random() % 4 == 0) text += "X: y\r\n";
    text += "\r\n";
    for (unsigned changes = random() % 3; changes > 0; --changes) {
      const std::size_t at = random() % text.size();
      if (random() % 2)
        text[at] = alphabet[random() % alphabet.size()];
      else
        text.erase(at, 1);
    }
    const Result ours = read_body(kChunked, text);
    for (const std::size_t step : {1u, 1u + static_cast<unsigned>(random() % 9)}) {
      const Result split = read_body(kChunked, text, step);
      ASSERT_EQ(split.end, ours.end) << testing::PrintToString(text);
      ASSERT_EQ(split.payload, ours.payload);
      ASSERT_TRUE(ours.end != "done" || split.rest == ours.rest);
    }
    if (ours.end != "done") continue;
    ++taken;
    bool done = false;
    EXPECT_EQ(llhttp_body(text, done), ours.payload) << testing::PrintToString(text);
    EXPECT_TRUE(done) << testing::PrintToString(text);
  }
  EXPECT_GT(taken, 10000);
}

// --- writing ---

std::string written(Framing framing, const std::vector<std::string>& pieces, const Head& trailers = {}) {
  BufferPtr payload = new_buffer(), out = new_buffer();
  BodyWriter writer(framing);
  for (const std::string& piece : pieces) {
    evbuffer_add(payload.get(), piece.data(), piece.size());
    writer.write(payload.get(), out.get());
    EXPECT_EQ(evbuffer_get_length(payload.get()), 0u);
  }
  writer.finish(trailers, {}, out.get());
  return text_of(out.get());
}

TEST(BodyTest, WritesBodies) {
  EXPECT_EQ(written({Kind::length, 5}, {"he", "llo"}), "hello");
  EXPECT_EQ(written({Kind::until_close, 0}, {"hello", ""}), "hello");
  EXPECT_EQ(written({}, {}), "");
  EXPECT_EQ(written(kChunked, {}), "0\r\n\r\n");
  EXPECT_EQ(written(kChunked, {"hello", "", std::string(26, 'x')}),
            "5\r\nhello\r\n1a\r\n" + std::string(26, 'x') + "\r\n0\r\n\r\n");
}

struct MaybeTrailer {
  const char* id;
  std::vector<std::string> names;
  bool passes;
};
class TrailerTest : public testing::TestWithParam<MaybeTrailer> {};

TEST_P(TrailerTest, D04E27_PassesBehindTheBodyOrNotInAnyCase) {
  for (const std::string& name : GetParam().names) {
    std::string upper = name;
    for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    for (const std::string& spelled : {name, upper}) {
      Head trailers;
      trailers.add(spelled, "v");
      EXPECT_EQ(written(kChunked, {}, trailers), "0\r\n" + (GetParam().passes ? spelled + ": v\r\n\r\n" : "\r\n"))
          << spelled;
      EXPECT_EQ(written({Kind::length, 0}, {}, trailers), "");
    }
  }
}

// By the groups of RFC 9110 6.5.1.
INSTANTIATE_TEST_SUITE_P(
    Http, TrailerTest,
    testing::Values(
        MaybeTrailer{"passes",
                     {"X-Sum", "ETag", "Digest", "Content-Digest", "Repr-Digest", "Server-Timing", "Proxy-Status",
                      "Grpc-Status", "Signature", "X-Backoffd", "Agent", "Z"},
                     true},
        MaybeTrailer{"ours",
                     {"Backoffd-Gate", "Backoffd-Provider", "Backoffd-Operation", "Backoffd-Attempts",
                      "Backoffd-Verdict", "Backoffd-Request-Id", "Backoffd-"},
                     false},
        MaybeTrailer{"framing", {"Content-Length", "Transfer-Encoding", "Trailer", "TE"}, false},
        MaybeTrailer{"hop", {"Connection", "Keep-Alive", "Proxy-Connection", "Upgrade", "HTTP2-Settings"}, false},
        MaybeTrailer{
            "routing",
            {"Host", "Via", "Max-Forwards", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"},
            false},
        MaybeTrailer{"request_control",
                     {"Cache-Control", "Pragma", "Expect", "Range", "If-Match", "If-None-Match", "If-Modified-Since",
                      "If-Unmodified-Since", "If-Range", "Idempotency-Key"},
                     false},
        MaybeTrailer{"authentication",
                     {"Authorization", "Cookie", "Set-Cookie", "WWW-Authenticate", "Authentication-Info",
                      "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Authentication-Info"},
                     false},
        MaybeTrailer{
            "response_control", {"Age", "Date", "Expires", "Location", "Retry-After", "Vary", "Warning"}, false},
        MaybeTrailer{"content", {"Content-Encoding", "Content-Type", "Content-Range", "Content-Location"}, false}),
    [](const auto& row) { return std::string(row.param.id); });

}  // namespace
}  // namespace backoffd::proxy
