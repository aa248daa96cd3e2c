#include "admin/json.h"

#include <gtest/gtest.h>

#include <limits>

namespace backoffd::admin::json {
namespace {

std::string fault(std::string_view text, Dialect dialect = Dialect::strict, Limits limits = {}) {
  const auto result = parse(text, dialect, limits);
  return result ? "" : result.error().text();
}

std::string round_trip(std::string_view text) {
  const auto result = parse(text, Dialect::strict);
  return result ? write(result->root) : result.error().text();
}

TEST(JsonParse, EveryKindOfValueComesBackAsItWas) {
  for (const char* text :
       {"null", "true", "false", "0", "-7", "9223372036854775807", "15.0", "0.25", "\"\"", "\"a\\n\\u0000b\"", "[]",
        "{}", "[1,[2,{\"a\":[]}],\"x\"]", "{\"b\":1,\"a\":{\"c\":null}}"}) {
    EXPECT_EQ(round_trip(text), text);
  }
}

TEST(JsonParse, SurroundingSpaceIsFineAndAnythingElseBehindTheValueIsNot) {
  EXPECT_EQ(round_trip(" \t\r\n[1] \n"), "[1]");
  EXPECT_NE(fault("{} x"), "");
  EXPECT_NE(fault("1 2"), "");
  EXPECT_NE(fault("{},"), "");
  EXPECT_NE(fault(""), "");
}

TEST(JsonParse, FaultsAreToldByLineAndColumn) {
  EXPECT_TRUE(fault("{\n  \"a\": 1,\n  \"b\" 2\n}").starts_with("line 3, column ")) << fault("{\n\"a\" 2}");
}

TEST(JsonParse, LooseSyntaxIsRefused) {
  for (const char* text :
       {"{a:1}", "[1,]", "{\"a\":1,}", "'a'", "NaN", "Infinity", "-", "01", "1.", ".5", "+1", "[1 2]", "\"\t\"",
        "\"\\x\"", "\"\\ud800\"", "/* c */ 1", "// c\n1", "tru", "\xef\xbb\xbf{}"}) {
    EXPECT_NE(fault(text), "") << text;
  }
}

TEST(JsonParse, BytesThatAreNoUtf8AreRefused) {
  for (const char* text : {"\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf5\x80\x80\x80\"", "\"\xe2\x82\""}) {
    EXPECT_NE(fault(text), "") << text;
  }
}

TEST(JsonParse, ANulByteDoesNotHideWhatFollows) {
  using namespace std::string_view_literals;
  EXPECT_NE(fault("{}\0garbage"sv), "");
  EXPECT_NE(fault("{}\0"sv), "");
  EXPECT_NE(fault("\"a\0b\""sv), "");
}

TEST(JsonParse, CommentsOnlyWhereTheDialectHasThem) {
  const std::string text = "// head\n{ // x \"y\n \"a\": \"// no comment\" // end\n} // last";
  const auto result = parse(text, Dialect::with_comments);
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(write(result->root), R"({"a":"// no comment"})");
  EXPECT_NE(fault(text), "");
  EXPECT_NE(fault("{} /* block */", Dialect::with_comments), "");
  EXPECT_NE(fault("{} / x", Dialect::with_comments), "");
}

TEST(JsonParse, OffsetsStayThoseOfTheFileWithComments) {
  EXPECT_TRUE(fault("// a long comment\n{ \"a\" }", Dialect::with_comments).starts_with("line 2, column 7"))
      << fault("// a long comment\n{ \"a\" }", Dialect::with_comments);
}

TEST(JsonParse, RepeatedKeysAreNamedByTheirPath) {
  const auto result = parse(R"({"a":1,"p":[{"x":1},{"x":1,"x":2,"y":{"z":1,"z":1}}],"a":2})", Dialect::strict);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->repeated, (std::vector<std::string>{"p[1].x", "p[1].y.z", "a"}));
  EXPECT_EQ(write(result->root), R"({"a":1,"p":[{"x":1},{"x":1,"y":{"z":1}}]})");
}

TEST(JsonParse, AMillionOpenBracketsAreHarmless) {
  EXPECT_NE(fault(std::string(1000000, '[')).find("nested deeper than 32"), std::string::npos);
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  EXPECT_NE(fault(objects).find("nested deeper than 32"), std::string::npos);
}

TEST(JsonParse, DepthIsCountedExactly) {
  EXPECT_EQ(fault(std::string(32, '[') + std::string(32, ']')), "");
  EXPECT_NE(fault(std::string(33, '[') + std::string(33, ']')), "");
}

TEST(JsonParse, SizeIsBounded) {
  EXPECT_EQ(fault("[1,2,3]", Dialect::strict, {.bytes = 7, .depth = 2}), "");
  EXPECT_NE(fault("[1,2,3]", Dialect::strict, {.bytes = 6, .depth = 2}), "");
}

TEST(JsonParse, MonstrousNumbersAreRefusedNotComputed) {
  for (const char* text : {"1e1000000000", "-1e1000000000", "1e-1000000000", "1e309", "0.1e-2147483647",
                           "0.0000000000001e-2147483639", "1e99999999999999999999", "1e+00000000000000000001"}) {
    EXPECT_NE(fault(text), "") << text;
  }
  EXPECT_NE(fault("1" + std::string(100000, '0')), "");
  EXPECT_NE(fault("0." + std::string(100000, '0') + "1"), "");
}

TEST(JsonParse, SmallAndLargeNumbersKeepTheirValue) {
  const auto value = [](std::string_view text) { return parse(text, Dialect::strict)->root.number(); };
  EXPECT_EQ(value("1e308"), 1e308);
  EXPECT_EQ(value("1e-999"), 0.0);
  EXPECT_EQ(value("18446744073709551615"), 18446744073709551615.0);
  EXPECT_EQ(value("0.2"), 0.2);
  EXPECT_EQ(value("-12.5"), -12.5);
}

TEST(JsonParse, ManyKeysCostNoQuadraticWork) {
  std::string text = "{";
  for (int i = 0; i < 60000; ++i) text += "\"key" + std::to_string(i) + "\":0,";
  text.back() = '}';
  EXPECT_EQ(fault(text), "");
}

TEST(JsonWrite, IndentedForPeople) {
  const Value value(Object{{"a", Array{1, 2.5}}, {"b", Object{}}});
  EXPECT_EQ(write(value, Layout::indented), "{\n  \"a\": [\n    1,\n    2.5\n  ],\n  \"b\": {}\n}");
}

TEST(JsonWrite, WhateverIsPutInValidJsonComesOut) {
  EXPECT_EQ(write(Value(std::numeric_limits<double>::infinity())), "null");
  EXPECT_EQ(write(Value(std::numeric_limits<double>::quiet_NaN())), "null");
  for (const std::string text : {"\xff", "a\xc0\x80z", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\"\\\x01"}) {
    const std::string written = write(Value(text));
    EXPECT_TRUE(parse(written, Dialect::strict)) << written;
  }
  EXPECT_EQ(write(Value("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80")), "\"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"");
}

TEST(JsonValue, MembersAreFoundAndMade) {
  Value value;
  value["a"]["b"] = 5;
  EXPECT_EQ(write(value), R"({"a":{"b":5}})");
  EXPECT_EQ(*value.find("a")->find("b")->integer(), 5);
  EXPECT_EQ(value.find("x"), nullptr);
  EXPECT_EQ(Value(3).find("x"), nullptr);
}

TEST(JsonJoin, PathsReadAsPeopleWriteThem) {
  EXPECT_EQ(join(join(join("", "providers"), 1), "name"), "providers[1].name");
}

}  // namespace
}  // namespace backoffd::admin::json
