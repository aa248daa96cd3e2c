// A table as text: a line a row, columns aligned. Where it would be wider than the terminal, the columns that may are
// shortened, the widest first.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "admin/terminal.h"

namespace backoffd::admin {

struct Cell {
  Cell(const std::string& what, Tone how = Tone::plain)  // NOLINT(google-explicit-constructor)
      : text(printable(what)), tone(how) {}
  Cell(const char* what, Tone how = Tone::plain)  // NOLINT(google-explicit-constructor)
      : Cell(std::string(what), how) {}

  std::string text;
  Tone tone;
};

class TextTable {
 public:
  enum class Kind { text, number, elastic };  // elastic: text that may be shortened
  struct Column {
    std::string title;  // where all are empty there is no head
    Kind kind = Kind::text;
  };

  explicit TextTable(std::vector<Column> columns, std::size_t indent = 0)
      : columns_(std::move(columns)), indent_(indent) {}

  // REQUIRES: as many cells as columns.
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }
  std::string text(const Terminal& terminal) const;

 private:
  std::vector<std::size_t> widths(const Terminal& terminal) const;
  std::string line(const std::vector<Cell>& row, const std::vector<std::size_t>& widths,
                   const Terminal& terminal) const;

  const std::vector<Column> columns_;
  const std::size_t indent_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace backoffd::admin
