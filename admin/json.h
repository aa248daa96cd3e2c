// JSON as the operator's files and calls speak it: parsed strictly into a plain tree, and written back. The only file
// pair that knows RapidJSON. Pure functions over values: any thread, no state.
//
// Strict means: UTF-8 checked, a key given twice is a problem, nothing may follow the value, numbers must be finite.
// Size and depth are bounded, and neither parsing nor destroying a value recurses deeper than that bound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "policy/result.h"

namespace backoffd::admin::json {

class Value;
using Array = std::vector<Value>;
using Member = std::pair<std::string, Value>;
using Object = std::vector<Member>;  // in the order of the text

class Value {
 public:
  // These are in json_value.cc: inlined into a caller, a moved variant makes GCC 12 warn of what cannot happen.
  Value();  // null
  Value(const Value& other);
  Value(Value&& other) noexcept;
  Value& operator=(const Value& other);
  Value& operator=(Value&& other) noexcept;
  ~Value();
  // One constructor a kind; integers and doubles stay apart, so that 5 is written "5" and 15.0 "15.0".
  Value(bool value) : state_(value) {}                            // NOLINT(google-explicit-constructor)
  Value(int value) : state_(static_cast<std::int64_t>(value)) {}  // NOLINT(google-explicit-constructor)
  Value(std::int64_t value) : state_(value) {}                    // NOLINT(google-explicit-constructor)
  Value(std::uint64_t value);                                     // NOLINT(google-explicit-constructor)
  Value(double value) : state_(value) {}                          // NOLINT(google-explicit-constructor)
  Value(std::string value) : state_(std::move(value)) {}          // NOLINT(google-explicit-constructor)
  Value(std::string_view value) : state_(std::string(value)) {}   // NOLINT(google-explicit-constructor)
  Value(const char* value) : state_(std::string(value)) {}        // NOLINT(google-explicit-constructor)
  Value(Array value) : state_(std::move(value)) {}                // NOLINT(google-explicit-constructor)
  Value(Object value) : state_(std::move(value)) {}               // NOLINT(google-explicit-constructor)

  bool is_null() const { return std::holds_alternative<std::monostate>(state_); }
  // The value as that kind; nullptr for any other kind.
  const bool* boolean() const { return std::get_if<bool>(&state_); }
  const std::int64_t* integer() const { return std::get_if<std::int64_t>(&state_); }
  const std::string* string() const { return std::get_if<std::string>(&state_); }
  const Array* array() const { return std::get_if<Array>(&state_); }
  const Object* object() const { return std::get_if<Object>(&state_); }
  Array* array() { return std::get_if<Array>(&state_); }
  Object* object() { return std::get_if<Object>(&state_); }
  bool is_number() const { return integer() != nullptr || std::holds_alternative<double>(state_); }
  double number() const;  // REQUIRES: is_number()

  // The member of that name; nullptr where there is none or this is no object.
  const Value* find(std::string_view name) const;
  Value* find(std::string_view name);
  // The member of that name, added as null where there is none. Makes an object of anything else first.
  Value& operator[](std::string_view name);

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> state_;
};

enum class Dialect {
  strict,         // RFC 8259
  with_comments,  // ... and `//` up to the end of the line, for files that people write
};

struct Limits {
  std::size_t bytes = 1 << 20;
  std::size_t depth = 32;
};

// One value and the keys that were given twice, each by its path ("providers[1].name"): the later one is dropped.
struct Document {
  Value root;
  std::vector<std::string> repeated;
};

// An error is a fault of syntax or a bound, with "line L, column C" as its place.
policy::Result<Document> parse(std::string_view text, Dialect dialect, const Limits& limits = {});

// `where` extended by a member or an element: "providers" -> "providers[1]" -> "providers[1].name".
std::string join(std::string_view where, std::string_view member);
std::string join(std::string_view where, std::size_t index);

enum class Layout { compact, indented };
// Valid JSON for every value: bytes that are no UTF-8 become U+FFFD, a number that is not finite becomes null.
std::string write(const Value& value, Layout layout = Layout::compact);

}  // namespace backoffd::admin::json
