#include "admin/text_table.h"

#include <algorithm>

namespace backoffd::admin {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 8;  // an elastic column is no use below

// The first columns of it, the last of them an ellipsis.
std::string shortened(const std::string& text, std::size_t width) {
  std::size_t columns = 0;
  std::size_t end = 0;
  while (end < text.size() && columns + 1 < width) {
    ++end;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;
    ++columns;
  }
  return text.substr(0, end) + "…";
}

}  // namespace

std::vector<std::size_t> TextTable::widths(const Terminal& terminal) const {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = columns_of(columns_[i].title);
    for (const auto& row : rows_) width = std::max(width, columns_of(row[i].text));
    out.push_back(width);
  }
  std::size_t all = indent_ + kGap * (columns_.size() - 1);
  for (const std::size_t width : out) all += width;
  while (terminal.width != 0 && all > terminal.width) {
    std::size_t widest = columns_.size();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].kind != Kind::elastic || out[i] <= kNarrowest) continue;
      if (widest == columns_.size() || out[i] > out[widest]) widest = i;
    }
    if (widest == columns_.size()) break;
    --out[widest];
    --all;
  }
  return out;
}

std::string TextTable::line(const std::vector<Cell>& row, const std::vector<std::size_t>& widths,
                            const Terminal& terminal) const {
  std::string out(indent_, ' ');
  std::size_t owed = 0;  // spaces that nothing stands behind yet
  for (std::size_t i = 0; i < row.size(); ++i) {
    const bool fits = columns_of(row[i].text) <= widths[i];
    const std::string text = fits ? row[i].text : shortened(row[i].text, widths[i]);
    const std::size_t padding = widths[i] - std::min(widths[i], columns_of(text));
    if (columns_[i].kind == Kind::number) owed += padding;
    if (!text.empty()) {
      out.append(owed, ' ').append(painted(text, row[i].tone, terminal));
      owed = 0;
    }
    owed += kGap + (columns_[i].kind == Kind::number ? 0 : padding);
  }
  return out + "\n";
}

std::string TextTable::text(const Terminal& terminal) const {
  const auto fitting = widths(terminal);
  std::string out;
  std::vector<Cell> head;
  for (const Column& column : columns_) head.emplace_back(column.title, Tone::faint);
  const bool has_head = std::any_of(head.begin(), head.end(), [](const Cell& cell) { return !cell.text.empty(); });
  if (has_head) out += line(head, fitting, terminal);
  for (const auto& row : rows_) out += line(row, fitting, terminal);
  return out;
}

}  // namespace backoffd::admin
