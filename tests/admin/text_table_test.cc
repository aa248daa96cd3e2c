#include "admin/text_table.h"

#include <gtest/gtest.h>

#include "admin/words.h"

namespace backoffd::admin {
namespace {

using Kind = TextTable::Kind;

TextTable table() {
  TextTable out({{"NAME", Kind::elastic}, {"STATE"}, {"N", Kind::number}});
  out.add({"a-rather-long-name", {"good", Tone::good}, "5"});
  out.add({"b", "-", "12,345"});
  return out;
}

TEST(TextTable, ColumnsAreAlignedAndNothingTrails) {
  EXPECT_EQ(table().text({}),
            "NAME                STATE       N\n"
            "a-rather-long-name  good        5\n"
            "b                   -      12,345\n");
}

TEST(TextTable, AnElasticColumnGivesWay) {
  EXPECT_EQ(table().text({.width = 27}),
            "NAME          STATE       N\n"
            "a-rather-lo…  good        5\n"
            "b             -      12,345\n");
  EXPECT_EQ(columns_of(table().text({.width = 1})), columns_of(table().text({.width = 23})));
}

TEST(TextTable, ColoursTakeNoRoom) {
  EXPECT_EQ(table().text({.colours = true}),
            "\x1b[2mNAME\x1b[0m                \x1b[2mSTATE\x1b[0m       \x1b[2mN\x1b[0m\n"
            "a-rather-long-name  \x1b[32mgood\x1b[0m        5\n"
            "b                   -      12,345\n");
}

TEST(TextTable, WithoutTitlesThereIsNoHead) {
  TextTable plain({{""}, {""}}, 2);
  plain.add({"a", "b"});
  EXPECT_EQ(plain.text({}), "  a  b\n");
}

TEST(TextTable, WhatOthersWroteMovesNoCursor) {
  TextTable hostile({{""}});
  hostile.add({std::string("a\x1b[2J\r\n\x7f\xc2\x9b") + "é…"});
  EXPECT_EQ(hostile.text({}), "a?[2J????é…\n");
}

TEST(Words, Figures) {
  EXPECT_EQ(count(json::Value(1234567)), "1,234,567");
  EXPECT_EQ(count(json::Value(-1234)), "-1,234");
  EXPECT_EQ(count(json::Value(999)), "999");
  EXPECT_EQ(count(json::Value()), "-");
  EXPECT_EQ(figure(json::Value(8.5), "/s"), "8.5/s");
  EXPECT_EQ(share(json::Value(0.9625)), "96.25 %");
  EXPECT_EQ(bytes_in_words(json::Value(1536)), "1.5 KiB");
  EXPECT_EQ(bytes_in_words(json::Value(12)), "12 B");
  EXPECT_EQ(counted(json::Value(1), "request"), "1 request");
  EXPECT_EQ(counted(json::Value(0), "request"), "0 requests");
}

TEST(Words, Spans) {
  EXPECT_EQ(span(0.0), "0 s");
  EXPECT_EQ(span(0.0123), "12.3 ms");
  EXPECT_EQ(span(1.5), "1.50 s");
  EXPECT_EQ(span(45.0), "45 s");
  EXPECT_EQ(span(59.7), "1 min");
  EXPECT_EQ(span(3600.0 * 3 + 720), "3 h 12 min");
  EXPECT_EQ(span(86400.0 * 3), "3 d");
  EXPECT_EQ(span(json::Value("x")), "-");
}

}  // namespace
}  // namespace backoffd::admin
