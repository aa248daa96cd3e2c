#include <algorithm>
#include <utility>

#include "admin/json.h"

namespace backoffd::admin::json {

Value::Value() = default;
Value::Value(const Value& other) = default;
Value::Value(Value&& other) noexcept = default;
Value& Value::operator=(const Value& other) = default;
Value& Value::operator=(Value&& other) noexcept = default;
Value::~Value() = default;

Value::Value(std::uint64_t value) {
  if (value <= INT64_MAX) {
    state_ = static_cast<std::int64_t>(value);
  } else {
    state_ = static_cast<double>(value);  // beyond every range that is asked for
  }
}

double Value::number() const {
  const std::int64_t* whole = integer();
  return whole ? static_cast<double>(*whole) : *std::get_if<double>(&state_);
}

const Value* Value::find(std::string_view name) const {
  const Object* members = object();
  if (!members) return nullptr;
  const auto it = std::find_if(members->begin(), members->end(), [&](const Member& m) { return m.first == name; });
  return it == members->end() ? nullptr : &it->second;
}

Value* Value::find(std::string_view name) { return const_cast<Value*>(std::as_const(*this).find(name)); }

Value& Value::operator[](std::string_view name) {
  if (!object()) state_ = Object();
  if (Value* there = find(name)) return *there;
  return object()->emplace_back(std::string(name), Value()).second;
}

}  // namespace backoffd::admin::json
