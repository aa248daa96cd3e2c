#include "policy/resume.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "policy/random.h"

namespace backoffd::policy {
namespace {

using Fields = std::vector<FieldView>;
using Kind = Continuation::Kind;

constexpr WallTime kNow = std::chrono::sys_days(std::chrono::year(2026) / 11 / 23);
constexpr BodyEnd kChunked{BodyEnd::Kind::chunked, 0};
constexpr BodyEnd kClose{BodyEnd::Kind::close, 0};
constexpr BodyEnd length(std::uint64_t bytes) { return {BodyEnd::Kind::length, bytes}; }

constexpr FieldView kEtag{"ETag", "\"v1\""};
constexpr FieldView kModified{"Last-Modified", "Sun, 22 Nov 2026 10:00:00 GMT"};
constexpr FieldView kDate{"Date", "Mon, 23 Nov 2026 00:00:00 GMT"};
constexpr FieldView range(std::string_view value) { return {"Content-Range", value}; }

ResponseFacts head(int status, const Fields& fields) { return {status, fields, kNow}; }

ResumePoint point(int status, const Fields& fields, const BodyEnd& end, std::string_view method = "GET") {
  return ResumePoint(method, head(status, fields), end);
}

Continuation check(const ResumePoint& from, std::uint64_t got, int status, const Fields& fields, const BodyEnd& end) {
  return from.check(head(status, fields), end, got);
}

TEST(ContentRange, IsStrict) {
  const auto good = ContentRange::parse("bytes 100-199/1000");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->first, 100u);
  EXPECT_EQ(good->last, 199u);
  EXPECT_EQ(good->total, 1000u);
  EXPECT_FALSE(ContentRange::parse("Bytes 0-0/*")->total);
  for (const auto* bad : {"", "bytes", "bytes ", "bytes=0-1/2", "bytes */1000", "bytes 0-1", "bytes 0/1-2",
                          "bytes 2-1/10", "bytes 0-10/10", "bytes -1/10", "bytes 1-/10", "bytes 0-1/", "bytes 0-1/x",
                          "bytes 0-1/10 x", "bytes 0 - 1/10", "items 0-1/10", "bytes 0-9223372036854775808/*",
                          "bytes 0-18446744073709551615/*", "bytes 0-99999999999999999999/*"}) {
    EXPECT_FALSE(ContentRange::parse(bad)) << bad;
  }
}

TEST(ResumePoint, WhatCanBeResumed) {
  struct Case {
    const char* what;
    bool resumable;
    int status;
    Fields fields;
    BodyEnd end;
    const char* method = "GET";
  };
  for (const Case& c : {
           Case{"strong ETag", true, 200, {kEtag}, length(1000)},
           Case{"empty strong ETag", true, 200, {{"etag", "\"\""}}, length(1000)},
           Case{"chunked", true, 200, {kEtag, {"Transfer-Encoding", "chunked"}}, kChunked},
           Case{"Last-Modified before Date", true, 200, {kModified, kDate}, length(1000)},
           Case{"one range", true, 206, {kEtag, range("bytes 5-9/20")}, length(5)},
           Case{"one range of an unknown total", true, 206, {kEtag, range("bytes 5-9/*")}, kChunked},
           Case{"ETag twice alike", true, 200, {kEtag, kEtag}, length(1000)},
           Case{"no validator", false, 200, {kDate}, length(1000)},
           Case{"weak ETag", false, 200, {{"ETag", "W/\"v1\""}}, length(1000)},
           Case{"weak ETag beside a strong date", false, 200, {{"ETag", "W/\"v1\""}, kModified, kDate}, length(1000)},
           Case{"ETag that is none", false, 200, {{"ETag", "v1"}}, length(1000)},
           Case{"ETag with a quote inside", false, 200, {{"ETag", "\"a\"b\""}}, length(1000)},
           Case{"two ETags", false, 200, {kEtag, {"ETag", "\"v2\""}}, length(1000)},
           Case{"Last-Modified without Date", false, 200, {kModified}, length(1000)},
           Case{
               "Last-Modified in the second of Date", false, 200, {kModified, {"Date", kModified.value}}, length(1000)},
           Case{"Last-Modified one second before Date",
                true,
                200,
                {kModified, {"Date", "Sun, 22 Nov 2026 10:00:01 GMT"}},
                length(1000)},
           Case{"Last-Modified that is none", false, 200, {{"Last-Modified", "yesterday"}, kDate}, length(1000)},
           Case{"close-delimited", false, 200, {kEtag}, kClose},
           Case{"transfer coding", false, 200, {kEtag, {"Transfer-Encoding", "gzip, chunked"}}, kChunked},
           Case{"HEAD", false, 200, {kEtag}, length(1000), "HEAD"},
           Case{"POST", false, 200, {kEtag}, length(1000), "POST"},
           Case{"another status", false, 203, {kEtag}, length(1000)},
           Case{"an error page", false, 404, {kEtag}, length(1000)},
           Case{"206 without Content-Range", false, 206, {kEtag}, length(1000)},
           Case{"206 that contradicts its length", false, 206, {kEtag, range("bytes 5-9/20")}, length(6)},
           Case{"multipart/byteranges",
                false,
                206,
                {kEtag, range("bytes 5-9/20"), {"Content-Type", "Multipart/ByteRanges; boundary=x"}},
                length(5)},
       }) {
    EXPECT_EQ(point(c.status, c.fields, c.end, c.method).resumable(0), c.resumable) << c.what;
  }
  EXPECT_FALSE(ResumePoint().resumable(0));
}

TEST(ResumePoint, NothingIsMissingAtTheEnd) {
  const ResumePoint whole = point(200, {kEtag}, length(1000));
  EXPECT_TRUE(whole.resumable(999));
  EXPECT_FALSE(whole.resumable(1000));
  const ResumePoint part = point(206, {kEtag, range("bytes 5-9/20")}, kChunked);
  EXPECT_TRUE(part.resumable(4));
  EXPECT_FALSE(part.resumable(5));
  EXPECT_FALSE(point(200, {kEtag}, length(0)).resumable(0));
}

TEST(ResumePoint, AsksForWhatIsMissing) {
  const ResumePoint whole = point(200, {kEtag}, length(1000));
  EXPECT_EQ(whole.range(0), "bytes=0-");
  EXPECT_EQ(whole.range(300), "bytes=300-");
  EXPECT_EQ(whole.if_range(), "\"v1\"");
  const ResumePoint part = point(206, {kModified, kDate, range("bytes 100-199/1000")}, length(100));
  EXPECT_EQ(part.range(0), "bytes=100-199");
  EXPECT_EQ(part.range(40), "bytes=140-199");
  EXPECT_EQ(part.if_range(), kModified.value);
}

struct Answer {
  const char* what;
  Kind kind;
  int status;
  Fields fields;
  BodyEnd end;
  std::uint64_t discard = 0;
  std::int64_t left = -1;
};

void expect(const ResumePoint& from, std::uint64_t got, const Answer& a) {
  const Continuation c = check(from, got, a.status, a.fields, a.end);
  EXPECT_EQ(c.kind, a.kind) << a.what;
  EXPECT_EQ(c.discard, a.discard) << a.what;
  EXPECT_EQ(c.left ? static_cast<std::int64_t>(*c.left) : -1, a.left) << a.what;
}

// The first response was a 200 of 1000 bytes, of which 300 came.
TEST(Continuation, OfAWholeEntity) {
  const ResumePoint from = point(200, {kEtag, kModified, kDate}, length(1000));
  for (const Answer& a : {
           Answer{"the rest", Kind::go_on, 206, {kEtag, range("bytes 300-999/1000")}, length(700), 0, 700},
           Answer{"the rest, chunked", Kind::go_on, 206, {kEtag, range("bytes 300-999/1000")}, kChunked, 0, 700},
           Answer{"the rest, to the close", Kind::go_on, 206, {kEtag, range("bytes 300-999/1000")}, kClose, 0, 700},
           Answer{"all again", Kind::discard, 200, {kEtag}, length(1000), 300, 700},
           Answer{"all again, chunked", Kind::discard, 200, {kEtag}, kChunked, 300, 700},
           Answer{"all again, to the close", Kind::discard, 200, {kEtag}, kClose, 300, 700},
           Answer{"another start", Kind::other, 206, {kEtag, range("bytes 299-999/1000")}, length(701)},
           Answer{"another total", Kind::other, 206, {kEtag, range("bytes 300-1000/1001")}, length(701)},
           Answer{"an unknown total", Kind::other, 206, {kEtag, range("bytes 300-999/*")}, length(700)},
           Answer{"less than the rest", Kind::other, 206, {kEtag, range("bytes 300-998/1000")}, length(699)},
           Answer{"a length that contradicts", Kind::other, 206, {kEtag, range("bytes 300-999/1000")}, length(7)},
           Answer{"no Content-Range", Kind::other, 206, {kEtag}, length(700)},
           Answer{"two Content-Ranges",
                  Kind::other,
                  206,
                  {kEtag, range("bytes 300-999/1000"), range("bytes 0-699/1000")},
                  length(700)},
           Answer{"several parts",
                  Kind::other,
                  206,
                  {kEtag, range("bytes 300-999/1000"), {"Content-Type", "multipart/byteranges; boundary=x"}},
                  length(700)},
           Answer{"another ETag", Kind::other, 206, {{"ETag", "\"v2\""}, range("bytes 300-999/1000")}, length(700)},
           Answer{
               "the ETag weakened", Kind::other, 206, {{"ETag", "W/\"v1\""}, range("bytes 300-999/1000")}, length(700)},
           Answer{"no ETag", Kind::other, 206, {kModified, range("bytes 300-999/1000")}, length(700)},
           Answer{"another coding",
                  Kind::other,
                  206,
                  {kEtag, range("bytes 300-999/1000"), {"Content-Encoding", "gzip"}},
                  length(700)},
           Answer{"identity is no coding",
                  Kind::go_on,
                  206,
                  {kEtag, range("bytes 300-999/1000"), {"Content-Encoding", "identity"}},
                  length(700),
                  0,
                  700},
           Answer{"a transfer coding",
                  Kind::other,
                  206,
                  {kEtag, range("bytes 300-999/1000"), {"Transfer-Encoding", "gzip, chunked"}},
                  kChunked},
           Answer{"another entity", Kind::other, 200, {{"ETag", "\"v2\""}}, length(1000)},
           Answer{"another length", Kind::other, 200, {kEtag}, length(999)},
           Answer{"not satisfiable", Kind::other, 416, {kEtag, {"Content-Range", "bytes */1000"}}, length(0)},
           Answer{"an error", Kind::other, 503, {kEtag}, length(10)},
           Answer{"not modified", Kind::other, 304, {kEtag}, length(0)},
       }) {
    expect(from, 300, a);
  }
}

// The first response was chunked: 300 bytes came and nobody knows of how many.
TEST(Continuation, OfAnUnknownLength) {
  const ResumePoint from = point(200, {kEtag}, kChunked);
  for (const Answer& a : {
           Answer{"the rest", Kind::go_on, 206, {kEtag, range("bytes 300-999/1000")}, length(700), 0, 700},
           Answer{"some of it", Kind::other, 206, {kEtag, range("bytes 300-998/1000")}, length(699)},
           Answer{"no total", Kind::other, 206, {kEtag, range("bytes 300-999/*")}, length(700)},
           Answer{"all again", Kind::discard, 200, {kEtag}, length(1000), 300, 700},
           Answer{"all again, nothing more", Kind::discard, 200, {kEtag}, length(300), 300, 0},
           Answer{"all again, less than before", Kind::other, 200, {kEtag}, length(299)},
           Answer{"all again, chunked", Kind::discard, 200, {kEtag}, kChunked, 300},
           Answer{"all again, to the close", Kind::other, 200, {kEtag}, kClose},
       }) {
    expect(from, 300, a);
  }
}

// The client asked for bytes 100-199 of 1000, of which 40 came.
TEST(Continuation, OfTheClientsOwnRange) {
  const ResumePoint from = point(206, {kEtag, range("bytes 100-199/1000")}, length(100));
  for (const Answer& a : {
           Answer{"the rest of it", Kind::go_on, 206, {kEtag, range("bytes 140-199/1000")}, length(60), 0, 60},
           Answer{"without the offset", Kind::other, 206, {kEtag, range("bytes 40-99/1000")}, length(60)},
           Answer{"more than asked", Kind::other, 206, {kEtag, range("bytes 140-999/1000")}, length(860)},
           Answer{"the whole entity", Kind::discard, 200, {kEtag}, length(1000), 140, 60},
           Answer{"the whole entity, chunked", Kind::discard, 200, {kEtag}, kChunked, 140, 60},
           Answer{"another entity's length", Kind::other, 200, {kEtag}, length(1001)},
       }) {
    expect(from, 40, a);
  }
  const ResumePoint unknown_total = point(206, {kEtag, range("bytes 100-199/*")}, length(100));
  expect(unknown_total, 40, {"the rest", Kind::go_on, 206, {kEtag, range("bytes 140-199/1000")}, length(60), 0, 60});
  expect(unknown_total, 40, {"still unknown", Kind::go_on, 206, {kEtag, range("bytes 140-199/*")}, length(60), 0, 60});
  expect(unknown_total, 40, {"too short an entity", Kind::other, 200, {kEtag}, length(199)});
}

TEST(Continuation, ByDate) {
  const ResumePoint from = point(200, {kModified, kDate, {"Content-Encoding", "gzip"}}, length(1000));
  const FieldView gzip{"content-encoding", "GZIP"};
  const FieldView later{"Last-Modified", "Sun, 22 Nov 2026 10:00:01 GMT"};
  for (const Answer& a : {
           Answer{"the rest", Kind::go_on, 206, {kModified, gzip, range("bytes 300-999/1000")}, length(700), 0, 700},
           Answer{"changed since", Kind::other, 206, {later, gzip, range("bytes 300-999/1000")}, length(700)},
           Answer{"no date", Kind::other, 206, {gzip, range("bytes 300-999/1000")}, length(700)},
           Answer{"the coding left out", Kind::other, 206, {kModified, range("bytes 300-999/1000")}, length(700)},
       }) {
    expect(from, 300, a);
  }
}

// A server of one changing entity, honest about its validators but with all the freedom of ranges: whatever it answers,
// what the client gets is the entity it began with, or a body that ends short.
TEST(Continuation, RandomServersNeverMixEntities) {
  Random random(1);
  int finished = 0;
  for (int run = 0; run < 20'000; ++run) {
    std::uint64_t version = 0;
    std::string entity(20 + random.next() % 30, 'a');
    const auto mutate = [&] {
      ++version;
      entity.assign(20 + random.next() % 30, static_cast<char>('a' + version % 26));
    };
    // The client's own range, or all.
    const std::size_t first = random.next() % 3 == 0 ? random.next() % 10 : 0;
    const std::size_t last = first > 0 ? first + random.next() % (entity.size() - first) : entity.size() - 1;
    const bool partial = first > 0;
    const std::string wanted = entity.substr(first, last - first + 1);
    const bool chunked = random.next() % 2;

    std::string tag = "\"0\"";
    std::string content_range =
        "bytes " + std::to_string(first) + '-' + std::to_string(last) + '/' + std::to_string(entity.size());
    Fields fields = {{"ETag", tag}};
    if (partial) fields.push_back({"Content-Range", content_range});
    const ResumePoint from = point(partial ? 206 : 200, fields, chunked ? kChunked : length(wanted.size()));

    std::string body = wanted.substr(0, random.next() % wanted.size());
    for (int attempt = 0; attempt < 5 && body.size() < wanted.size() && from.resumable(body.size()); ++attempt) {
      if (random.next() % 5 == 0) mutate();
      // What the server makes of "bytes=N-[M]": honours it, ignores it, or answers another range.
      tag = '"' + std::to_string(version) + '"';
      std::size_t from_byte = first + body.size();
      std::size_t to_byte = partial ? last : entity.size() - 1;
      int status = 206;
      switch (random.next() % 4) {
        case 0:
          status = 200;
          break;
        case 1:
          from_byte = random.next() % entity.size();
          break;
        case 2:
          to_byte = random.next() % entity.size();
          break;
        default:
          break;
      }
      if (status == 206 && (from_byte > to_byte || to_byte >= entity.size())) continue;
      const std::string sent = status == 200 ? entity : entity.substr(from_byte, to_byte - from_byte + 1);
      content_range =
          "bytes " + std::to_string(from_byte) + '-' + std::to_string(to_byte) + '/' + std::to_string(entity.size());
      fields = {{"ETag", tag}};
      if (status == 206) fields.push_back({"Content-Range", content_range});
      const Continuation c =
          check(from, body.size(), status, fields, random.next() % 2 ? kChunked : length(sent.size()));
      if (c.kind == Kind::other) break;
      const std::size_t skip = c.kind == Kind::discard ? c.discard : 0;
      ASSERT_LE(skip, sent.size());
      std::string rest = sent.substr(skip, c.left.value_or(sent.size()));
      if (random.next() % 3 == 0) rest.resize(random.next() % (rest.size() + 1));  // breaks again
      body += rest;
    }
    ASSERT_EQ(body, wanted.substr(0, body.size())) << "run " << run;
    finished += body == wanted;
  }
  EXPECT_GT(finished, 1000);
}

}  // namespace
}  // namespace backoffd::policy
