// The types a configuration key can have. Each is a small value with the same parts:
//   Field                          what it reads into
//   type(), range(), spelling()    for the reference and for --set
//   words()                        texts that are no element of the list it is
//   read(field, place)             false, and a problem at the place, when the value is none of this type
//   show(field)                    the reverse; null: nothing to show
//   describe(prefix, rows)         rows of keys inside it, where it has any
#pragma once

#include <cmath>
#include <concepts>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/key.h"
#include "admin/units.h"
#include "policy/rate.h"
#include "policy/time.h"

namespace backoffd::admin {

struct Scalar {
  std::string range() const { return {}; }
  Spelling spelling() const { return Spelling::json; }
  std::vector<std::string> words() const { return {}; }
  void describe(const std::string&, KeyRows&) const {}
};

struct Text : Scalar {
  Spelling spelling() const { return Spelling::text; }
};

struct Boolean : Scalar {
  using Field = bool;
  std::string type() const { return "boolean"; }
  bool read(bool& field, const Place& place) const {
    const bool* value = place.value.boolean();
    if (!value) return place.refuse("expected true or false");
    field = *value;
    return true;
  }
  json::Value show(bool field) const { return field; }
};

template <std::integral Int>
struct Integer : Scalar {
  using Field = Int;
  Int least;
  Int most;
  Integer(Int low, Int high) : least(low), most(high) {}
  std::string type() const { return "integer"; }
  std::string range() const { return std::to_string(least) + ".." + std::to_string(most); }
  bool read(Int& field, const Place& place) const {
    const std::int64_t* value = place.value.integer();
    if (!place.value.is_number()) return place.refuse("expected an integer");
    if (!value || std::cmp_less(*value, least) || std::cmp_greater(*value, most)) {
      return place.refuse("must be an integer from " + std::to_string(least) + " to " + std::to_string(most));
    }
    field = static_cast<Int>(*value);
    return true;
  }
  json::Value show(Int field) const { return static_cast<std::int64_t>(field); }
};

struct Number : Scalar {
  using Field = double;
  int least;
  int most;
  Number(int low, int high) : least(low), most(high) {}
  std::string type() const { return "number"; }
  std::string range() const { return std::to_string(least) + ".." + std::to_string(most); }
  bool read(double& field, const Place& place) const {
    if (!place.value.is_number()) return place.refuse("expected a number");
    const double value = place.value.number();
    if (!(value >= least && value <= most)) {
      return place.refuse("must be from " + std::to_string(least) + " to " + std::to_string(most));
    }
    field = value;
    return true;
  }
  json::Value show(double field) const { return field; }
};

struct Span : Text {
  using Field = policy::Duration;
  policy::Duration least;
  policy::Duration most;
  Span(policy::Duration low, policy::Duration high) : least(low), most(high) {}
  std::string type() const { return "duration"; }
  std::string range() const { return format_duration(least) + ".." + format_duration(most); }
  bool read(policy::Duration& field, const Place& place) const;
  json::Value show(policy::Duration field) const { return format_duration(field); }
};

struct Size : Text {
  using Field = std::uint64_t;
  std::uint64_t least;
  std::uint64_t most;
  Size(std::uint64_t low, std::uint64_t high) : least(low), most(high) {}
  std::string type() const { return "size"; }
  std::string range() const { return format_size(least) + ".." + format_size(most); }
  bool read(std::uint64_t& field, const Place& place) const;  // a plain number is bytes
  json::Value show(std::uint64_t field) const { return format_size(field); }
};

// Text without control characters that `check` has nothing against (it returns what is wrong).
struct Word : Text {
  using Field = std::string;
  std::string kind;
  std::string (*check)(std::string_view);
  explicit Word(std::string type_name, std::string (*checker)(std::string_view) = nullptr)
      : kind(std::move(type_name)), check(checker) {}
  std::string type() const { return kind; }
  bool read(std::string& field, const Place& place) const;
  json::Value show(const std::string& field) const { return field; }
};

// One of the names of an enum, in the order of its values.
template <class Enum>
struct Choice : Text {
  using Field = Enum;
  std::span<const std::string_view> names;
  explicit Choice(std::span<const std::string_view> all) : names(all) {}
  std::string type() const { return "choice"; }
  std::string range() const {
    std::string out;
    for (const auto one : names) (out += out.empty() ? "" : ", ") += one;
    return out;
  }
  bool read(Enum& field, const Place& place) const {
    const std::string* text = place.value.string();
    for (std::size_t i = 0; text && i < names.size(); ++i) {
      if (*text != names[i]) continue;
      field = static_cast<Enum>(i);
      return true;
    }
    return place.refuse("expected one of " + range());
  }
  json::Value show(Enum field) const { return names[static_cast<std::size_t>(field)]; }
};

struct RateText : Text {
  using Field = policy::Rate;
  std::string type() const { return "rate"; }
  static std::optional<policy::Rate> parse(const Place& place);
  json::Value show(const policy::Rate& field) const { return field.text(); }
};

// A rate that may be absent.
struct OptionalRate : Text {
  using Field = std::optional<policy::Rate>;
  std::string type() const { return "rate"; }
  bool read(Field& field, const Place& place) const {
    field = RateText::parse(place);
    return field.has_value();
  }
  json::Value show(const Field& field) const { return field ? json::Value(field->text()) : json::Value(); }
};

// An object with keys of its own.
template <class T>
struct Section : Scalar {
  using Field = T;
  const Keys<T>& keys;
  explicit Section(const Keys<T>& of) : keys(of) {}
  std::string type() const { return "object"; }
  bool read(T& field, const Place& place) const {
    const std::size_t before = place.problems.size();
    read_object(keys, field, place);
    return place.problems.size() == before;
  }
  json::Value show(const T& field) const { return show_object(keys, field); }
  void describe(const std::string& prefix, KeyRows& rows) const { describe_object(keys, prefix + ".", T(), rows); }
};

// A list replaces the one before it as a whole. An element that is wrong makes a problem; it keeps its place where it
// can, so that the problems of those behind it name theirs.
template <class Element>
struct List : Scalar {
  using Field = std::vector<typename Element::Field>;
  Element element;
  std::size_t least = 0;  // elements
  explicit List(Element of, std::size_t at_least = 0) : element(std::move(of)), least(at_least) {}
  std::string type() const {
    const std::string one = element.type();
    return "list of " + one + (one.ends_with('s') ? "es" : "s");
  }
  std::string range() const { return element.range(); }
  Spelling spelling() const { return Spelling::list; }
  bool read(Field& field, const Place& place) const {
    const json::Array* values = place.value.array();
    if (!values) return place.refuse("expected a list");
    if (values->size() < least) return place.refuse("must not be empty");
    const std::size_t before = place.problems.size();
    field.clear();
    for (std::size_t i = 0; i < values->size(); ++i) {
      const Place at = place.element(i, (*values)[i]);
      if constexpr (std::is_default_constructible_v<typename Element::Field>) {
        typename Element::Field one{};
        element.read(one, at);
        field.push_back(std::move(one));
      } else {
        if (auto one = Element::parse(at)) field.push_back(std::move(*one));
      }
    }
    return place.problems.size() == before;
  }
  json::Value show(const Field& field) const {
    json::Array out;
    for (const auto& one : field) out.push_back(element.show(one));
    return out;
  }
  void describe(const std::string& prefix, KeyRows& rows) const { element.describe(prefix + "[]", rows); }
};

// A key of T from its type, the field it stands for (a function from T& and from const T&) and its meaning.
enum class Presence { optional, required };
template <class T, class Type, class FieldOf>
Key<T> key(std::string path, Type type, FieldOf field_of, std::string meaning, Presence presence = Presence::optional) {
  const bool required = presence == Presence::required;
  return {
      path, required, [type, field_of](T& into, const Place& place) { type.read(field_of(into), place); },
      [type, field_of](const T& from) { return type.show(field_of(from)); },
      [=](const std::string& prefix, const T& defaults, KeyRows& rows) {
        const json::Value preset = type.show(field_of(defaults));
        std::string preset_text = json::write(preset);
        if (preset.object()) preset_text = "{}";  // its keys have rows, with defaults, of their own
        if (preset.is_null()) preset_text = "none";
        if (required) preset_text = "required";
        rows.push_back({prefix + path, type.type(), type.range(), preset_text, meaning, type.spelling(), type.words()});
        type.describe(prefix + path, rows);
      }};
}

}  // namespace backoffd::admin
