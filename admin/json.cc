#include "admin/json.h"

// RapidJSON compares an offset to a null pointer before it first allocates: harmless, but clang's sanitizer stops
// there.
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("pointer-overflow"))), apply_to = function)
#endif
#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#ifdef __clang__
#pragma clang attribute pop
#endif

#include <algorithm>
#include <cmath>
#include <unordered_set>

namespace backoffd::admin::json {
namespace {

// RapidJSON 1.1.0 adds exponent and decimals in an int before it looks at their size: 0.0000000000001e-2147483639
// overflows it and then reads outside a table. No number that means something here is longer than this.
constexpr std::size_t kLongestNumber = 40;
constexpr std::size_t kLongestExponent = 4;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

policy::Error fault_at(std::string_view text, std::size_t offset, std::string what) {
  offset = std::min(offset, text.size());
  const auto before = text.substr(0, offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto newline = before.rfind('\n');
  const auto column = newline == std::string_view::npos ? offset + 1 : offset - newline;
  return {"line " + std::to_string(line) + ", column " + std::to_string(column), std::move(what)};
}

// Goes over the text once before RapidJSON sees it: refuses NUL (which would look like the end of the text to it) and
// overlong numbers, and blanks comments, so that offsets stay those of the file.
class Prepare {
 public:
  Prepare(std::string& text, Dialect dialect) : text_(text), dialect_(dialect) {}

  // Empty when all is well, else what is wrong at offset().
  std::string run() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      std::string fault;
      if (c == '\0') return "a NUL byte";
      if (c == '"') {
        skip_string();
      } else if (c == '/' && dialect_ == Dialect::with_comments && text_.compare(at_, 2, "//") == 0) {
        while (at_ < text_.size() && text_[at_] != '\n') text_[at_++] = ' ';
      } else if (is_digit(c)) {
        fault = skip_number();
      } else {
        ++at_;
      }
      if (!fault.empty()) return fault;
    }
    return {};
  }

  std::size_t offset() const { return at_; }

 private:
  void skip_string() {
    for (++at_; at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\0'; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
    }
    if (at_ < text_.size() && text_[at_] == '"') ++at_;
  }

  std::string skip_number() {
    const std::size_t begin = at_;
    std::size_t exponent = std::string::npos;
    while (at_ < text_.size() &&
           (is_digit(text_[at_]) || std::string_view("+-.eE").find(text_[at_]) != std::string::npos)) {
      if (text_[at_] == 'e' || text_[at_] == 'E') exponent = at_ + 1;
      ++at_;
    }
    const bool too_long = at_ - begin > kLongestNumber;
    const bool too_big = exponent != std::string::npos && at_ - exponent > kLongestExponent;
    if (!too_long && !too_big) return {};
    at_ = begin;
    return "a number that is too long";
  }

  std::string& text_;
  const Dialect dialect_;
  std::size_t at_ = 0;
};

// Builds the tree from RapidJSON's events. The open containers are kept on a stack by value and moved into their parent
// when they close, so no pointer into a growing vector is held.
class Builder {
 public:
  explicit Builder(std::size_t depth) : max_depth_(depth) {}

  bool Null() { return add(Value()); }
  bool Bool(bool value) { return add(value); }
  bool Int(int value) { return add(value); }
  bool Uint(unsigned value) { return add(static_cast<std::int64_t>(value)); }
  bool Int64(std::int64_t value) { return add(value); }
  bool Uint64(std::uint64_t value) { return add(value); }
  bool Double(double value) { return add(value); }
  bool RawNumber(const char*, rapidjson::SizeType, bool) { return false; }  // only with a flag that is not set
  bool String(const char* text, rapidjson::SizeType size, bool) { return add(std::string(text, size)); }
  bool StartObject() { return open(Value(Object())); }
  bool StartArray() { return open(Value(Array())); }
  bool EndObject(rapidjson::SizeType) { return close(); }
  bool EndArray(rapidjson::SizeType) { return close(); }

  bool Key(const char* text, rapidjson::SizeType size, bool) {
    Level& level = levels_.back();
    level.key.assign(text, size);
    level.drop = !level.names.insert(level.key).second;
    if (level.drop) repeated_.push_back(join(path(levels_.size() - 1), level.key));
    return true;
  }

  bool too_deep() const { return too_deep_; }
  Document take() { return {std::move(root_), std::move(repeated_)}; }

 private:
  struct Level {
    Value value;
    std::string key;                        // objects: of the member that comes next
    bool drop = false;                      // ... which has been given before
    std::unordered_set<std::string> names;  // a linear search would be quadratic over a hostile object
  };

  std::string path(std::size_t depth) const {
    std::string where;
    for (std::size_t i = 0; i < depth; ++i) {
      const Level& level = levels_[i];
      where = level.value.array() ? join(where, level.value.array()->size()) : join(where, level.key);
    }
    return where;
  }

  bool open(Value container) {
    if (levels_.size() >= max_depth_) {
      too_deep_ = true;
      return false;
    }
    levels_.push_back({std::move(container), {}, false, {}});
    return true;
  }

  bool close() {
    Value value = std::move(levels_.back().value);
    levels_.pop_back();
    return add(std::move(value));
  }

  bool add(Value value) {
    if (levels_.empty()) {
      root_ = std::move(value);
    } else if (Level& level = levels_.back(); Array* array = level.value.array()) {
      array->push_back(std::move(value));
    } else if (!level.drop) {
      level.value.object()->emplace_back(std::move(level.key), std::move(value));
    }
    return true;
  }

  const std::size_t max_depth_;
  bool too_deep_ = false;
  std::vector<Level> levels_;
  std::vector<std::string> repeated_;
  Value root_;
};

// Length of the well-formed UTF-8 sequence at the start of `text`, 0 where there is none (RFC 3629: no overlong forms,
// no surrogates, nothing beyond U+10FFFF).
std::size_t sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  if ((lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xed && byte(1) > 0x9f)) return 0;
  if ((lead == 0xf0 && byte(1) < 0x90) || (lead == 0xf4 && byte(1) > 0x8f)) return 0;
  return size;
}

std::string well_formed(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t size = sequence(text);
    if (size == 0) {
      out += "\xef\xbf\xbd";
      text.remove_prefix(1);
    } else {
      out += text.substr(0, size);
      text.remove_prefix(size);
    }
  }
  return out;
}

template <class Writer>
void emit_string(Writer& writer, std::string_view text) {
  const std::string valid = well_formed(text);
  writer.String(valid.data(), static_cast<rapidjson::SizeType>(valid.size()));
}

template <class Writer>
void emit(Writer& writer, const Value& value) {
  if (const bool* boolean = value.boolean()) {
    writer.Bool(*boolean);
  } else if (const std::int64_t* integer = value.integer()) {
    writer.Int64(*integer);
  } else if (value.is_number()) {
    if (const double number = value.number(); std::isfinite(number)) {
      writer.Double(number);
    } else {
      writer.Null();
    }
  } else if (const std::string* text = value.string()) {
    emit_string(writer, *text);
  } else if (const Array* array = value.array()) {
    writer.StartArray();
    for (const Value& element : *array) emit(writer, element);
    writer.EndArray();
  } else if (const Object* object = value.object()) {
    writer.StartObject();
    for (const auto& [name, member] : *object) {
      emit_string(writer, name);
      emit(writer, member);
    }
    writer.EndObject();
  } else {
    writer.Null();
  }
}

}  // namespace

policy::Result<Document> parse(std::string_view text, Dialect dialect, const Limits& limits) {
  if (text.size() > limits.bytes) {
    return policy::Error{"", "longer than " + std::to_string(limits.bytes) + " bytes"};
  }
  std::string prepared(text);
  Prepare prepare(prepared, dialect);
  if (const std::string fault = prepare.run(); !fault.empty()) return fault_at(text, prepare.offset(), fault);

  rapidjson::MemoryStream stream(prepared.data(), prepared.size());
  rapidjson::Reader reader;
  Builder builder(limits.depth);
  constexpr unsigned kFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;
  const rapidjson::ParseResult result = reader.Parse<kFlags>(stream, builder);
  if (result) return builder.take();
  if (builder.too_deep()) {
    return fault_at(text, result.Offset(), "nested deeper than " + std::to_string(limits.depth) + " levels");
  }
  return fault_at(text, result.Offset(), rapidjson::GetParseError_En(result.Code()));
}

std::string join(std::string_view where, std::string_view member) {
  std::string out(where);
  if (!out.empty()) out += '.';
  return out += member;
}

std::string join(std::string_view where, std::size_t index) {
  return std::string(where) + "[" + std::to_string(index) + "]";
}

std::string write(const Value& value, Layout layout) {
  rapidjson::StringBuffer buffer;
  if (layout == Layout::indented) {
    rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
    writer.SetIndent(' ', 2);
    emit(writer, value);
  } else {
    rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
    emit(writer, value);
  }
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace backoffd::admin::json
